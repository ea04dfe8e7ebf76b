"""lmfit compress: a trained model made smaller and faster, with a certificate that it still answers alike."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

from lmfit.compression.export import need_onnx
from lmfit.compression.steps import Step, Work
from lmfit.config.compression import CompressConfig, CompressionConfig
from lmfit.config.load import LoadedConfig, load_config
from lmfit.data.sources import load_splits
from lmfit.device import pick_device
from lmfit.durable import write_text
from lmfit.errors import ConfigError, InputError
from lmfit.inference.certified import parent_of, weights_hash
from lmfit.inference.load import load_predictor
from lmfit.outputs import choose_output, claim_output
from lmfit.runs import CHILDREN, COMPRESS, PYTORCH, Run
from lmfit.stages.ablation import ablate, check_ablation
from lmfit.stages.certify import Parent
from lmfit.stages.compressed import record_begun
from lmfit.stages.compressible import check
from lmfit.stages.ending import recorded
from lmfit.stages.making import make, write_pages
from lmfit.stages.milliseconds import check_export
from lmfit.stages.quantize import check_width, head_of
from lmfit.stages.relatives import relatives
from lmfit.stages.resuming import refuse_changed_data
from lmfit.stages.shrinking import steps_of
from lmfit.stages.targets import check_targets

_HASH = "parent_sha256"
NO_REMARKS: Mapping[str, Any] = MappingProxyType({})


def run(
    parent: Run,
    loaded: LoadedConfig,
    *,
    device: str = "auto",
    overwrite: bool = False,
    remarks: Mapping[str, Any] = NO_REMARKS,
) -> Run:
    """Compress a finished run as `loaded` says; returns the new run, whose certificate.json tells what it is worth.

    Raises InputError or ConfigError for a run that cannot be compressed, or where nothing is asked for.
    """
    config = cast(CompressConfig, loaded.config)
    steps = wanted(config.compression, device)
    name = "-".join([_called(parent), *_suffixes(steps, config.compression)])
    distill = config.compression.distill
    models = [str(parent.path), *([distill.student] if distill and distill.student else [])]
    chosen = choose_output(config.output, name, overwrite=overwrite, models=models)
    work = _begun(parent, loaded, Run(chosen), steps, device)
    made = Run(claim_output(config.output, name, overwrite=overwrite))
    with made.locked():
        write_text(made.path / "config.yaml", loaded.having(output=None).dump())
        record_begun(made, parent, COMPRESS, work, **remarks)
        return _done(parent, loaded, replace(work, run=made), steps)


def resume(made: Run, *, device: str = "auto") -> Run:
    """Go on with an interrupted compression: training from its newest checkpoint, what needs none from the start.

    Raises InputError where the run that is compressed is gone, or has changed.
    """
    parent = _parent_as_before(made)
    loaded = load_config(COMPRESS, made.config)
    steps = wanted(cast(CompressConfig, loaded.config).compression, device)
    with made.locked():
        work = _begun(parent, loaded, made, steps, device)
        if _HASH in made.manifest:
            refuse_changed_data(made, work.splits)
        made.record(status="running", error=None)
        return _done(parent, loaded, work, steps)


def _parent_as_before(made: Run) -> Run:
    """The run that is compressed. Raises InputError where it is gone or its weights are others, as far as is known."""
    parent, manifest = parent_of(made), made.manifest
    if not (parent.path / "run.json").is_file():
        what = f"the run that `{made.path}` was made from is not at `{parent.path}`"
        raise InputError(what, where=str(made.path / "run.json"), fix="put it back there, then resume")
    check(parent)
    if manifest.get(_HASH) not in (None, weights_hash(parent.model)):
        fix = "put its old model back, or compress it from the beginning"
        raise InputError("the run that is compressed has changed since", where=str(parent.model), fix=fix)
    return parent


def _begun(parent: Run, loaded: LoadedConfig, made: Run, steps: Sequence[Step], device: str) -> Work:
    """The parent's model and data; what cannot be done is found out here."""
    config = cast(CompressConfig, loaded.config)
    original = load_predictor(parent, device="cpu", precision="fp32")
    if steps and head_of(original) is not None:
        what = f"`{parent.path}` has a head of lmfit's own: it can be quantized, and no more yet"
        raise InputError(what, where="RUN", fix="--quantize int8 alone, or train it with model.head=linear")
    with loaded.located():
        splits = load_splits(config.data, original.task.example_kind, keep_columns=bool(config.evaluation.slices))
        model, task = original.backend.model, deepcopy(original.task)  # type: ignore[attr-defined]
        work = Work(model, task, original.framer, splits, config, pick_device(device), original, made)
        for step in steps:
            step.check(work)
        if config.compression.embedding_bits == 4:
            check_width(model)
        if steps and config.compression.quantize is not None:
            check_export(work)
        check_targets(work)
        if config.compression.ablation:
            check_ablation(work)
    return work


def _done(parent: Run, loaded: LoadedConfig, work: Work, steps: Sequence[Step]) -> Run:
    """All the work, in a run folder that is this process's own."""
    certified = Parent(parent, work.original)
    with recorded(work.run):
        make(certified, work, steps)
        if work.config.compression.ablation:
            ablate(certified, work, loaded)
        work.run.record(relatives=relatives(work.run, parent))
        write_pages(work.run)
    work.run.mark_latest()
    return work.run


def wanted(settings: CompressionConfig, device: str) -> list[Step]:
    """The steps in PyTorch that are asked for. Raises ConfigError where nothing is, MissingExtra without ONNX."""
    steps = steps_of(settings)
    if not steps and settings.quantize is None:
        what = "nothing says how to compress"
        raise ConfigError(what, where="compression", fix="add --quantize int8")
    if not steps and device not in ("auto", "cpu"):
        what = "quantization is made and measured on the CPU"
        raise ConfigError(what, where="--device", fix="leave --device out")
    if settings.quantize is not None:
        need_onnx(f"--quantize {settings.quantize}")
    return steps


def _called(parent: Run) -> str:
    """The name of a run, behind that of the run whose child it is; of the PyTorch model beside a result that alone."""
    path = parent.path.resolve()
    if path.parent.name != CHILDREN:
        return path.name
    own = [] if path.name == PYTORCH else [path.name]
    return "-".join([path.parent.parent.name, *own])


def _suffixes(steps: Sequence[Step], settings: CompressionConfig) -> list[str]:
    return [step.suffix for step in steps] + ([settings.quantize] if settings.quantize else [])
