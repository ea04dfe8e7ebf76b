"""Which width each block gets: the least loss that a budget of weights, bytes or milliseconds allows."""

from collections.abc import Mapping, Sequence

import numpy as np

from lmfit.compression.importance import Curve
from lmfit.errors import InputError

BINS = 4000


def choose_widths(curves: Sequence[Curve], costs: Sequence[Mapping[int, float]], budget: float) -> list[int]:
    """The width of each block: the sum of losses is least, the sum of costs at most `budget`.

    Exact up to the rounding of costs to a 4,000th of the budget, by dynamic programming over the blocks (the budgeted
    problem of Kwon et al. 2022 and Kurtic et al. 2023). Raises InputError where the least costs are beyond the budget.
    """
    least = sum(min(cost.values()) for cost in costs)
    if least > budget:
        raise InputError(
            f"the target cannot be reached: {budget:,.4g} is asked for, {least:,.4g} is left with all that can go gone",
            fix="ask for less; or distil into a smaller student",
        )
    best = np.zeros(BINS + 1)
    choices = []
    for curve, cost in zip(curves, costs, strict=True):
        bins = [int(np.ceil(cost[width] / budget * BINS - 1e-9)) if budget else 0 for width in curve.kept]
        table = np.full((len(bins), BINS + 1), np.inf)
        for level, (used, loss) in enumerate(zip(bins, curve.loss, strict=True)):
            if used <= BINS:
                table[level, used:] = best[: BINS + 1 - used] + loss
        choices.append((table.argmin(0), bins))
        best = table.min(0)
    if not np.isfinite(best[BINS]):
        return [curve.kept[-1] for curve in curves]
    place, chosen = BINS, []
    for curve, (levels, bins) in zip(reversed(curves), reversed(choices), strict=True):
        level = int(levels[place])
        chosen.append(curve.kept[level])
        place -= bins[level]
    return chosen[::-1]
