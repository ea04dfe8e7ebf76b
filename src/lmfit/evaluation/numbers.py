"""Scores of predicted numbers: Pearson and Spearman correlation, mean absolute error, of weighted samples.

R samples   U units   N rows
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmfit.evaluation.intervals import FloatArray, IntArray


@dataclass(frozen=True)
class NumberUnits:
    """Gold and predicted numbers (N,) and the unit of each row."""

    gold: FloatArray
    predicted: FloatArray
    unit_of_row: IntArray
    count: int

    @property
    def width(self) -> int:
        """Number of rows, N."""
        return len(self.gold)

    def scores(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every metric of R weighted samples: (R, U) -> name -> (R,)."""
        rows = weights[:, self.unit_of_row]
        error = np.abs(self.gold - self.predicted)
        return {
            "spearman": rank_correlation(self.gold, self.predicted, rows),
            "pearson": correlation(centred(self.gold), centred(self.predicted), rows),
            "mae": rows @ error / rows.sum(axis=1),
        }


def centred(values: FloatArray) -> FloatArray:
    """Values minus their mean; exact zeros where all values are equal."""
    shifted: FloatArray = values - values[:1]
    shifted -= shifted.mean()
    return shifted


def average_ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Ranks of `values` (N,) in R samples that hold row n weights[r, n] times, ties averaged, centred: (R, N)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    size = np.add.reduceat(weights[:, order], starts, axis=1)
    middle = np.cumsum(size, axis=1) - size / 2
    ranks: FloatArray = middle[:, group] - weights.sum(axis=1, keepdims=True) / 2
    return ranks


def rank_correlation(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted Spearman correlation, (R,), of x and y (N,) under weights (R, N); NaN where one is constant."""
    ranks_x, ranks_y = average_ranks(x, weights), average_ranks(y, weights)
    sums = [
        np.einsum("rn,rn,rn->r", weights, a, b) for a, b in ((ranks_x, ranks_y), (ranks_x, ranks_x), (ranks_y, ranks_y))
    ]
    covariance, variance_x, variance_y = sums
    return _ratio(covariance, variance_x, variance_y, (variance_x > 0) & (variance_y > 0))


def correlation(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted Pearson correlation, (R,), of x and y (N,) under weights (R, N); NaN where one is constant."""
    moments = weights @ np.stack([x, y, x * x, y * y, x * y], axis=1) / weights.sum(axis=1, keepdims=True)
    mean_x, mean_y, square_x, square_y, product = moments.T
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    defined = (variance_x > 1e-12 * square_x) & (variance_y > 1e-12 * square_y)
    return _ratio(product - mean_x * mean_y, variance_x, variance_y, defined)


def _ratio(
    covariance: FloatArray, variance_x: FloatArray, variance_y: FloatArray, defined: NDArray[np.bool_]
) -> FloatArray:
    scale = np.sqrt(np.where(defined, variance_x * variance_y, 1.0))
    return np.where(defined, np.clip(covariance / scale, -1.0, 1.0), np.nan)
