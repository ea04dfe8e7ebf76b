"""What can be compressed, and how it is asked for: found out before torch is loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from lmfit.config.compression import CompressConfig
from lmfit.config.load import LoadedConfig, load_config, load_run_config
from lmfit.config.model import ModelConfig
from lmfit.errors import ConfigError, InputError
from lmfit.evaluation.comparison.settings import changes
from lmfit.inference.certified import parent_of
from lmfit.inference.load import onnx_folder
from lmfit.runs import ANSWERING, CHILDREN, COMPRESS, PYTORCH, Run


def load(parent: Run, source: Path | None, words: Sequence[str]) -> LoadedConfig:
    """The config of compressing `parent`: its own, with what a file and overrides lay on it.

    Raises ConfigError where that says nothing of compression, or changes what has no effect.
    """
    check(parent)
    loaded = load_config(COMPRESS, source or {}, words, base=parent.config)
    if source is not None and "compression" not in loaded.tree.keys:
        what = f"`{source}` has no section compression"
        raise ConfigError(what, where=str(source), fix="add `compression: {quantize: int8}`, or --quantize int8")
    _refuse_idle(parent, loaded)
    _refuse_absent(loaded)
    return loaded


def _refuse_absent(loaded: LoadedConfig) -> None:
    """Raises ConfigError for a student that is nowhere."""
    distill = cast(CompressConfig, loaded.config).compression.distill
    if distill is None or distill.student is None:
        return
    from lmfit.models.load import find_model

    with loaded.located():
        find_model(ModelConfig(name=distill.student), where="compression.distill.student")


def _refuse_idle(parent: Run, loaded: LoadedConfig) -> None:
    """Raises ConfigError for a setting that is not the parent's and decides nothing."""
    settings = cast(CompressConfig, loaded.config).compression
    own = ("model", "task", "data.max_length", "data.overflow")
    idle = {key: f"the {key.rpartition('.')[2]} is the run's own" for key in own}
    if settings.distill is None and settings.joint is None:
        idle["training"] = "nothing is trained"
    if settings.joint is not None:
        idle |= {f"training.{key}": "a joint training has its own" for key in ("schedule", "early_stopping")}
        why = "a joint training keeps its last weights and judges none before"
        idle |= {f"training.{key}": why for key in ("evaluate_every", "best_metric")}
    for key in changes(load_run_config(parent).resolved(), loaded.resolved()):
        for why in (idle[one] for one in idle if f"{key}.".startswith(f"{one}.")):
            with loaded.located():
                raise ConfigError(f"{key} has no effect: {why}", where=key, fix="take it out")


def check(parent: Run) -> None:
    """Raises InputError for a run that cannot be compressed."""
    if not (parent.path / "run.json").is_file():
        what = f"`{parent.path}` is a model folder: there is no data to compare the compressed model on"
        raise InputError(what, where="RUN", fix="name a run folder, or train it: lmfit finetune CONFIG model.name=...")
    manifest = parent.manifest
    if parent.status != "finished":
        raise InputError(
            f"the run `{parent.path}` is {parent.status}", fix=f"finish it first: lmfit resume {parent.path}"
        )
    if onnx_folder(parent) is not None:
        what = f"`{parent.path}` is compressed to {manifest.get('quantization', 'ONNX')} already and cannot go further"
        beside = Run(parent.path / CHILDREN / PYTORCH)
        fix = f"compress the run that it was made from: {parent_of(parent).path}"
        if (beside.path / "run.json").is_file():
            fix = f"compress its PyTorch model: {beside.path}"
        raise InputError(what, where="RUN", fix=fix)
    if (stage := manifest.get("stage")) not in ANSWERING:
        raise InputError(f"`{parent.path}` is a run of {stage}, which has no model for a task", where="RUN")
