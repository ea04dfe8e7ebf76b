"""From a run folder or model folder to a Predictor, whichever backend it is for. Models in ONNX need no torch."""

from pathlib import Path

from lmfit.catalog import TASKS
from lmfit.data.framing import Framer
from lmfit.errors import ConfigError, InputError
from lmfit.inference.certified import check_certified
from lmfit.inference.onnx import OnnxBackend
from lmfit.inference.predictor import Predictor
from lmfit.models.plain import ONNX_FILE, read_facts, read_head, read_tokenizer
from lmfit.runs import COMPRESS, Run, no_model


def load_predictor(run: Run, *, device: str = "auto", precision: str = "auto", unfinished: bool = False) -> Predictor:
    """Load model, tokenizer and task. precision fp32: no answer is computed in lower precision (see `Answerer`).

    A model folder that lmfit did not write works too where its architecture tells the task.
    unfinished: also a compressed model that is not certified yet.
    Raises InputError where the folder holds no model of a known task.
    """
    folder, compressed = onnx_folder(run), False
    if (run.path / "run.json").is_file():
        compressed = run.stage == COMPRESS
        _refuse_unfinished(run, has_model=folder is not None or (run.model / "config.json").is_file())
        if compressed and run.status != "finished" and not unfinished:
            what = f"the run `{run.path}` is {run.status}: its model is not certified yet"
            raise InputError(what, fix=f"lmfit resume {run.path}")
    if folder is not None:
        return _load_onnx(run, folder, device, precision)
    if compressed:
        check_certified(run, run.model)
    from lmfit.inference.load_pytorch import load_pytorch

    return load_pytorch(run, device=device, precision=precision)


def _refuse_unfinished(run: Run, *, has_model: bool) -> None:
    """Raises InputError for a run that keeps no model, or has none yet."""
    if "dropped" in run.manifest:
        raise no_model(run)
    if run.status != "finished" and not has_model:
        raise InputError(f"the run `{run.path}` is {run.status} and has no model yet", fix=f"lmfit resume {run.path}")


def onnx_folder(run: Run) -> Path | None:
    """The model folder of a run (or itself, where it is one) that holds a model in ONNX; else None."""
    return next((folder for folder in (run.model, run.path) if (folder / ONNX_FILE).is_file()), None)


def _load_onnx(run: Run, folder: Path, device: str, precision: str) -> Predictor:
    """Raises ConfigError for a device or precision that the file is not for."""
    if device not in ("auto", "cpu"):
        what = f"`{run.path}` is made for CPUs"
        raise ConfigError(what, where="--device", fix="leave --device out, or use the run that it was made from")
    if precision != "auto":
        what = f"`{run.path}` computes in the precision that it was compressed to"
        raise ConfigError(what, where="--precision", fix="leave it out, or use the run that it was made from")
    check_certified(run, folder)
    facts = read_facts(folder)
    task = TASKS.load(facts["task"]).restore(facts["state"])
    task.attach_head(read_head(folder))
    framer = Framer(read_tokenizer(folder, facts), facts["max_length"], facts["overflow"])
    return Predictor(OnnxBackend(folder / ONNX_FILE), task, framer)
