"""Means over training seeds with 95 % intervals that hold both the seeds and the sampling of test rows.

Every seed is scored on the same test rows, so seeds and rows are crossed, like the readers and cases of a diagnostic
study: the analysis is that of Obuchowski & Rockette (1995) with the degrees of freedom of Hillis (2007).

k seeds   R resamples
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lmfit.errors import InputError
from lmfit.evaluation.intervals import Estimate, interval
from lmfit.evaluation.pairs import Sampled, estimate_mean, sample
from lmfit.evaluation.scores import Scores, entry


def mean_over_seeds(scores: Sequence[Scores], resamples: int, seed: int) -> Scores:
    """The means of the seeds' metrics; each entry has, beside the usual keys, its `spread`.

    spread: {"over": "seeds", "sd", "min", "max", "n_seeds", "rows_low", "rows_high"}; the last two bound the interval
    of the test rows alone. Raises InputError where the seeds were not scored on the same number of units.
    """
    members = [one.units for one in scores]
    if len({units.count for units in members}) != 1:
        raise InputError("the seeds were scored on different test rows", fix="train them in one run: seeds: [1, 2, 3]")
    if members[0].count == 0:
        return scores[0]
    common = [name for name in scores[0].metrics if all(name in one.metrics for one in scores)]
    (sampled,) = sample(common, [members], resamples, seed)
    metrics = {}
    for name in scores[0].metrics:
        entries = [one.metrics[name] for one in scores if name in one.metrics]
        undefined = [e for e in entries if e["value"] is None]
        if name not in common or undefined:
            why = undefined[0].get("note", "") if undefined else "measured for some seeds only"
            metrics[name] = entry(name, Estimate(None, note=why), _items(entries))
        else:
            metrics[name] = _entry(name, entries, sampled[name], scores[0])
    return replace(scores[0], metrics=metrics, tables={}, repeats=tuple(members))


def _entry(name: str, entries: Sequence[dict[str, Any]], sampled: Sampled, first: Scores) -> dict[str, Any]:
    values = np.array([e["value"] for e in entries])
    mean = float(values.mean())
    rows = both = Estimate(mean, note="no interval")
    if np.isfinite(sampled.values).all():
        support = first.support[name]
        of_rows = replace(support, trials=None)
        rows = interval(name, mean, sampled.resampled.mean(axis=0), of_rows, sampled.units)
        both = estimate_mean(name, sampled, support)
    spread = {
        "over": "seeds",
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "min": float(values.min()),
        "max": float(values.max()),
        "n_seeds": len(values),
        "rows_low": rows.low,
        "rows_high": rows.high,
    }
    return entry(name, both, _items(entries)) | {"spread": spread}


def _items(entries: Sequence[dict[str, Any]]) -> int:
    total: int = sum(e["n"] for e in entries)
    return round(total / len(entries))
