"""Scores that are functions of counts: hits, predicted and gold items of each class, added up over units.

R samples   U units   C classes
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import csr_matrix, hstack

from lmfit.evaluation.intervals import FloatArray, IntArray

Item = TypeVar("Item")
_ROWS, _PIECE = 20_000, 1 << 20
Formula = Callable[[FloatArray], dict[str, FloatArray]]


@dataclass(frozen=True)
class CountUnits:
    """Counts of each unit (U, K), sparse, and the `formula` from their sums (R, K) to metrics."""

    counts: csr_matrix
    formula: Formula

    @property
    def count(self) -> int:
        """Number of units."""
        return int(self.counts.shape[0])

    @property
    def width(self) -> int:
        """Number of counts, K."""
        return int(self.counts.shape[1])

    def total(self) -> FloatArray:
        """Counts of all units together, (1, K)."""
        return np.asarray(self.counts.sum(axis=0)).reshape(1, -1)

    def scores(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every metric of R weighted samples: (R, U) -> name -> (R,)."""
        sums: FloatArray = (self.counts.T @ weights.T).T
        return self.formula(sums)


@dataclass(frozen=True)
class ClassSums:
    """Hits, predicted and gold items of each class, (R, C) each."""

    hits: FloatArray
    predicted: FloatArray
    gold: FloatArray

    @classmethod
    def split(cls, sums: FloatArray) -> "ClassSums":
        """From (R, 3C) columns as `class_counts` lays them out."""
        return cls(*np.split(sums, 3, axis=1))

    def total(self) -> "ClassSums":
        """All classes together, (R, 1) each: the micro average."""
        return ClassSums(*(part.sum(axis=1, keepdims=True) for part in (self.hits, self.predicted, self.gold)))

    @property
    def precision(self) -> FloatArray:
        """(R, C); 0 for a class that is never predicted, NaN for one that occurs neither in gold nor prediction."""
        return self._share(self.hits, self.predicted)

    @property
    def recall(self) -> FloatArray:
        """(R, C); 0 for a class without gold, NaN for one that occurs neither in gold nor prediction."""
        return self._share(self.hits, self.gold)

    @property
    def f1(self) -> FloatArray:
        """(R, C); NaN for a class that occurs neither in gold nor prediction."""
        return self._share(2 * self.hits, self.predicted + self.gold)

    def _share(self, part: FloatArray, whole: FloatArray) -> FloatArray:
        undefined = np.where(self.predicted + self.gold > 0, 0.0, np.nan)
        return np.divide(part, whole, out=undefined, where=whole > 0)


def count_sets(
    gold: Iterable[Collection[Item]],
    predicted: Iterable[Collection[Item]],
    class_of: Callable[[Item], int],
    unit_of_row: IntArray,
    shape: tuple[int, int],
) -> csr_matrix:
    """Counts (U, 3C) of rows that hold a set of items each (entities, labels); `shape` is (U, C)."""
    found = csr_matrix((shape[0], 3 * shape[1]))
    rows = zip(gold, predicted, unit_of_row, strict=True)
    while piece := list(islice(rows, _ROWS)):
        golds, predictions, units = zip(*piece, strict=True)
        hits = [set(g) & set(p) for g, p, _ in piece]
        blocks = []
        for part in (hits, predictions, golds):
            unit = np.repeat(units, [len(row) for row in part])
            classes = np.fromiter((class_of(item) for row in part for item in row), np.int64, len(unit))
            blocks.append(_count(unit, classes, shape))
        found = found + hstack(blocks, format="csr")
    return found


def count_pairs(gold: IntArray, predicted: IntArray, unit: IntArray, shape: tuple[int, int]) -> csr_matrix:
    """Counts (U, 3C) of items with one gold and one predicted class each, and the unit of each; `shape` is (U, C)."""
    hit = gold == predicted
    blocks = [_count(unit[hit], gold[hit], shape), _count(unit, predicted, shape), _count(unit, gold, shape)]
    return hstack(blocks, format="csr")


def _count(units: IntArray, classes: IntArray, shape: tuple[int, int]) -> csr_matrix:
    found = csr_matrix(shape)
    for begin in range(0, len(units), _PIECE):
        part = slice(begin, begin + _PIECE)
        found = found + csr_matrix((np.ones(len(units[part])), (units[part], classes[part])), shape=shape)
    return found


def macro(per_class: FloatArray) -> FloatArray:
    """Mean over the classes that are not NaN: (R, C) -> (R,); NaN where there is none."""
    defined = ~np.isnan(per_class)
    return ratio(np.where(defined, per_class, 0.0).sum(axis=1), defined.sum(axis=1))


def weighted(per_class: FloatArray, gold: FloatArray) -> FloatArray:
    """Mean over the classes weighted by their gold items: (R, C) -> (R,); NaN without gold items."""
    return ratio((np.nan_to_num(per_class) * gold).sum(axis=1), gold.sum(axis=1))


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole, NaN where whole is 0."""
    result: FloatArray = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return result


def matthews(sums: ClassSums) -> FloatArray:
    """Multi-class Matthews correlation R_K (Gorodkin 2004), (R,); NaN where gold or prediction holds one class only."""
    total = sums.gold.sum(axis=1)
    covariance = sums.hits.sum(axis=1) * total - (sums.predicted * sums.gold).sum(axis=1)
    spread = (total**2 - (sums.predicted**2).sum(axis=1)) * (total**2 - (sums.gold**2).sum(axis=1))
    return ratio(covariance, np.sqrt(spread))


def per_class(sums: ClassSums, labels: Sequence[str]) -> dict[str, FloatArray]:
    """per_class.NAME.f1, .precision and .recall of each label: name -> (R,)."""
    parts = {"f1": sums.f1, "precision": sums.precision, "recall": sums.recall}
    return {f"per_class.{label}.{part}": v[:, c] for c, label in enumerate(labels) for part, v in parts.items()}


def class_table(sums: ClassSums, labels: Sequence[str]) -> dict[str, Any]:
    """Precision, recall, F1, support of each label and their averages, as JSON-able rows; `sums` holds one sample."""
    one, everything = (sums.precision, sums.recall, sums.f1), sums.total()
    support, predicted = int(sums.gold.sum()), int(sums.predicted.sum())
    averages = {
        "micro": (everything.precision[:, 0], everything.recall[:, 0], everything.f1[:, 0]),
        "macro": tuple(macro(part) for part in one),
        "weighted": tuple(weighted(part, sums.gold) for part in one),
    }
    rows = [
        {"label": label, **_row([part[0, c] for part in one], int(sums.gold[0, c]), int(sums.predicted[0, c]))}
        for c, label in enumerate(labels)
    ]
    return {
        "rows": rows,
        "averages": {name: _row([v[0] for v in parts], support, predicted) for name, parts in averages.items()},
    }


def _row(scores: Sequence[float], support: int, predicted: int) -> dict[str, Any]:
    named = zip(("precision", "recall", "f1"), scores, strict=True)
    return {n: None if np.isnan(v) else float(v) for n, v in named} | {"support": support, "predicted": predicted}


def confusion(gold: IntArray, predicted: IntArray, labels: Sequence[str]) -> dict[str, Any]:
    """How often each gold label was predicted as each label: the cells that are not zero."""
    cells, counts = np.unique(gold * len(labels) + predicted, return_counts=True)
    triples = [[int(c) // len(labels), int(c) % len(labels), int(n)] for c, n in zip(cells, counts, strict=True)]
    return {"labels": list(labels), "cells": triples}
