"""From a PyTorch model to a Predictor."""

from collections.abc import Mapping
from typing import Any

from lmfit.catalog import TASK_SETTINGS, TASKS
from lmfit.config.model import ModelConfig
from lmfit.data.framing import Framer
from lmfit.device import pick_device
from lmfit.errors import InputError
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor
from lmfit.models.damaged import check_vocabulary
from lmfit.models.load import find_model, load_config, load_model, load_tokenizer, mark_words
from lmfit.models.padding import fit_padding
from lmfit.models.plain import LMFIT_KEY
from lmfit.models.positions import positions
from lmfit.runs import Run
from lmfit.tasks.base import Task

DEFAULT_MAX_LENGTH = 512


def load_pytorch(run: Run, *, device: str, precision: str) -> Predictor:
    """Load model, tokenizer and task. precision fp32: no answer is computed in lower precision (see `Answerer`).

    A model folder that lmfit did not write works too where its architecture tells the task.
    Raises InputError where the folder holds no model of a known task.
    """
    on_hub = str(run.path).startswith("hub:")
    source = find_model(ModelConfig(name=str(run.path if on_hub else run.path.absolute())))
    config = load_config(source)
    facts: Mapping[str, Any] = getattr(config, LMFIT_KEY, None) or _facts_of_foreign(config, source.where)
    if "task" not in facts:
        fix = f"fine-tune it first: lmfit finetune CONFIG model.name={run.path}"
        raise InputError(f"`{run.path}` is pretrained and has not learnt a task yet", fix=fix)
    kind = TASKS.load(facts["task"])
    task: Task = kind.restore(facts["state"])
    tokenizer = load_tokenizer(source)
    check_vocabulary(tokenizer, config, source.name)
    if kind.example_kind == "words":
        mark_words(tokenizer)
    framer = Framer(tokenizer, facts["max_length"], facts["overflow"])
    chosen = pick_device(device)
    model, _ = load_model(source, kind.auto_class, {})
    fit_padding(model, framer.pad_id)
    task.attach(model)
    predictor = Predictor(TorchBackend(model.to(chosen.torch_device), chosen), task, framer)
    predictor.quick = precision == "auto"
    return predictor


def _facts_of_foreign(config: Any, where: str) -> dict[str, Any]:
    """Task, labels and length of a model that lmfit did not write, read off its architecture."""
    architecture = (config.architectures or [""])[0]
    limit = positions(config) or DEFAULT_MAX_LENGTH
    common = {"max_length": min(limit, DEFAULT_MAX_LENGTH), "overflow": "window"}
    labels = [config.id2label[i] for i in range(len(config.id2label))]
    for name in TASKS:
        state = TASKS.load(name).foreign_state(architecture, labels, config)
        if state is not None:
            settings = TASK_SETTINGS.load(name)(name=name).model_dump()
            return {"task": name, "state": {"settings": settings, **state}, **common}
    raise InputError(
        f"`{where}` is no model of a task that lmfit knows (architecture {architecture or 'not said'})",
        fix="fine-tune it first: lmfit finetune CONFIG model.name=" + where,
    )
