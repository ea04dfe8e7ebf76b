"""Write a model folder that lmfit, `from_pretrained` and `pipeline()` all read."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit.config.model import LoraConfig
from lmfit.data.framing import Framer
from lmfit.durable import publish
from lmfit.models.load import ModelSource, quiet_transformers
from lmfit.models.lora import Tensors, save_adapter
from lmfit.models.own_head import HEAD_KEY, Facts, save_crf, save_with_head
from lmfit.models.plain import LMFIT_KEY, ONNX_FILE
from lmfit.models.pruned import write_code
from lmfit.version import __version__

_PEFT_TASKS = {
    "AutoModelForSequenceClassification": "SEQ_CLS",
    "AutoModelForTokenClassification": "TOKEN_CLS",
}


@dataclass(frozen=True)
class Adapter:
    """An adapter that stays apart from its base: its tensors (of `merge`), how it was made, and of what."""

    tensors: Tensors
    config: LoraConfig
    base: ModelSource
    auto_class: str

    @property
    def task_type(self) -> str:
        """The task in peft's words."""
        return _PEFT_TASKS[self.auto_class]


def save_model(
    folder: Path,
    model: Any,
    framer: Framer,
    task_name: str,
    task_state: dict[str, Any],
    calibration: Mapping[str, Any],
    *,
    head: Facts | None = None,
    adapter: Adapter | None = None,
) -> None:
    """Weights (safetensors), config with real label names, tokenizer; appears whole.

    calibration: what was done to the logits; the weights hold it already, so it is only told.
    head: of a head that transformers has no class for; its weights stand in a file of their own.
    adapter: what is written in place of all weights, where it is kept apart from its base.
    """
    facts = _facts(framer, task_name, task_state, calibration) | {HEAD_KEY: head}
    if adapter is not None:
        base = adapter.base
        name = base.where if base.kind in ("folder", "run") else base.name
        facts["base"] = {"name": name, "revision": base.revision, "trust_remote_code": base.trust_remote_code}
    with _appearing(folder) as temporary, quiet_transformers():
        setattr(model.config, LMFIT_KEY, facts)
        if adapter is None:
            write_code(temporary, model)
            save_with_head(temporary, model)
        else:
            model.config.architectures = [type(model).__name__]
            model.config.save_pretrained(temporary)
            save_adapter(temporary, model, adapter.tensors, adapter.config, base.where, adapter.task_type)
        framer.tokenizer.save_pretrained(temporary)


def save_onnx(
    folder: Path,
    model: Any,
    graph: Path,
    framer: Framer,
    task_name: str,
    task_state: dict[str, Any],
    calibration: Mapping[str, Any],
    head: Facts | None,
) -> None:
    """The ONNX file `graph` made of `model`, with all that prediction needs besides (models/plain.py reads it).

    head: as in `save_model`; of a CRF the scores of sequences stand beside the graph, which has no part in them.
    """
    tokenizer = framer.tokenizer
    told = {"inputs": tokenizer.model_input_names, "pad": tokenizer.pad_token_id, "unknown": tokenizer.unk_token_id}
    facts = _facts(framer, task_name, task_state, calibration) | {"tokenizer": told, HEAD_KEY: head}
    with _appearing(folder) as temporary, quiet_transformers():
        setattr(model.config, LMFIT_KEY, facts)
        model.config.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        (temporary / "tokenizer.json").write_text(framer.backend.to_str(), encoding="utf-8")
        shutil.copyfile(graph, temporary / ONNX_FILE)
        save_crf(temporary, model)


def _facts(
    framer: Framer, task_name: str, task_state: dict[str, Any], calibration: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "version": __version__,
        "task": task_name,
        "state": task_state,
        "max_length": framer.max_length,
        "overflow": framer.overflow,
        "calibration": calibration,
    }


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder to write into; it takes its name when all is written, and is gone where that fails."""
    temporary = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    publish(temporary, folder)
