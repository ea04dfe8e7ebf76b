"""What a classifier answered beside what is true, as arrays: the ground of calibration, operating points and costs.

I items (rows, or words)   C classes   U units of the bootstrap
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from lmfit.evaluation.intervals import FloatArray, Grouping, IntArray, group_rows

UNKNOWN = -1


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
    """The outcomes of a split, items joined; `units` is what the bootstrap draws."""

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
        return found

    def counts(self, columns: Sequence[NDArray[Any]]) -> csr_matrix:
        """Numbers of the items, (I,) each, added up by unit: (U, K)."""
        table = np.column_stack(columns)
        sums = np.stack([np.bincount(self.unit_of_item, column, self.units.count) for column in table.T], axis=1)
        return csr_matrix(sums)


def join(found: Sequence[Outcome], labels: Sequence[str], documents: Sequence[str | None], name: str) -> Outcomes:
    """The outcomes of a split, one entry an example. Raises ValueError where there is none."""
    if not found:
        raise ValueError("no outcomes to join")
    group = group_rows(documents, len(found), name)
    sizes = [len(outcome.gold) for outcome in found]
    certain = [outcome.probabilities for outcome in found if outcome.probabilities is not None]
    return Outcomes(
        list(labels),
        np.concatenate([outcome.gold for outcome in found]),
        np.concatenate([outcome.predicted for outcome in found]),
        np.concatenate(certain) if len(certain) == len(found) else None,
        np.repeat(group.unit_of_row, sizes),
        group,
    )
