"""How each run stands beside the reference in one metric: intervals, tests, verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from lmfit.evaluation.comparison.answers import Answers
from lmfit.evaluation.comparison.contenders import Contender
from lmfit.evaluation.intervals import Estimate
from lmfit.evaluation.names import metric
from lmfit.evaluation.pairs import Difference, Sampled, bounded, estimate_mean, holm, mcnemar, subtract
from lmfit.evaluation.scores import Scores

Outcome = Literal["reference", "identical", "better", "worse", "no difference shown"]

LEVEL = 0.05
_ROW_BY_ROW = ("accuracy", "subset_accuracy")


@dataclass(frozen=True)
class Standing:
    """How a run stands in one metric, beside the reference.

    difference: run - reference; its p is corrected over all comparisons, its interval is not.  test: what p is of.
    """

    estimate: Estimate
    outcome: Outcome
    difference: Difference | None = None
    test: str = ""


@dataclass(frozen=True)
class Entrant:
    """A run with its answers and scores, one of each per seed."""

    run: Contender
    answers: list[Answers]
    scores: list[Scores]


def family(runs: int, against: str) -> int:
    """How many tests are made: where the data chose the reference, any pair could have been compared."""
    return runs * (runs - 1) // 2 if against == "best" else runs - 1


def rank(
    name: str, entrants: Sequence[Entrant], sampled: Sequence[Sampled], reference: int, against: str
) -> list[Standing]:
    """The standing of each run in one metric, with p-values corrected by Holm's method."""
    every = range(len(entrants))
    pairs = list(combinations(every, 2)) if against == "best" else [(i, reference) for i in every if i != reference]
    p = [_tested(name, entrants, sampled, *pair)[0].p for pair in pairs]
    corrected = dict(zip(pairs, holm([1.0 if value is None else value for value in p]), strict=True))
    standings = []
    for i in every:
        estimate = _estimate(name, entrants[i], sampled[i])
        if i == reference:
            standings.append(Standing(estimate, "reference"))
            continue
        difference, test = _tested(name, entrants, sampled, i, reference)
        joint = corrected.get((i, reference), corrected.get((reference, i)))
        difference = replace(difference, p=None if difference.p is None else joint)
        outcome = _outcome(name, difference, entrants[i], entrants[reference])
        standings.append(Standing(estimate, outcome, difference, test))
    return standings


def _tested(
    name: str, entrants: Sequence[Entrant], sampled: Sequence[Sampled], i: int, j: int
) -> tuple[Difference, str]:
    """The difference of two runs, and which test its p-value is of."""
    difference, (a, b) = bounded(name, subtract(sampled[i], sampled[j], trained=True)), (entrants[i], entrants[j])
    plain = name in _ROW_BY_ROW and len(a.scores) == len(b.scores) == 1 and a.scores[0].resampled == "rows"
    if not plain or difference.p is None:
        return difference, "paired bootstrap"
    rows = list(zip(a.answers[0].gold, a.answers[0].predicted, b.answers[0].predicted, strict=True))
    only = [sum(gold == x != y for gold, x, y in rows), sum(gold == y != x for gold, x, y in rows)]
    return replace(difference, p=mcnemar(*only)), f"McNemar, {only[0]} : {only[1]} rows"


def _estimate(name: str, entrant: Entrant, sampled: Sampled) -> Estimate:
    support = entrant.scores[0].support[name]
    settled = entrant.scores[0].metrics[name]
    if settled["value"] is None:
        return Estimate(None, note=settled.get("note", ""))
    return estimate_mean(name, sampled, support)


def _outcome(name: str, difference: Difference, run: Entrant, reference: Entrant) -> Outcome:
    if [a.predicted for a in run.answers] == [a.predicted for a in reference.answers]:
        return "identical"
    if difference.value is None or difference.p is None or difference.p >= LEVEL:
        return "no difference shown"
    higher = difference.value > 0
    return "better" if higher == (metric(name).better == "higher") else "worse"


def gain(name: str, difference: Difference) -> tuple[float | None, float | None]:
    """The ends of a difference's interval, turned so that more is better."""
    if difference.low is None or difference.high is None:
        return None, None
    return (difference.low, difference.high) if metric(name).better == "higher" else (-difference.high, -difference.low)
