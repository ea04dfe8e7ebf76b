"""What a classifier answered beside what is true, as arrays: the ground of calibration, operating points and costs.

I items (rows, or words)   C classes   U units of the bootstrap
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from lmfit.data.column import Column
from lmfit.evaluation.intervals import FloatArray, Grouping, IntArray, group_rows

UNKNOWN = -1
_PIECE = 250_000
_WAITING = 1000


class Outcome(NamedTuple):
    """One example: the gold and the predicted class of its I items, and the probabilities (I, C) of all classes.

    One class an item: ids (I,), UNKNOWN for a label that the model has not; several: booleans (I, C).
    probabilities is None where the answer came without (a baseline).
    """

    gold: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: FloatArray | None


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a split, items joined; `units` is what the bootstrap draws.

    gold, predicted, probabilities are memory-mapped files: go through them by `pieces`.
    """

    labels: list[str]
    gold: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: FloatArray | None
    unit_of_item: IntArray
    units: Grouping

    @property
    def several(self) -> bool:
        """Whether an item may have several classes."""
        return self.gold.ndim == 2

    def has(self, label: str) -> NDArray[np.bool_]:
        """Whether each item has the gold label, (I,)."""
        index = self.labels.index(label)
        found: NDArray[np.bool_] = self.gold[:, index] if self.several else self.gold == index
        return np.array(found)

    def counts(self, columns: Sequence[NDArray[Any]]) -> csr_matrix:
        """Numbers of the items, (I,) each, added up by unit: (U, K)."""
        sums = [np.bincount(self.unit_of_item, column, self.units.count) for column in columns]
        return csr_matrix(np.stack(sums, axis=1))

    def pieces(self) -> Iterator["Outcomes"]:
        """The same outcomes, some items at a time: as many as have about 250,000 probabilities. At least one piece."""
        step = max(1, _PIECE // max(1, len(self.labels)))
        for begin in range(0, max(1, len(self.gold)), step):
            part = slice(begin, begin + step)
            p = None if self.probabilities is None else np.asarray(self.probabilities[part])
            gold, predicted = np.asarray(self.gold[part]), np.asarray(self.predicted[part])
            yield Outcomes(self.labels, gold, predicted, p, self.unit_of_item[part], self.units)

    def with_probabilities(self, change: Callable[[FloatArray], FloatArray]) -> "Outcomes":
        """With all probabilities (I, C) changed by `change`, some rows at a time. Raises ValueError without them."""
        kept = Column(np.float64, len(self.labels))
        for piece in self.pieces():
            kept.append(change(piece.certain))
        return replace(self, probabilities=kept.array())

    @property
    def certain(self) -> FloatArray:
        """The probabilities (I, C). Raises ValueError where the answers came without."""
        if self.probabilities is None:
            raise ValueError("these answers came without probabilities")
        return self.probabilities


class Gathering:
    """Outcomes as they come, example by example; on disk, so that memory hardly grows with rows and classes."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = list(labels)
        self._waiting: list[Outcome] = []
        self._columns: dict[str, Column[Any]] = {}
        self._sizes = array("q")
        self.complete = True

    def append(self, outcome: Outcome | None) -> None:
        """Add that of the next example; after a None, whose task answers no classes, there are none at all."""
        if outcome is None:
            self.complete = False
            return
        self._sizes.append(len(outcome.gold))
        self._waiting.append(outcome)
        if len(self._waiting) >= _WAITING:
            self._write()

    def joined(self, documents: Sequence[str | None] | None, name: str) -> Outcomes | None:
        """All of them; documents: those of the examples. None where there are none, or not one of every example."""
        self._write()
        if not self._sizes or not self.complete:
            return None
        group = group_rows(documents, len(self._sizes), name)
        arrays = {column: kept.array() for column, kept in self._columns.items()}
        sure = arrays.get("probabilities")
        whole = sure is not None and len(sure) == len(arrays["gold"])
        unit_of_item = np.repeat(group.unit_of_row, np.asarray(self._sizes))
        labels, gold, predicted = self._labels, arrays["gold"], arrays["predicted"]
        return Outcomes(labels, gold, predicted, sure if whole else None, unit_of_item, group)

    def _write(self) -> None:
        for name in Outcome._fields:
            found = [part for outcome in self._waiting if (part := getattr(outcome, name)) is not None]
            if found:
                joined = np.concatenate(found)
                width = joined.shape[1] if joined.ndim == 2 else None
                self._columns.setdefault(name, Column(joined.dtype.type, width)).append(joined)
        self._waiting = []


def join(found: Sequence[Outcome], labels: Sequence[str], documents: Sequence[str | None], name: str) -> Outcomes:
    """The outcomes of a split, one entry an example. Raises ValueError where there is none."""
    gathered = Gathering(labels)
    for outcome in found:
        gathered.append(outcome)
    joined = gathered.joined(documents, name)
    if joined is None:
        raise ValueError("no outcomes to join")
    return joined
