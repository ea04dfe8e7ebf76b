"""Differences between models on the same test rows: paired bootstrap, McNemar's test, Holm's correction.

All models are resampled alike, so what is hard for all of them cancels. Several training seeds of one model are crossed
with the rows, like the readers and cases of a diagnostic study: variances as in Obuchowski & Rockette (1995), degrees
of freedom as in Hillis (2007).

R resamples   U units   k seeds
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import bdtr, stdtr, stdtrit

from lmfit.errors import ConfigError, InputError, suggestion
from lmfit.evaluation.intervals import Estimate, FloatArray, Support, Units, interval, resample_weights
from lmfit.evaluation.names import metric as metric_of

_TAIL = 0.025
_MAX_UNDEFINED = 0.05
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Sampled:
    """One metric of a model, for each of its k seeds: on the test rows themselves (k,), and on R resamples (k, R)."""

    values: FloatArray
    resampled: FloatArray
    units: int

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return float(self.values.mean())


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval and two-sided p-value; None where undefined or without interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None


def sample(
    metrics: Sequence[str], models: Sequence[Sequence[Units]], resamples: int, seed: int
) -> list[dict[str, Sampled]]:
    """Each model's metrics under the same resamples; a model is the units of each of its seeds.

    Raises InputError where the units differ in number, ConfigError where a model lacks a metric.
    """
    every = [units for model in models for units in model]
    count = every[0].count
    if other := next((units.count for units in every if units.count != count), None):
        raise InputError(f"cannot pair {count} units with {other}", fix="score all on the same file")
    if count == 0:
        raise InputError("there are no rows to compare on")
    points = [_chosen(metrics, units, np.ones((1, count))) for units in every]
    chunks = [
        [_chosen(metrics, units, weights) for units in every]
        for weights in resample_weights(_widest(every), resamples, seed)
    ]
    found = []
    for model in np.split(np.arange(len(every)), np.cumsum([len(model) for model in models])[:-1]):
        values = np.stack([points[i] for i in model])[..., 0]
        resampled = np.stack([np.concatenate([chunk[i] for chunk in chunks], axis=1) for i in model])
        found.append({name: Sampled(values[:, m], resampled[:, m], count) for m, name in enumerate(metrics)})
    return found


def _widest(every: Sequence[Units]) -> Units:
    return max(every, key=lambda units: units.width)


def _chosen(metrics: Sequence[str], units: Units, weights: FloatArray) -> FloatArray:
    """(M, R) of the metrics asked for."""
    scores = units.scores(weights)
    for name in metrics:
        if name not in scores:
            raise ConfigError(f"`{name}` is not a metric of every model here", fix=suggestion(name, sorted(scores)))
    return np.stack([scores[name] for name in metrics])


def difference(metric: str, a: Sequence[Units], b: Sequence[Units], resamples: int, seed: int) -> Difference:
    """a - b in `metric`, each given by the units of its seeds."""
    first, second = sample([metric], [a, b], resamples, seed)
    return bounded(metric, subtract(first[metric], second[metric]))


def subtract(a: Sampled, b: Sampled, *, trained: bool = False) -> Difference:
    """a - b: the bootstrap's standard error, widened by the spread of the seeds, with quantiles of t.

    trained: both were trained, so that one with a single seed is taken to vary by seed as the other does; else it is
    taken as it is, like a baseline without any randomness.
    """
    value = a.mean - b.mean
    if np.isnan(value):
        return Difference(None)
    defined = ~(np.isnan(a.resampled).any(axis=0) | np.isnan(b.resampled).any(axis=0))
    if a.units < 2 or defined.mean() < 1 - _MAX_UNDEFINED:
        return Difference(value)
    left, right = a.resampled[:, defined], b.resampled[:, defined]
    rows = _row_variance(left, right) * a.units / (a.units - 1)
    seeds = _seed_variances(a.values, b.values, trained)
    total = rows + sum(variance for variance, _ in seeds)
    if total < _NO_SPREAD**2:
        return _without_spread(value, a.units)
    freedom = total**2 / (rows**2 / (a.units - 1) + sum(variance**2 / k for variance, k in seeds))
    error = total**0.5
    reach = -float(stdtrit(freedom, _TAIL)) * error
    return Difference(value, value - reach, value + reach, 2 * float(stdtr(freedom, -abs(value) / error)))


def bounded(name: str, difference: Difference) -> Difference:
    """With an interval that goes no farther than two values of the metric can lie apart."""
    if difference.low is None or difference.high is None:
        return difference
    lowest, highest = metric_of(name).bounds
    most = highest - lowest
    return replace(difference, low=max(-most, difference.low), high=min(most, difference.high))


def estimate_mean(name: str, sampled: Sampled, support: Support) -> Estimate:
    """A metric with its 95 % interval; of several seeds their mean, with an interval that holds rows and seeds."""
    mean, k = sampled.mean, len(sampled.values)
    if k == 1:
        return interval(name, mean, sampled.resampled[0], support, sampled.units)
    rows = interval(name, mean, sampled.resampled.mean(axis=0), replace(support, trials=None), sampled.units)
    between = float(sampled.values.var(ddof=1)) / k
    if rows.low is None or rows.high is None or between < _NO_SPREAD**2:
        return rows
    shared = max(0.0, _shared(sampled.resampled[:, ~np.isnan(sampled.resampled).any(axis=0)]))
    total = shared + between
    freedom = total**2 / (between**2 / (k - 1))
    reach = -float(stdtrit(freedom, _TAIL)) * total**0.5
    lowest, highest = metric_of(name).bounds
    return Estimate(mean, max(lowest, min(rows.low, mean - reach)), min(highest, max(rows.high, mean + reach)))


def _seed_variances(a: FloatArray, b: FloatArray, trained: bool) -> list[tuple[float, int]]:
    """(variance of a mean over seeds, degrees of freedom) of each that has several seeds."""
    several = [values for values in (a, b) if len(values) > 1]
    if trained and len(several) == 1:
        between = float(several[0].var(ddof=1))
        return [(between * (1 / len(a) + 1 / len(b)), len(several[0]) - 1)]
    return [(float(values.var(ddof=1)) / len(values), len(values) - 1) for values in several]


def _row_variance(a: FloatArray, b: FloatArray) -> float:
    """Variance of the difference that comes from the rows, which all seeds share: (k, R), (k', R)."""
    if len(a) == len(b) == 1:
        return float((a[0] - b[0]).var())
    cross = (a - a.mean(axis=1, keepdims=True)) @ (b - b.mean(axis=1, keepdims=True)).T / a.shape[1]
    return max(0.0, _shared(a) + _shared(b) - 2 * float(cross.mean()))


def _shared(sampled: FloatArray) -> float:
    """The covariance that two seeds have through the rows they share; the variance of a single one."""
    covariance = np.atleast_2d(np.cov(sampled, bias=True))
    k = len(covariance)
    return float(covariance[0, 0] if k == 1 else (covariance.sum() - covariance.trace()) / (k * (k - 1)))


def _without_spread(value: float, units: int) -> Difference:
    """All units differ alike: exactly 0, or as far as the sign test and the rule of three allow."""
    if value == 0:
        return Difference(0.0, 0.0, 0.0, 1.0)
    reach = 2 * abs(value) * (1 - _TAIL ** (1 / units))
    return Difference(value, value - reach, value + reach, min(1.0, 2 * 0.5**units))


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided mid-p value of McNemar's test (Fagerland, Lydersen & Laake 2013): rows that only one gets right.

    The exact test is too cautious on few such rows; the mid-p version comes nearer to its level.
    """
    total, less = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    below = float(bdtr(less - 1, total, 0.5)) if less else 0.0
    return float(bdtr(less, total, 0.5)) + below


def holm(p: Sequence[float | None]) -> list[float | None]:
    """p-values corrected so that the chance of any false discovery among them is bounded (Holm 1979).

    None, of a test that could not be made, stays None and is not counted.
    """
    known = [i for i, value in enumerate(p) if value is not None]
    values = np.array([p[i] for i in known], dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(known), 0, -1)))
    corrected: list[float | None] = [None] * len(p)
    for i, value in zip(order, steps, strict=True):
        corrected[known[i]] = float(value)
    return corrected
