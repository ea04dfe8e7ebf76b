"""certificate.json: proof that a compressed model still answers as its parent does, on this machine, and how fast."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import time
from typing import Any

import numpy as np

from lmfit.compression.reference import Reference, answer
from lmfit.config.compression import CertificateLimits
from lmfit.data.collate import Batch
from lmfit.evaluation.names import metric as metric_of
from lmfit.evaluation.pairs import difference
from lmfit.evaluation.scores import Scores
from lmfit.inference.backend import Backend
from lmfit.inference.predictor import Predictor
from lmfit.machine import cpu_flags, cpu_threads, multiplies_int8_exactly, processor_name
from lmfit.version import __version__

_LIBRARIES = ("onnxruntime", "tokenizers", "numpy")


@dataclass(frozen=True)
class Alone:
    """A backend that is given one row at a time."""

    inner: Backend
    batch_tokens: int = 1
    quick: Backend | None = None

    def logits(self, batch: Batch) -> np.ndarray:
        """(B, C) or (B, L, C) float32."""
        return self.inner.logits(batch)


def parity(child: Predictor, reference: Reference, temperature: float | None) -> dict[str, Any]:
    """Largest and mean difference of logits, share of equal decisions, over the reference.

    temperature: what the child's logits were divided by, if they were; it is undone. agreement_alone: with its own
    decisions when each row is answered by itself, since int8 rounds activations by the range of the whole batch.
    """
    task = child.task
    together = answer(child, reference)
    single = answer(Predictor(Alone(child.backend), task, child.framer), reference)
    ours = [task.logits_in(one) * (temperature or 1.0) for one in together]
    theirs = [task.logits_in(one) for one in reference.answers]
    gaps = np.concatenate([np.abs(one - other).ravel() for one, other in zip(ours, theirs, strict=True)])
    wanted = np.concatenate([one.ravel() for one in theirs])
    decided = [task.decisions(one) for one in together]
    return {
        "rows": len(reference),
        "largest_logit_difference": float(gaps.max()),
        "mean_logit_difference": float(gaps.mean()),
        "logit_range": [float(wanted.min()), float(wanted.max())],
        "label_agreement": agreement(decided, reference.decided),
        "agreement_alone": agreement([task.decisions(one) for one in single], decided),
    }


def agreement(decided: Sequence[np.ndarray | None], wanted: Sequence[np.ndarray | None] | None) -> float | None:
    """Share of equal decisions; None for numbers."""
    if wanted is None:
        return None
    pairs = [(a, b) for a, b in zip(decided, wanted, strict=True) if a is not None and b is not None]
    return float(np.concatenate([a == b for a, b in pairs]).mean()) if pairs else None


def compared(child: Scores, parent: Scores, resamples: int, seed: int) -> dict[str, Any]:
    """The headline metric of both on the same rows, and child - parent with its paired 95 % interval."""
    name = child.headline
    found = difference(name, [child.units], [parent.units], resamples, seed)
    return {
        "metric": name,
        "child": child.metrics[name],
        "parent": parent.metrics[name],
        "difference": {"value": found.value, "low": found.low, "high": found.high},
    }


def machine() -> dict[str, Any]:
    """The processor and what decides results on it."""
    return {
        "cpu": processor_name(),
        "flags": cpu_flags(),
        "int8_exact": multiplies_int8_exactly(),
        "threads": cpu_threads(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """lmfit, Python and the libraries that compute."""
    found = {"lmfit": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def judged(limits: CertificateLimits, measured: Mapping[str, Any] | None, split: str) -> dict[str, Any]:
    """{"holds": true | false | null, "sentence"}: whether the limits are kept; null where nothing was required."""
    if measured is None:
        return {
            "holds": None,
            "sentence": "the metric was not measured: there are no labelled rows, or no answers of the parent to them",
        }
    name, found = measured["metric"], measured["difference"]
    sign, value = 1 if metric_of(name).better == "higher" else -1, found["value"]
    if value is None:
        return {"holds": None, "sentence": f"{split} {name} was not measured: it is not defined on these rows"}
    within = "" if found["low"] is None else f" [{found['low']:+.4f}, {found['high']:+.4f}]"
    told = f"{split} {name} {value:+.4f}{within} against its parent"
    if limits.max_drop is None:
        return {"holds": None, "sentence": told}
    holds = -sign * value <= limits.max_drop
    kept = "within" if holds else "more than"
    return {"holds": holds, "sentence": f"{told}: {kept} the {limits.max_drop} allowed (max_drop)"}


def size_of(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def stamp() -> dict[str, Any]:
    """When and where something was measured, and with what."""
    return {"created": time(), "machine": machine(), "versions": versions()}
