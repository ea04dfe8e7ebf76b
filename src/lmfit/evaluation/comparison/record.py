"""A comparison as one JSON object."""

from collections.abc import Mapping
from typing import Any

from lmfit.evaluation.comparison.compare import RESAMPLES, Comparison
from lmfit.evaluation.comparison.standings import Standing


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object."""
    return {
        "split": comparison.split,
        "rows": comparison.rows,
        "resampled": comparison.resampled,
        "resamples": RESAMPLES,
        "reference": comparison.runs[comparison.reference].name,
        "against": comparison.chosen,
        "tests": comparison.tests,
        "metric": comparison.leading,
        "runs": [_run_json(comparison, i) for i in range(len(comparison.runs))],
        "differs": {
            key: dict(zip((run.name for run in comparison.runs), values, strict=True))
            for key, values in comparison.settings.items()
        },
    }


def _run_json(comparison: Comparison, i: int) -> dict[str, Any]:
    run, same = comparison.runs[i], comparison.same.get(i)
    return {
        "name": run.name,
        "path": str(run.run.path),
        "seeds": len(run.seeds),
        "bit_identical": None if same is None else same.bits,
        "first_difference": comparison.apart.get(i),
        **facts(run.manifest),
        "metrics": {name: _standing_json(standings[i]) for name, standings in comparison.standings.items()},
    }


def _standing_json(standing: Standing) -> dict[str, Any]:
    estimate, difference = standing.estimate, standing.difference
    told: dict[str, Any] = {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "verdict": standing.outcome,
    }
    if difference is not None:
        told["difference"] = {**vars(difference), "test": standing.test}
    return told


def facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Size, training time and speed of a run, None where it does not tell."""
    model, timing, speed = (manifest.get(part) or {} for part in ("model", "timing", "throughput"))
    return {
        "bytes": model.get("bytes"),
        "parameters": model.get("parameters"),
        "train_seconds": timing.get("train_seconds"),
        "predict_tokens_per_second": speed.get("predict_tokens_per_second"),
    }
