"""Scores of predicted numbers: Pearson and Spearman correlation, mean absolute error, of weighted samples.

R samples   U units   N rows
"""

from dataclasses import dataclass

import numpy as np

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
            "spearman": correlation(average_ranks(self.gold, rows), average_ranks(self.predicted, rows), rows),
            "pearson": correlation(centred(self.gold)[None], centred(self.predicted)[None], rows),
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


def correlation(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted Pearson correlation, (R,), of x and y, (R or 1, N), under weights (R, N); NaN where one is constant."""
    total = weights.sum(axis=1)
    mean_x, mean_y = (weights * x).sum(axis=1) / total, (weights * y).sum(axis=1) / total
    square_x, square_y = (weights * x**2).sum(axis=1) / total, (weights * y**2).sum(axis=1) / total
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    covariance = (weights * x * y).sum(axis=1) / total - mean_x * mean_y
    defined = (variance_x > 1e-12 * square_x) & (variance_y > 1e-12 * square_y)
    scale = np.sqrt(np.where(defined, variance_x * variance_y, 1.0))
    return np.where(defined, np.clip(covariance / scale, -1.0, 1.0), np.nan)
