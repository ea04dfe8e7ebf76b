"""95 % intervals: the bootstrap measures the spread, the metric's own scale shapes the interval.

Shares of single rows get the score interval of Wilson (1927); other scores up to 1 get the same at the effective size
that their bootstrap variance stands for, with quantiles of t (Korn & Graubard 1998 do so for clustered samples).
Correlations get limits of t by Fisher's z, errors as they are. Percentile intervals (Efron & Tibshirani
1993) cover too little on few rows and near 1: docs/benchmarks.md.

R resamples   U units (documents, sentences or rows), drawn with replacement
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from lmfit.evaluation.names import Scale
from lmfit.evaluation.names import metric as metric_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MIN_DOCUMENTS = 10
_TAIL = 0.025
_MAX_UNDEFINED = 0.05
_NO_SPREAD = 1e-12
# an F1 rests on gold and predicted items, so it is known at best as well as a share of twice its gold items
_MOST_PER_ITEM = 2
_CHUNK_CELLS = 1_000_000


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


@dataclass(frozen=True)
class Support:
    """What a metric rests on: its `items`, and how many of them are independent.

    trials: where it is a share of items of which no unit has two, how many there are; then it is a plain proportion.
    effective: of a mean over classes, how many items of equal classes it is worth.
    """

    items: int
    trials: int | None = None
    effective: int | None = None

    def independent(self, units: int) -> int:
        """The number of independent items among `units` units."""
        return min(units, self.items) if self.effective is None else min(units, self.effective)


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


def estimate(units: Units, support: Mapping[str, Support], resamples: int, seed: int) -> dict[str, Estimate]:
    """Every metric of `units` with its interval (none for 0 resamples)."""
    if units.count == 0:
        return {name: Estimate(None, note="nothing to score") for name in support}
    point = {name: float(v[0]) for name, v in units.scores(np.ones((1, units.count))).items()}
    if resamples == 0:
        return {name: Estimate(None if np.isnan(value) else value) for name, value in point.items()}
    chunks = [units.scores(weights) for weights in resample_weights(units, resamples, seed)]
    sampled = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in point}
    return {name: interval(name, value, sampled[name], support[name], units.count) for name, value in point.items()}


def interval(name: str, value: float, sampled: FloatArray, support: Support, units: int) -> Estimate:
    """The 95 % interval of a metric from its values on R resamples of `units` units; NaN where undefined.

    Without any spread: the exact bounds of a share of 0 or 1, else none.
    """
    if np.isnan(value):
        return Estimate(None, note="undefined on this data")
    effective, trials = support.independent(units), support.trials
    defined = sampled[~np.isnan(sampled)]
    flat = np.allclose(defined, value, rtol=0, atol=_NO_SPREAD)
    if flat and (items := trials or effective) and (bounds := _exact_bounds(name, value, items)):
        return Estimate(value, *bounds, f"resamples show no spread; exact binomial bound for {items} independent items")
    if len(defined) < (1 - _MAX_UNDEFINED) * len(sampled):
        return Estimate(value, note="too rare for an interval: undefined in more than 5 % of the resamples")
    if effective < 2:
        return Estimate(value, note="no interval from fewer than two units")
    if flat:
        return Estimate(value, note="resamples show no spread, so there is no interval")
    scale = _SCALES[metric_of(name).scale]
    centre = float(scale.there(value))
    if trials:
        low, high = _wilson(centre, trials, -float(ndtri(_TAIL)))
    else:
        error = float(scale.there(defined).std()) * (effective / (effective - 1)) ** 0.5
        if support.effective is not None:
            error = max(error, (centre * (1 - centre) / (_MOST_PER_ITEM * effective)) ** 0.5)
        low, high = scale.limits(centre, error, -float(stdtrit(effective - 1, _TAIL)))
    lowest, highest = metric_of(name).bounds
    return Estimate(value, max(lowest, float(scale.back(low))), min(highest, float(scale.back(high))))


def _wilson(share: float, size: float, quantile: float) -> tuple[float, float]:
    """The score interval of a share among `size` independent trials (Wilson 1927)."""
    square = quantile**2 / size
    middle, half = share + square / 2, (square * (share * (1 - share) + square / 4)) ** 0.5
    return (middle - half) / (1 + square), (middle + half) / (1 + square)


def _score_limits(share: float, error: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval at the size at which a plain share would have this standard error."""
    return _wilson(share, max(share * (1 - share), _NO_SPREAD) / error**2, quantile)


def _symmetric_limits(centre: float, error: float, quantile: float) -> tuple[float, float]:
    return centre - quantile * error, centre + quantile * error


@dataclass(frozen=True)
class _Scale:
    """Where an interval is computed: the way there and back, and its limits from centre, error and quantile."""

    there: Callable[[Any], Any]
    back: Callable[[Any], Any]
    limits: Callable[[float, float, float], tuple[float, float]]


_SCALES: dict[Scale, _Scale] = {
    "plain": _Scale(lambda v: v, lambda v: v, _symmetric_limits),
    "share": _Scale(lambda v: v, lambda s: s, _score_limits),
    "jaccard": _Scale(lambda v: v / (2 - v), lambda s: 2 * s / (1 + s), _score_limits),
    "centred": _Scale(lambda v: (1 + v) / 2, lambda s: 2 * s - 1, _score_limits),
    "log": _Scale(np.log, np.exp, _symmetric_limits),
    "fisher": _Scale(lambda v: np.arctanh(np.clip(v, -1 + 1e-12, 1 - 1e-12)), np.tanh, _symmetric_limits),
}


def _exact_bounds(name: str, value: float, items: int) -> tuple[float, float] | None:
    """Clopper-Pearson bounds of a share of 0 or 1 among `items`, on the metric's scale; None for correlations, errors.

    For F1 of 0 `items` may leave out those that are only predicted, so the upper bound is a cautious one.
    """
    scale = _SCALES[metric_of(name).scale]
    share = float(scale.there(value))
    if scale.limits is not _score_limits or share not in (0.0, 1.0):
        return None
    bound = _TAIL ** (1 / items)
    low, high = (bound, 1.0) if share else (0.0, 1 - bound)
    return float(scale.back(low)), float(scale.back(high))
