"""What mistakes cost: the expected cost of a row, and the decisions that keep it lowest.

C classes   N rows
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmfit.evaluation.counts import CountUnits, ratio
from lmfit.evaluation.intervals import FloatArray, Support, estimate
from lmfit.evaluation.outcomes import Outcomes
from lmfit.evaluation.pairs import difference
from lmfit.evaluation.scores import entry

Costs = Mapping[str, Mapping[str, float]]
MISTAKE = 1.0


def cost_matrix(labels: Sequence[str], costs: Costs) -> FloatArray:
    """Cost (C, C) of each gold label (row) answered as each label (column).

    What is not named costs 0 where it is right, 1 where it is wrong.
    """
    matrix = MISTAKE * (1 - np.eye(len(labels)))
    for gold, row in costs.items():
        for predicted, cost in row.items():
            matrix[labels.index(gold), labels.index(predicted)] = cost
    return matrix


def cheapest(probabilities: FloatArray, matrix: FloatArray) -> NDArray[np.int64]:
    """The label of least expected cost for each row (Bayes decision): probabilities (N, C) -> ids (N,)."""
    found: NDArray[np.int64] = (probabilities @ matrix).argmin(axis=1)
    return found


def cost_units(outcomes: Outcomes, predicted: NDArray[Any], matrix: FloatArray) -> CountUnits:
    """Summed cost and rows by unit. A gold label that the model has not costs 1 whatever the answer."""
    known = (outcomes.gold >= 0) & (predicted >= 0)
    cost = np.where(known, matrix[outcomes.gold, predicted], MISTAKE)
    counts = outcomes.counts([cost, np.ones(len(cost))])
    return CountUnits(counts, lambda sums: {"cost": ratio(sums[:, 0], sums[:, 1])})


def cost_table(
    outcomes: Outcomes, baselines: Mapping[str, Outcomes], costs: Costs, *, resamples: int, seed: int
) -> dict[str, Any]:
    """Cost of a row as a metric entry: "predicted", "cheapest" decisions, each of "baselines"; what changing saves.

    "saved": predicted minus cheapest with its paired interval; "changed": how many answers differ.
    """
    matrix = cost_matrix(outcomes.labels, costs)
    own = cost_units(outcomes, outcomes.predicted, matrix)

    def told(units: CountUnits) -> dict[str, Any]:
        n = len(outcomes.gold)
        return entry("cost", estimate(units, {"cost": Support(n)}, resamples, seed)["cost"], n)

    table: dict[str, Any] = {"predicted": told(own)}
    if outcomes.probabilities is not None:
        decisions = np.concatenate([cheapest(piece.certain, matrix) for piece in outcomes.pieces()])
        other = cost_units(outcomes, decisions, matrix)
        gain = difference("cost", [own], [other], resamples, seed)
        table["cheapest"] = told(other)
        table["saved"] = {"value": gain.value, "low": gain.low, "high": gain.high}
        table["changed"] = int((decisions != outcomes.predicted).sum())
    table["baselines"] = {name: told(cost_units(one, one.predicted, matrix)) for name, one in baselines.items()}
    return table | {"matrix": {"labels": outcomes.labels, "cost": matrix.tolist()}}
