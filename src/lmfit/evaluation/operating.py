"""Operating points: how much of one label is found when so many false alarms are allowed.

N rows
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmfit.evaluation.counts import CountUnits, ratio
from lmfit.evaluation.intervals import FloatArray, Support, estimate
from lmfit.evaluation.names import operating_names
from lmfit.evaluation.outcomes import Outcomes
from lmfit.evaluation.scores import entry


def choose_threshold(scores: FloatArray, positive: NDArray[np.bool_], rate: float) -> float | None:
    """The lowest threshold above which at most the share `rate` of the negatives lies; None without negatives.

    scores (N,): the probability of the label; positive (N,): whether the row has it. A row is flagged where its score
    is above the threshold (Neyman-Pearson: the most recall that the false-alarm rate allows).
    """
    negatives = -np.sort(-scores[~positive])
    if not len(negatives):
        return None
    allowed = int(np.floor(rate * len(negatives) + 1e-9))
    return float(negatives[allowed]) if allowed < len(negatives) else 0.0


def operating_point(
    validation: Outcomes, held: Outcomes, label: str, rate: float, *, resamples: int, seed: int
) -> dict[str, Any]:
    """{"label", "asked", "threshold", "validation", "held"}: threshold from validation, recall and rate on new rows.

    "validation" holds the plain recall and false-alarm rate, "held" a metric entry of each by its name; both are empty
    where validation has no row without the label. "note" tells of a rate that too few rows can show.
    """
    scores, positive = _column(validation, label), validation.has(label)
    threshold = choose_threshold(scores, positive, rate)
    found: dict[str, Any] = {"label": label, "asked": rate, "threshold": threshold, "validation": {}, "held": {}}
    if threshold is None:
        return found | {"note": "every validation row has this label, so there is no false alarm to count"}
    negatives = int((~positive).sum())
    flagged = scores > threshold
    found["validation"] = {
        "recall": float(flagged[positive].mean()) if positive.any() else None,
        "false_alarm_rate": float(flagged[~positive].mean()),
        "rows": [int(positive.sum()), negatives],
    }
    found["held"] = _scores(held, label, rate, threshold, resamples, seed)
    if rate * negatives < 1:
        found["note"] = (
            f"{negatives} validation rows without the label cannot show a rate of {rate:g}: none was allowed"
        )
    return found


def _scores(held: Outcomes, label: str, rate: float, threshold: float, resamples: int, seed: int) -> dict[str, Any]:
    positive, flagged = held.has(label), _column(held, label) > threshold
    counts = held.counts([positive & flagged, positive, ~positive & flagged, ~positive])
    names = operating_names(label, rate)
    sizes = (int(positive.sum()), int((~positive).sum()))
    support = {name: Support(n) for name, n in zip(names, sizes, strict=True)}
    found = estimate(CountUnits(counts, partial(_rates, names)), support, resamples, seed)
    return {name: entry(name, found[name], s.items) for name, s in support.items()}


def _rates(names: Sequence[str], sums: FloatArray) -> dict[str, FloatArray]:
    return {names[0]: ratio(sums[:, 0], sums[:, 1]), names[1]: ratio(sums[:, 2], sums[:, 3])}


def _column(outcomes: Outcomes, label: str) -> FloatArray:
    return np.array(outcomes.certain[:, outcomes.labels.index(label)])
