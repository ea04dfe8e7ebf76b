"""Means over training seeds with 95 % intervals that hold both the seeds and the sampling of test rows.

Every seed is scored on the same test rows, so seeds and rows are crossed, like the readers and cases of a diagnostic
study: the analysis is that of Obuchowski & Rockette (1995) with the degrees of freedom of Hillis (2007).

k seeds   R resamples
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lmfit.errors import InputError
from lmfit.evaluation.intervals import (
    Estimate,
    FloatArray,
    Units,
    interval,
    paired_difference,
    resample_weights,
)
from lmfit.evaluation.names import metric as metric_of
from lmfit.evaluation.scores import Scores, entry


@dataclass(frozen=True)
class MeanOfSeeds:
    """Units whose metrics are the means over the seeds, for the interval of the test rows alone."""

    members: Sequence[Units]

    @property
    def count(self) -> int:
        """Number of units, which all seeds share."""
        return self.members[0].count

    @property
    def width(self) -> int:
        """Numbers that one sample takes, over all seeds."""
        return sum(member.width for member in self.members)

    def each(self, weights: FloatArray) -> dict[str, FloatArray]:
        """The metrics that all seeds have, one row a seed: (R, U) -> name -> (k, R)."""
        scores = [member.scores(weights) for member in self.members]
        common = [name for name in scores[0] if all(name in other for other in scores)]
        return {name: np.stack([other[name] for other in scores]) for name in common}

    def scores(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Means over the seeds: (R, U) -> name -> (R,)."""
        return {name: values.mean(axis=0) for name, values in self.each(weights).items()}


def mean_over_seeds(scores: Sequence[Scores], resamples: int, seed: int) -> Scores:
    """The means of the seeds' metrics; each entry has, beside the usual keys, its `spread`.

    spread: {"over": "seeds", "sd", "min", "max", "n_seeds", "rows_low", "rows_high"}; the last two bound the interval
    of the test rows alone. Raises InputError where the seeds were not scored on the same number of units.
    """
    units = MeanOfSeeds([one.units for one in scores])
    if len({one.units.count for one in scores}) != 1:
        raise InputError("the seeds were scored on different test rows", fix="train them in one run: seeds: [1, 2, 3]")
    if units.count == 0:
        return scores[0]
    chunks = [units.each(weights) for weights in resample_weights(units, resamples, seed)]
    points = {name: values[:, 0] for name, values in units.each(np.ones((1, units.count))).items()}
    metrics = {}
    for name in scores[0].metrics:
        entries = [one.metrics[name] for one in scores if name in one.metrics]
        support = round(sum(e["n"] for e in entries) / len(entries))
        undefined = [e for e in entries if e["value"] is None]
        if len(entries) < len(scores) or undefined:
            why = undefined[0].get("note", "") if undefined else "measured for some seeds only"
            metrics[name] = entry(name, Estimate(None, note=why), support)
            continue
        values = np.array([e["value"] for e in entries])
        sampled = np.concatenate([chunk[name] for chunk in chunks], axis=1) if name in points else None
        metrics[name] = _entry(name, values, sampled, min(units.count, support), support)
    return replace(scores[0], metrics=metrics, tables={}, repeats=tuple(units.members))


def _entry(name: str, values: FloatArray, sampled: FloatArray | None, effective: int, support: int) -> dict[str, Any]:
    mean = float(values.mean())
    if sampled is None:
        rows = both = Estimate(mean, note="no interval")
    else:
        rows = interval(name, mean, sampled.mean(axis=0), effective)
        both = _with_seeds(name, rows, values, sampled)
    spread = {
        "over": "seeds",
        "sd": float(values.std(ddof=1)),
        "min": float(values.min()),
        "max": float(values.max()),
        "n_seeds": len(values),
        "rows_low": rows.low,
        "rows_high": rows.high,
    }
    return entry(name, both, support) | {"spread": spread}


def _with_seeds(name: str, rows: Estimate, values: FloatArray, sampled: FloatArray) -> Estimate:
    """The interval of the rows alone, widened by the seeds."""
    if rows.low is None or rows.high is None or np.ptp(values) == 0:
        return rows
    reach = half_width(values, sampled[:, ~np.isnan(sampled).any(axis=0)])
    lowest, highest = metric_of(name).bounds
    mean = float(values.mean())
    low, high = min(rows.low, mean - reach), max(rows.high, mean + reach)
    return Estimate(mean, max(low, lowest), min(high, highest), rows.note)


def half_width(values: FloatArray, sampled: FloatArray) -> float:
    """Half the 95 % interval of the mean over seeds: values (k,), not all equal, and (k, R) on resampled rows.

    Variance (MS + k cov) / k, degrees of freedom (MS + k cov)^2 / (MS^2 / (k - 1)): MS is the variance between the
    seeds, cov the covariance that two seeds have through the test rows they share (Hillis 2007, equation for one test).
    """
    from scipy.stats import t

    k = len(values)
    between = float(values.var(ddof=1))
    covariance = np.cov(sampled)
    shared = max(0.0, float((covariance.sum() - covariance.trace()) / (k * (k - 1))))
    total = between + k * shared
    freedom = total**2 / (between**2 / (k - 1))
    reach: float = t.ppf(0.975, freedom) * (total / k) ** 0.5
    return float(reach)


def difference(
    metric: str, a: Scores, b: Scores, resamples: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """a - b in `metric` with its 95 % interval, as `paired_difference`; over the seeds too where `a` is their mean."""
    if not a.repeats:
        return paired_difference(metric, a.units, b.units, resamples, seed)
    mean = MeanOfSeeds(a.repeats)
    point, low, high = paired_difference(metric, mean, b.units, resamples, seed)
    values = np.array([one.scores(np.ones((1, mean.count)))[metric][0] for one in a.repeats])
    if point is None or low is None or high is None or np.ptp(values) == 0:
        return point, low, high
    sampled = np.concatenate(
        [mean.each(w)[metric] - b.units.scores(w)[metric] for w in resample_weights(mean, resamples, seed)], axis=1
    )
    reach = half_width(values, sampled[:, ~np.isnan(sampled).any(axis=0)])
    return point, min(low, point - reach), max(high, point + reach)
