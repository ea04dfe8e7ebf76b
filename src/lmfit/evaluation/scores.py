"""The scores of one split, JSON-able: metrics with intervals, tables, and what a paired comparison needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lmfit.evaluation.intervals import Estimate, Grouping, Support, Units, estimate
from lmfit.evaluation.names import HEADLINE, Kind, metric

AnyUnits = TypeVar("AnyUnits", bound=Units)


@dataclass(frozen=True)
class Scores:
    """The scores of one split. Nothing in it is ever NaN.

    metrics: name -> {"value", "low", "high", "n", "better"}; n is the number of items behind it (rows, words, gold
        entities or labels; predicted ones for precision). An undefined value is None; "note", where present, says why,
        or why there is no usual interval.
    tables: "per_label" (labels or entity types) and "token" (tags, word by word) are {"rows": [{"label", "precision",
        "recall", "f1", "support", "predicted"}], "averages": {"micro" | "macro" | "weighted": the same but label}};
        "confusion" is {"labels", "cells": [[gold index, predicted index, count]]} without the zero cells.
    headline: the metric that stands for the whole.
    resampled: what the bootstrap drew: documents, sentences or rows.
    support: what each metric rests on.
    units: statistics of each of these, for `pairs.difference`.
    repeats: where the metrics are means over training seeds, the units of each seed.
    """

    metrics: dict[str, dict[str, Any]]
    tables: dict[str, Any]
    headline: str
    resampled: str
    support: Mapping[str, Support]
    units: Units
    repeats: tuple[Units, ...] = ()


@dataclass(frozen=True)
class Counted(Generic[AnyUnits]):
    """A split with everything counted, before the bootstrap.

    support: what each metric rests on.  settled: estimates that replace the bootstrap's.
    """

    kind: Kind
    group: Grouping
    units: AnyUnits
    support: dict[str, Support]
    tables: dict[str, Any]
    settled: dict[str, Estimate] = field(default_factory=dict)

    def scores(self, resamples: int, seed: int) -> Scores:
        """Run the bootstrap."""
        found = estimate(self.units, self.support, resamples, seed) | self.settled
        metrics = {name: entry(name, found[name], s.items) for name, s in self.support.items()}
        return Scores(metrics, self.tables, HEADLINE[self.kind], self.group.name, self.support, self.units)


def entry(name: str, found: Estimate, n: int) -> dict[str, Any]:
    """An estimate as it stands in metrics.json."""
    told = {"value": found.value, "low": found.low, "high": found.high, "n": n, "better": metric(name).better}
    return told | ({"note": found.note} if found.note else {})
