"""What each part of a compression is worth: the same one with pruning, quantization and distillation on and off."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import combinations
from time import time
from typing import Any

from lmfit import console
from lmfit.compression.steps import Work
from lmfit.config.compression import CompressionConfig
from lmfit.config.load import LoadedConfig
from lmfit.durable import write_text
from lmfit.errors import ConfigError
from lmfit.inference.certified import CERTIFICATE
from lmfit.runs import CHILDREN, COMPRESS, Run, read_json
from lmfit.stages.certify import Parent
from lmfit.stages.compressed import record_begun
from lmfit.stages.making import make, write_pages
from lmfit.stages.milliseconds import TARGET
from lmfit.stages.several import interrupted_as
from lmfit.stages.shrinking import steps_of

PARTS = ("prune", "quantize", "distill")
UNQUANTIZED = "fp32"


@dataclass(frozen=True)
class Variant:
    """A compression with some of the parts. name: of its folder in RUN/children."""

    parts: tuple[str, ...]
    settings: CompressionConfig

    @property
    def name(self) -> str:
        """`ablation-PD`, `ablation-none`."""
        return f"ablation-{''.join(part[0].upper() for part in self.parts) or 'none'}"


def check_ablation(work: Work) -> None:
    """Raises ConfigError where there is nothing to compare, or a variant cannot be made."""
    given = _given(work.config.compression)
    if len(given) < 2:
        what = f"an ablation compares at least two of {', '.join(PARTS)}"
        raise ConfigError(what, where="compression.ablation", fix="ask for another part, or ablation: false")
    for variant in variants(work.config.compression):
        for step in steps_of(variant.settings):
            step.check(_having(work, variant.settings))


def ablate(parent: Parent, work: Work, loaded: LoadedConfig[Any]) -> None:
    """Make each variant that is not finished yet; run.json then tells what all of them are worth, the run's own last.

    Those without quantization are exported in fp32, so that all answer in the same runtime.
    """
    made, whole = work.run, _given(work.config.compression)
    rows = []
    for variant in variants(work.config.compression):
        child = Run(made.path / CHILDREN / variant.name)
        if not ((child.path / "run.json").is_file() and child.status == "finished"):
            console.say(f"ablation: {', '.join(variant.parts) or 'nothing but the export'}")
            child.path.mkdir(parents=True, exist_ok=True)
            with child.locked(), interrupted_as(made):
                _make(child, parent, replace(_having(work, variant.settings), run=child), loaded)
        rows.append(_row(child, variant.parts, whole))
    made.record(ablation=[*rows, _row(made, whole, whole)])


def variants(settings: CompressionConfig) -> Iterator[Variant]:
    """With none of the parts that are asked for (where that is an export), with one, with two."""
    given = _given(settings)
    for count in range(len(given)):
        for parts in combinations(given, count):
            variant = Variant(parts, _without(settings, [part for part in given if part not in parts]))
            changed = variant.settings.quantize is not None or bool(steps_of(variant.settings))
            if changed and not _follows_itself(variant.settings):
                yield variant


def _given(settings: CompressionConfig) -> tuple[str, ...]:
    return tuple(part for part in PARTS if getattr(settings, part) not in (None, UNQUANTIZED))


def _without(settings: CompressionConfig, off: Sequence[str]) -> CompressionConfig:
    """The settings without some parts; a joint training leaves them out, and is none where nothing is left of it."""
    left = [part for part in _given(settings) if part not in off]
    aimed = {name: value for name, value in settings.targets.items() if name == TARGET}
    changes: dict[str, Any] = {"ablation": False, "targets": aimed, "certify_pytorch": False}
    changes |= {part: None for part in off if part != "quantize"}
    if "quantize" in off:
        changes |= {"quantize": UNQUANTIZED, "embedding_bits": 8}
    if not left:
        changes["joint"] = None
    return settings.model_copy(update=changes)


def _follows_itself(settings: CompressionConfig) -> bool:
    """Whether the student would be its own teacher, whole: that is no compression."""
    distill = settings.distill
    if distill is None or settings.joint is not None or settings.prune is not None:
        return False
    return distill.student is None and distill.layers is None


def _having(work: Work, settings: CompressionConfig) -> Work:
    return replace(work, config=work.config.model_copy(update={"compression": settings}))


def _make(child: Run, parent: Parent, work: Work, loaded: LoadedConfig[Any]) -> None:
    """One variant, from the run's own model to its pages."""
    settings = work.config.compression
    write_text(child.path / "config.yaml", loaded.having(output=None, compression=settings).dump())
    record_begun(child, parent.run, COMPRESS, work)
    make(parent, replace(work, task=deepcopy(parent.predictor.task)), steps_of(settings))
    write_pages(child)
    child.record(status="finished", finished=time())


def _row(run: Run, parts: Sequence[str], whole: Sequence[str]) -> dict[str, Any]:
    """For the table: which parts are on, score, difference from the parent, size and speed."""
    certificate: Mapping[str, Any] = read_json(run.path / CERTIFICATE, "compressed run")
    measured = certificate["metric"] or {}
    return {
        "parts": {part: part in parts for part in whole},
        "score": measured.get("child"),
        "difference": measured.get("difference"),
        "bytes": certificate["size"]["child_bytes"],
        "latency_ratio": certificate["speed"]["latency_ratio"],
        "latency_ratio_between": certificate["speed"].get("latency_ratio_between"),
    }
