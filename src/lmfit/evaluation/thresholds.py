"""Decision thresholds of a multi-label model, chosen on validation data."""

import numpy as np
from numpy.typing import ArrayLike

from lmfit.errors import LmfitError
from lmfit.evaluation.intervals import FloatArray

DEFAULT = 0.5


def tune_thresholds(probabilities: ArrayLike, gold: ArrayLike) -> FloatArray:
    """The thresholds (C,) above which each label has its best F1: probabilities (N, C), gold (N, C) of 0 and 1.

    Of equally good thresholds the nearest to 0.5 is taken; a label without positives keeps 0.5. Raises LmfitError for
    a probability that is NaN.
    """
    scores, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(gold, dtype=bool)
    columns = range(scores.shape[1])
    if any(np.isnan(scores[:, c]).any() for c in columns):
        raise LmfitError("a predicted probability is NaN: the model diverged")
    return np.array(
        [_best_threshold(np.array(scores[:, c]), np.array(truth[:, c])) for c in range(scores.shape[1])],
        dtype=np.float64,
    )


def _best_threshold(scores: FloatArray, truth: np.ndarray) -> float:
    """Between two neighbouring scores every threshold decides alike: 0.5 where it lies there, else the middle."""
    if not truth.any():
        return DEFAULT
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(truth[order])
    last_of_ties = np.append(ranked[:-1] > ranked[1:], True)
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + truth.sum())
    best = np.flatnonzero(last_of_ties & (f1 == f1[last_of_ties].max()))
    above, below = ranked[best], np.append(ranked, 0.0)[best + 1]
    candidates = np.where((below <= DEFAULT) & (above > DEFAULT), DEFAULT, (above + below) / 2)
    return float(candidates[np.argmin(np.abs(candidates - DEFAULT))])
