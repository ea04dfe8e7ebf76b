"""Whether probabilities mean what they say: ECE, Brier score, reliability, and the temperature that mends them.

N probabilities   I items   C classes   B bins
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit, log_softmax, logit, softmax
from scipy.stats import chi2

from lmfit.evaluation.counts import CountUnits, ratio
from lmfit.evaluation.intervals import Estimate, FloatArray, IntArray, Support, estimate, resample_weights
from lmfit.evaluation.outcomes import Outcomes

BINS = 15
MIN_ITEMS = 100
MOST = 20.0
_TAILS = (0.025, 0.975)
_TINY = 1e-38
_CONSISTENCY_DRAWS = 2000


@dataclass(frozen=True)
class Temperature:
    """What to divide logits by; the mean negative log-likelihood of the items it was fitted on, without and with it."""

    value: float
    items: int
    nll_before: float
    nll_after: float


def calibration_scores(outcomes: Outcomes, resamples: int, seed: int) -> dict[str, tuple[Estimate, int]]:
    """`ece` and `brier` with their intervals and the number of probabilities behind each.

    ECE (Naeini et al. 2015; Guo et al. 2017): 15 bins of equal width over the probability of the most probable class,
    or over every (row, label) probability where an item may have several. A resample adds its own noise to the gaps
    of the bins, so the interval of ECE is the basic bootstrap's (twice the value minus the quantiles); it begins at 0
    where an honest model would show as much (`honest_ece`).
    Brier (1950): squared error of the probabilities summed over the classes, or of every (row, label) probability.
    """
    units, n = calibration_units(outcomes)
    found = estimate(units, {"ece": Support(n), "brier": Support(n)}, resamples, seed)
    value = found["ece"].value
    if resamples and value is not None and units.count > 1:
        sampled = np.concatenate([units.scores(weights)["ece"] for weights in resample_weights(units, resamples, seed)])
        low, high = np.quantile(sampled[~np.isnan(sampled)], _TAILS)
        least = 0.0 if value <= honest_ece(outcomes, seed) else max(0.0, 2 * value - float(high))
        found["ece"] = Estimate(value, least, max(value, 2 * value - float(low)))
    return {name: (one, n) for name, one in found.items()}


def honest_ece(outcomes: Outcomes, seed: int) -> float:
    """The ECE that a model whose probabilities are true stays below on these rows 95 % of the time.

    Consistency resampling (Broecker & Smith 2007): hits drawn by the probabilities themselves; the sum of those of a
    bin is taken as normal.
    """
    variance, number = np.zeros(BINS), 0
    for piece in outcomes.pieces():
        confidence, _, _ = judged(piece)
        variance += np.bincount(_bin(confidence), confidence * (1 - confidence), BINS)
        number += len(confidence)
    spread = np.sqrt(variance)
    gaps = np.abs(np.random.default_rng(seed).normal(size=(_CONSISTENCY_DRAWS, BINS)) * spread).sum(axis=1)
    return float(np.quantile(gaps, 0.95) / number)


def calibration_units(outcomes: Outcomes) -> tuple[CountUnits, int]:
    """Counts, summed probabilities and hits of each bin, and the Brier score, by unit; and the number N."""
    found: list[tuple[IntArray, FloatArray]] = []
    squares, number = [], 0
    for piece in outcomes.pieces():
        confidence, hit, unit = judged(piece)
        cells, which = np.unique(unit * BINS + _bin(confidence), return_inverse=True)
        columns = (None, confidence, hit)
        found.append((cells, np.stack([np.bincount(which, column, len(cells)) for column in columns])))
        squares.append(_squared_error(piece))
        number += len(hit)
    cells, sums = (np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))
    shape = (outcomes.units.count, BINS)
    blocks = [csr_matrix((column, (cells // BINS, cells % BINS)), shape=shape) for column in sums]
    brier = outcomes.counts([np.concatenate(squares), np.ones(len(outcomes.gold))])
    return CountUnits(hstack([*blocks, brier], format="csr"), _scores), number


def judged(outcomes: Outcomes) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.int64]]:
    """Each probability, whether what it speaks of is true, and its unit, (N,) each."""
    p = outcomes.certain
    if outcomes.several:
        return p.ravel(), outcomes.gold.ravel(), np.repeat(outcomes.unit_of_item, p.shape[1])
    return p.max(axis=1), p.argmax(axis=1) == outcomes.gold, outcomes.unit_of_item


def reliability(outcomes: Outcomes) -> list[dict[str, Any]]:
    """The reliability curve: for each bin that is not empty its bounds, mean probability, share of hits, and count."""
    counts, confidence, hits = np.split(calibration_units(outcomes)[0].total()[0, : 3 * BINS], 3)
    return [
        {
            "low": b / BINS,
            "high": (b + 1) / BINS,
            "confidence": float(confidence[b] / counts[b]),
            "hits": float(hits[b] / counts[b]),
            "count": int(counts[b]),
        }
        for b in np.flatnonzero(counts).tolist()
    ]


def tempered(probabilities: FloatArray, temperature: float, *, several: bool) -> FloatArray:
    """The probabilities (I, C) after the logits behind them are divided by `temperature`."""
    if several:
        found: FloatArray = expit(logit(np.clip(probabilities, _TINY, 1 - 1e-16)) / temperature)
    else:
        found = softmax(_logs(probabilities) / temperature, axis=1)
    return found


def fit_temperature(outcomes: Outcomes) -> Temperature | str:
    """Temperature scaling (Guo et al. 2017): the one number that gives held-out labels the highest likelihood.

    A sentence instead where there are fewer than 100 items, where the likelihood has no maximum (no answer is wrong),
    or where the gain is no more than chance gives (likelihood-ratio test at 5 %).
    """
    known = np.ones(len(outcomes.gold), bool) if outcomes.several else outcomes.gold >= 0
    gold, p = outcomes.gold[known], outcomes.certain[known]
    if len(gold) < MIN_ITEMS:
        return f"only {len(gold)} validation items; it takes {MIN_ITEMS}"
    if not _any_wrong(p, gold, several=outcomes.several):
        return "no validation answer is wrong, so the likelihood has no maximum"
    nll = _binary_nll(p, gold) if outcomes.several else _nll(p, gold)
    bounds = (-np.log(MOST), np.log(MOST))
    best = minimize_scalar(
        lambda log: nll(float(np.exp(log))), bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    value, before, after = float(np.exp(best.x)), nll(1.0), float(best.fun)
    if abs(best.x) > bounds[1] - 0.01:
        return "no temperature between 0.05 and 20 fits best"
    if 2 * len(gold) * (before - after) <= chi2.ppf(0.95, df=1):
        return f"the best temperature on validation, {value:.2f}, is not better than 1 beyond chance"
    return Temperature(value, len(gold), before, after)


def _any_wrong(probabilities: FloatArray, gold: NDArray[Any], *, several: bool) -> bool:
    wrong = (probabilities > 0.5) != gold if several else probabilities.argmax(axis=1) != gold
    return bool(wrong.any())


def _nll(probabilities: FloatArray, gold: NDArray[Any]) -> Callable[[float], float]:
    logs, rows = _logs(probabilities), np.arange(len(gold))
    return lambda temperature: float(-log_softmax(logs / temperature, axis=1)[rows, gold].mean())


def _binary_nll(probabilities: FloatArray, gold: NDArray[Any]) -> Callable[[float], float]:
    signed = np.where(gold, 1, -1) * logit(np.clip(probabilities, _TINY, 1 - 1e-16))
    return lambda temperature: float(np.logaddexp(0, -signed / temperature).sum(axis=1).mean())


def _logs(probabilities: FloatArray) -> FloatArray:
    found: FloatArray = np.log(np.maximum(probabilities.astype(np.float64), _TINY))
    return found


def _bin(confidence: FloatArray) -> NDArray[np.int64]:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def _squared_error(outcomes: Outcomes) -> FloatArray:
    """Brier score of each item, (I,). A gold label that the model has not got no probability."""
    p = outcomes.certain
    if outcomes.several:
        found: FloatArray = ((p - outcomes.gold) ** 2).mean(axis=1)
        return found
    of_gold = np.where(outcomes.gold >= 0, p[np.arange(len(p)), outcomes.gold], 0.0)
    return np.asarray((p**2).sum(axis=1) - 2 * of_gold + 1, dtype=np.float64)


def _scores(sums: FloatArray) -> dict[str, FloatArray]:
    counts, confidence, hits = (sums[:, i * BINS : (i + 1) * BINS] for i in range(3))
    gaps = np.abs(hits - confidence).sum(axis=1)
    return {"ece": ratio(gaps, counts.sum(axis=1)), "brier": ratio(sums[:, -2], sums[:, -1])}
