"""One compression in its run folder: the steps in PyTorch, the quantized file, scores, certificate, pages."""

from collections.abc import Mapping, Sequence
from time import perf_counter, time
from typing import Any

from lmfit import console
from lmfit.compression.steps import Step, Work
from lmfit.device import pick_device
from lmfit.durable import write_text
from lmfit.evaluation.card import write_card
from lmfit.evaluation.report import write_report
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor
from lmfit.models.save import save_model
from lmfit.runs import CHILDREN, COMPRESS, PYTORCH, Run
from lmfit.stages.certify import Child, Parent, certify, uncertify
from lmfit.stages.compressed import record_begun, record_done, record_kept, score_compressed
from lmfit.stages.quantize import quantize
from lmfit.stages.temperature import unchanged


def make(parent: Parent, work: Work, steps: Sequence[Step]) -> None:
    """Steps in PyTorch, kept as a run that can be trained further; then the quantized model of it."""
    made = work.run
    uncertify(made)
    for step in steps:
        console.say(f"compress: {step.name}")
        work = step.take(work)
    quantized = work.config.compression.quantize is not None
    if steps and quantized:
        beside = _beside(made, parent, work)
        _keep_pytorch(beside, parent, work, judged=work.config.compression.certify_pytorch)
        write_pages(beside)
        beside.record(status="finished", finished=time())
    elif steps:
        _keep_pytorch(made, parent, work, judged=True)
    if quantized:
        _judge(made, parent, work, *quantize(made, work), backend="onnx")


def write_pages(made: Run) -> None:
    """Report and card."""
    write_report(made.path, status="finished")
    write_card(made.path)


def _beside(made: Run, parent: Parent, work: Work) -> Run:
    """The folder of the PyTorch model beside a quantized one."""
    run = Run(made.path / CHILDREN / PYTORCH)
    run.path.mkdir(parents=True, exist_ok=True)
    uncertify(run)
    write_text(run.path / "config.yaml", (made.path / "config.yaml").read_text(encoding="utf-8"))
    record_begun(run, parent.run, COMPRESS, work)
    run.record(quantization=None)
    return run


def _keep_pytorch(run: Run, parent: Parent, work: Work, *, judged: bool) -> None:
    """Save the model as PyTorch has it; scores and certificate only where it is the result, or they are asked for."""
    calibration = unchanged("compress fits temperatures to quantized models only")
    predictor = Predictor(TorchBackend(work.model, pick_device("cpu", "fp32")), work.task, work.framer)
    save_model(run.model, work.model, work.framer, work.task.name, work.task.state(), calibration)
    if judged:
        _judge(run, parent, work, predictor, {"calibration": calibration}, backend="pytorch")
    else:
        record_kept(run, parent.run, {"calibration": calibration, **_made_of(work)})


def _judge(
    made: Run, parent: Parent, work: Work, predictor: Predictor, facts: Mapping[str, Any], *, backend: str
) -> None:
    """Scores beside the parent's, and the certificate."""
    calibration = facts["calibration"]
    judged = score_compressed(made, parent.run, predictor, work.splits, work.config, calibration)
    rows, scores = getattr(work.splits, judged.split), judged.scores.get(judged.split)
    child = Child(made, predictor, judged.split, rows, scores, calibration["temperature"])
    started = perf_counter()
    certificate = certify(parent, child, work.config)
    seconds = {**facts.get("seconds", {}), "certificate_seconds": round(perf_counter() - started, 3)}
    told = {**facts, "seconds": seconds, **_made_of(work)}
    record_done(made, certificate, judged, told, backend=backend)


def _made_of(work: Work) -> dict[str, Any]:
    return {"parameters": sum(p.numel() for p in work.model.parameters()), "compression": work.facts}
