"""lmfit compress: a trained model made smaller and faster, with a certificate that it still answers alike."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from lmfit import console
from lmfit.compression.export import need_onnx
from lmfit.compression.steps import Step, Work
from lmfit.config.compression import CompressConfig, CompressionConfig
from lmfit.config.load import LoadedConfig, load_config
from lmfit.data.sources import load_splits
from lmfit.device import pick_device
from lmfit.durable import write_text
from lmfit.errors import ConfigError, InputError
from lmfit.evaluation.card import write_card
from lmfit.evaluation.report import write_report
from lmfit.inference.backends import TorchBackend
from lmfit.inference.load import load_predictor, onnx_folder
from lmfit.inference.predictor import Predictor
from lmfit.models.own_head import HEAD_KEY
from lmfit.models.plain import LMFIT_KEY
from lmfit.models.save import save_model
from lmfit.runs import ANSWERING, CHILDREN, Run, choose_output, claim_output
from lmfit.stages.certify import Child, Parent, certify
from lmfit.stages.compressed import record_begun, record_done, score_compressed
from lmfit.stages.ending import recorded
from lmfit.stages.quantize import quantize
from lmfit.stages.shrinking import STEPS
from lmfit.stages.temperature import unchanged

STAGE = "compress"
NO_REMARKS: Mapping[str, Any] = MappingProxyType({})


def load(parent: Run, source: Path | None, words: Sequence[str]) -> LoadedConfig:
    """The config of compressing `parent`: its own, with what a file and overrides lay on it."""
    check(parent)
    return load_config(STAGE, source or {}, words, base=parent.config)


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
    name = "-".join([parent.path.resolve().name, *_suffixes(steps, config.compression)])
    work = _begun(parent, loaded, Run(choose_output(config.output, name, overwrite=overwrite)), steps, device)
    made = Run(claim_output(config.output, name, overwrite=overwrite))
    with made.locked():
        write_text(made.path / "config.yaml", loaded.having(output=None).dump())
        record_begun(made, parent, STAGE, config, **remarks)
        return _done(parent, replace(work, run=made), steps)


def resume(made: Run, *, device: str = "auto") -> Run:
    """Go on with an interrupted compression: training from its newest checkpoint, what needs none from the start.

    Raises InputError where the run that is compressed is gone.
    """
    parent = Run(Path(str(made.manifest.get("parent"))))
    loaded = load_config(STAGE, made.config)
    check(parent)
    steps = wanted(cast(CompressConfig, loaded.config).compression, device)
    with made.locked():
        work = _begun(parent, loaded, made, steps, device)
        made.record(status="running", error=None)
        return _done(parent, work, steps)


def _begun(parent: Run, loaded: LoadedConfig, made: Run, steps: Sequence[Step], device: str) -> Work:
    """The parent's model and data; what cannot be done is found out here."""
    config = cast(CompressConfig, loaded.config)
    original = load_predictor(parent, device="cpu", precision="fp32")
    if (getattr(original.backend.model.config, LMFIT_KEY, None) or {}).get(HEAD_KEY):  # type: ignore[attr-defined]
        what = f"`{parent.path}` has a head of lmfit's own, which cannot be compressed yet"
        raise InputError(what, where="RUN", fix="train it with model.head=linear and model.pooling=null")
    with loaded.located():
        splits = load_splits(config.data, original.task.example_kind, keep_columns=bool(config.evaluation.slices))
        model, task = original.backend.model, deepcopy(original.task)  # type: ignore[attr-defined]
        work = Work(model, task, original.framer, splits, config, pick_device(device), original, made)
        for step in steps:
            step.check(work)
    return work


def _done(parent: Run, work: Work, steps: Sequence[Step]) -> Run:
    """All the work, in a run folder that is this process's own."""
    with recorded(work.run):
        _work(work.run, Parent(parent, work.original), work, steps)
    work.run.mark_latest()
    return work.run


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
        raise InputError(what, where="RUN", fix=f"compress the run that it was made from: {manifest.get('parent')}")
    if (stage := manifest.get("stage")) not in ANSWERING:
        raise InputError(f"`{parent.path}` is a run of {stage}, which has no model for a task", where="RUN")


def wanted(settings: CompressionConfig, device: str) -> list[Step]:
    """The steps in PyTorch that are asked for. Raises ConfigError where nothing is, MissingExtra without ONNX."""
    steps = [step for step in STEPS if step.wanted(settings)]
    if not steps and settings.quantize is None:
        what = "nothing says how to compress"
        raise ConfigError(what, where="compression", fix="add --quantize int8")
    if not steps and device not in ("auto", "cpu"):
        what = "quantization is made and measured on the CPU"
        raise ConfigError(what, where="--device", fix="leave --device out")
    if settings.quantize is not None:
        need_onnx(f"--quantize {settings.quantize}")
    return steps


def _suffixes(steps: Sequence[Step], settings: CompressionConfig) -> list[str]:
    return [step.suffix for step in steps] + ([settings.quantize] if settings.quantize else [])


def _work(made: Run, parent: Parent, work: Work, steps: Sequence[Step]) -> None:
    """Steps in PyTorch, kept as a run that can be trained further; then the quantized model of it."""
    for step in steps:
        console.say(f"compress: {step.name}")
        work = step.run(work)
    quantized = work.config.compression.quantize is not None
    if steps:
        kept = Run(made.path / CHILDREN / "pytorch") if quantized else made
        _keep_pytorch(kept, parent, work)
    if quantized:
        _finish(made, parent, work, *quantize(made, work), backend="onnx")


def _keep_pytorch(run: Run, parent: Parent, work: Work) -> None:
    """Save and judge the model as PyTorch has it."""
    if run.path.parent.name == CHILDREN:
        run.path.mkdir(parents=True, exist_ok=True)
        write_text(run.path / "config.yaml", (run.path.parent.parent / "config.yaml").read_text(encoding="utf-8"))
        record_begun(run, parent.run, STAGE, work.config)
    calibration = unchanged("compress fits temperatures to quantized models only")
    predictor = Predictor(TorchBackend(work.model, work.device), work.task, work.framer)
    save_model(run.model, work.model, work.framer, work.task.name, work.task.state(), calibration)
    _finish(run, parent, work, predictor, {"calibration": calibration}, backend="pytorch")
    run.record(status="finished")


def _finish(
    made: Run, parent: Parent, work: Work, predictor: Predictor, facts: Mapping[str, Any], *, backend: str
) -> None:
    """Scores beside the parent's, certificate, report, card."""
    calibration = facts["calibration"]
    judged = score_compressed(made, parent.run, predictor, work.splits, work.config, calibration)
    rows, scores = getattr(work.splits, judged.split), judged.scores.get(judged.split)
    child = Child(made, predictor, judged.split, rows, scores, calibration["temperature"])
    certificate = certify(parent, child, work.config)
    record_done(made, certificate, judged, {**facts, "compression": work.facts}, backend=backend)
    write_report(made.path, status="finished")
    write_card(made.path)
