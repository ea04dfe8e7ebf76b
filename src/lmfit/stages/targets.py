"""What a compressed model must reach: said before anything is done where it cannot be, and judged in the end."""

from collections.abc import Mapping, Sequence
from typing import Any

from lmfit.compression.steps import Work
from lmfit.config.compression import RETAINED, CompressionConfig, Quantization
from lmfit.errors import ConfigError, suggestion
from lmfit.evaluation.names import METRICS, metric
from lmfit.evaluation.scores import Scores
from lmfit.stages.distil import student_of
from lmfit.stages.milliseconds import TARGET, check_speed, timed
from lmfit.tasks.base import Task

WHERE = "compression.targets"
BITS: Mapping[Quantization | None, int] = {"int8": 8, "int8-static": 8, "fp16": 16, "bf16": 16, "int4": 4}
SIZE_NOISE = 1.15
"""Of int4: scales; of all: tokenizer and graph count as well, so a bound is only said where it is clearly passed."""


def check_targets(work: Work) -> None:
    """Raises ConfigError for a metric that is not measured here, or a target that is known to be out of reach."""
    settings = work.config.compression
    for name in settings.targets:
        if name.endswith(RETAINED):
            _check_metric(name, work)
    if "size_ratio" in settings.targets:
        _check_size(settings)
    if TARGET in settings.targets:
        _check_latency(work, settings)


def _check_metric(name: str, work: Work) -> None:
    wanted, task = name.removesuffix(RETAINED), work.task
    if not _measured(wanted, task):
        known = [f"{one}{RETAINED}" for one, entry in METRICS.items() if task.kind in entry.kinds and "NAME" not in one]
        what = f"`{wanted}` is not measured for this task"
        raise ConfigError(what, where=f"{WHERE}.{name}", fix=suggestion(name, known))
    if work.splits.test is None and work.splits.validation is None:
        what = f"{name} needs labelled rows besides those of training"
        raise ConfigError(what, where=f"{WHERE}.{name}", fix="set data.validation={split: 0.1}")


def _measured(name: str, task: Task) -> bool:
    try:
        return task.kind in metric(name).kinds
    except ConfigError:
        return False


def _check_size(settings: CompressionConfig) -> None:
    """Raises ConfigError where the bits of a weight alone decide, since nothing else goes."""
    if settings.prune or settings.distill or settings.joint or settings.trim_vocabulary:
        return
    bits = 4 if settings.embedding_bits == 4 else BITS.get(settings.quantize, 32)
    most, wanted = 32 / bits, settings.targets["size_ratio"]
    if wanted > most * SIZE_NOISE or (most == 1 and wanted > 1):
        what = f"size_ratio {wanted:g} cannot be reached: {settings.quantize or 'PyTorch'} makes it {most:g} at most"
        fix = f"ask for {most * 0.95:.2g} or less, or make less of it: --trim-vocabulary, --prune 0.5"
        raise ConfigError(what, where=f"{WHERE}.size_ratio", fix=fix)


def _check_latency(work: Work, settings: CompressionConfig) -> None:
    """Raises ConfigError where the target is beyond all pruning, or beyond what is shipped without it."""
    prune, distill = settings.prune, settings.distill
    if prune is not None and prune.pattern == "structured":
        if prune.layers is None and (distill is None or distill.layers is None):
            timed(work).budget(work, None)
        return
    model = work.model if distill is None or settings.joint is not None else student_of(work, work.model, distill)
    check_speed(work, model)


def reached(targets: Mapping[str, float], found: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """[{"name", "wanted", "found", "holds"}]; found and holds are None for what was not measured."""
    rows = []
    for name, wanted in targets.items():
        value = found.get(name)
        rows.append(
            {"name": name, "wanted": wanted, "found": value, "holds": None if value is None else value >= wanted}
        )
    return rows


def retained(targets: Mapping[str, float], child: Scores | None, parent: Scores | None) -> dict[str, float | None]:
    """The share of the parent's value that is left, by target; of what should be low, the parent's share of it."""
    found: dict[str, float | None] = {}
    for name in (one for one in targets if one.endswith(RETAINED)):
        plain = name.removesuffix(RETAINED)
        values = [None if one is None else one.metrics.get(plain, {}).get("value") for one in (child, parent)]
        ours, theirs = values if metric(plain).better == "higher" else values[::-1]
        found[name] = None if ours is None or not theirs else round(ours / theirs, 4)
    return found


def with_targets(verdict: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A certificate's verdict that holds only where targets are reached, too; `missed` are the parts that do not."""
    parts = [(verdict["holds"], verdict["sentence"]), *((row["holds"], _told(row)) for row in rows)]
    holds = [one for one, _ in parts if one is not None]
    return {
        "holds": all(holds) if holds else None,
        "sentence": "; ".join(told for _, told in parts),
        "missed": [told for one, told in parts if one is False],
    }


def _told(row: Mapping[str, Any]) -> str:
    if row["found"] is None:
        return f"{row['name']} was not measured here"
    told = "reached" if row["holds"] else "missed"
    return f"{row['name']} {row['found']:.4g}, {row['wanted']:g} asked for: {told}"
