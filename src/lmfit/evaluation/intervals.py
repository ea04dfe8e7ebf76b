"""95 % percentile bootstrap intervals and paired differences (Efron & Tibshirani 1993), vectorised over resamples.

R resamples   U units (documents, sentences or rows), drawn with replacement
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lmfit.errors import ConfigError, InputError, suggestion
from lmfit.evaluation.names import metric as metric_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MIN_DOCUMENTS = 10
_TAILS = (0.025, 0.975)
_MAX_UNDEFINED = 0.05
_NO_SPREAD = 1e-12
_CHUNK_CELLS = 4_000_000


class Units(Protocol):
    """Statistics of each unit of resampling, from which every metric of a weighted sample follows."""

    @property
    def count(self) -> int:
        """Number of units, U."""

    @property
    def width(self) -> int:
        """Numbers that one sample takes while it is scored; bounds how many are scored together."""

    def scores(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every metric of R samples that hold unit u weights[r, u] times: (R, U) -> name -> (R,), NaN if undefined."""


@dataclass(frozen=True)
class Grouping:
    """Which unit of resampling each row belongs to; `name` is a plural such as documents or rows."""

    unit_of_row: IntArray
    count: int
    name: str


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; None where undefined, and `note` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


def group_rows(documents: Sequence[str | None] | None, rows: int, name: str) -> Grouping:
    """Units are the documents where there are at least 10 of them (rows without one stand alone), else the rows."""
    if len(set(documents or ()) - {None}) < MIN_DOCUMENTS:
        return Grouping(np.arange(rows, dtype=np.int64), rows, name)
    keys: list[Any] = [(i,) if document is None else document for i, document in enumerate(documents or ())]
    index = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return Grouping(np.fromiter((index[key] for key in keys), np.int64, len(keys)), len(index), "documents")


def resample_weights(units: Units, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Chunks (r, U) of how often each unit is drawn when U of U are drawn with replacement; R rows in all."""
    generator = np.random.default_rng(seed)
    count, step = units.count, max(1, _CHUNK_CELLS // max(units.count, units.width))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)


def estimate(units: Units, support: dict[str, int], resamples: int, seed: int) -> dict[str, Estimate]:
    """Every metric of `units` with its interval (none for 0 resamples); `support`: how many items each rests on."""
    if units.count == 0:
        return {name: Estimate(None, note="nothing to score") for name in support}
    point = {name: float(v[0]) for name, v in units.scores(np.ones((1, units.count))).items()}
    if resamples == 0:
        return {name: Estimate(None if np.isnan(value) else value) for name, value in point.items()}
    chunks = [units.scores(weights) for weights in resample_weights(units, resamples, seed)]
    sampled = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in point}
    return {name: interval(name, point[name], sampled[name], min(units.count, support[name])) for name in point}


def interval(name: str, value: float, sampled: FloatArray, effective: int) -> Estimate:
    """The percentile interval of `sampled` (R,), NaN where undefined; `effective` independent items stand behind it.

    Without any spread: the exact bounds of a share of 0 or 1, else none.
    """
    if np.isnan(value):
        return Estimate(None, note="undefined on this data")
    defined = sampled[~np.isnan(sampled)]
    flat = np.allclose(defined, value, rtol=0, atol=_NO_SPREAD)
    if flat and effective and (bounds := _exact_bounds(name, value, effective)):
        return Estimate(value, *bounds, f"resamples show no spread; exact binomial bound for {effective} units")
    if len(defined) < (1 - _MAX_UNDEFINED) * len(sampled):
        return Estimate(value, note="too rare for an interval: undefined in more than 5 % of the resamples")
    if effective < 2:
        return Estimate(value, note="no interval from fewer than two units")
    if flat:
        return Estimate(value, note="resamples show no spread, so there is no interval")
    low, high = np.quantile(defined, _TAILS)
    return Estimate(value, float(low), float(high))


def _exact_bounds(name: str, value: float, items: int) -> tuple[float, float] | None:
    """Clopper-Pearson bounds of a share of 0 or 1 among `items`; of F1 through the share that it grows with.

    For F1 of 0 `items` leaves out those that are only predicted, so the upper bound is a cautious one.
    """
    share = metric_of(name).share
    if share is None or value not in (0.0, 1.0):
        return None
    bound = _TAILS[0] ** (1 / items)
    low, high = (bound, 1.0) if value else (0.0, 1 - bound)
    return (2 * low / (1 + low), 2 * high / (1 + high)) if share == "f1" else (low, high)


def paired_difference(
    metric: str, a: Units, b: Units, resamples: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """a - b in `metric` on the same units in the same order, with its 95 % interval; None where undefined.

    Both are resampled alike, so what is hard for both cancels. Raises InputError where the units do not match.
    """
    if a.count != b.count:
        raise InputError(f"cannot pair {a.count} units with {b.count}", fix="score both on the same file")
    if a.count == 0:
        return None, None, None
    point = _difference(metric, a, b, np.ones((1, a.count)))[0]
    sampled = np.concatenate([_difference(metric, a, b, w) for w in resample_weights(a, resamples, seed)])
    defined = sampled[~np.isnan(sampled)]
    if np.isnan(point):
        return None, None, None
    if a.count < 2 or len(defined) < (1 - _MAX_UNDEFINED) * len(sampled):
        return float(point), None, None
    low, high = np.quantile(defined, _TAILS)
    return float(point), float(low), float(high)


def _difference(metric: str, a: Units, b: Units, weights: FloatArray) -> FloatArray:
    scores_a, scores_b = a.scores(weights), b.scores(weights)
    common = scores_a.keys() & scores_b.keys()
    if metric not in common:
        raise ConfigError(f"`{metric}` is not a metric of both", fix=suggestion(metric, sorted(common)))
    return scores_a[metric] - scores_b[metric]
