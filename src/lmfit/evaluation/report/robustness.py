"""The view of a model's robustness: what each perturbation costs, with rows where it hurt most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmfit.evaluation.report.charts import Interval, axis, interval_bar, ticks
from lmfit.evaluation.report.files import RunFiles, dig, number, records
from lmfit.evaluation.report.scores import Estimate, estimate
from lmfit.evaluation.report.words import Words, capital, count, percent, score
from lmfit.evaluation.report.worst import ErrorItem, error_item


@dataclass(frozen=True)
class DropRow:
    """One perturbation; `pairs` are rows before and after it."""

    name: str
    about: str
    changed: str
    after: Estimate | None
    drawing: Markup | None
    verdict: str
    kind: str
    note: str
    pairs: list[tuple[ErrorItem, ErrorItem]]


@dataclass(frozen=True)
class Robustness:
    """All perturbations of a split, the metric, its value on the rows as they are, and the axis below the bars.

    measured: how many have a drop; numbers: whether answers are numbers, which are not marked as right or wrong.
    """

    metric: str
    clean: Estimate | None
    rows: list[DropRow]
    axis: Markup
    measured: int
    numbers: bool


def robustness(run: RunFiles, split: str, words: Words) -> Robustness | None:
    """The robustness of a split, or None where it was not measured."""
    found = records(dig(run.tables, split, "robustness"))
    if not found:
        return None
    known = (number(dig(one, "drop", name)) for one in found for name in ("value", "low", "high"))
    ends = [end for end in known if end is not None]
    scale = ticks(min(0.0, *ends), max(0.0, *ends)) if ends else [0.0, 1.0]
    rows = [_row(one, scale[0], scale[-1], words) for one in found]
    metric = words.heading("metric", str(found[0].get("metric")))
    golds = [dig(one, "before", "gold") for raw in found for one in records(raw.get("examples"))]
    return Robustness(
        metric,
        estimate(found[0].get("clean")),
        rows,
        axis(scale[0], scale[-1]),
        sum(row.drawing is not None for row in rows),
        all(isinstance(gold, int | float) for gold in golds),
    )


def _row(raw: Any, low: float, high: float, words: Words) -> DropRow:
    rows, changed = number(raw.get("rows")) or 0, number(raw.get("changed")) or 0
    value, bottom, top = (number(dig(raw, "drop", name)) for name in ("value", "low", "high"))
    kind, name = str(raw.get("verdict")), str(raw.get("name"))
    drawing = None if value is None else interval_bar(Interval(value, bottom, top, kind == "drop"), low, high, name)
    ends = {"value": score(value), "low": score(bottom), "high": score(top)}
    if kind == "gain" and value is not None and bottom is not None and top is not None:
        ends = {"value": score(-value), "low": score(-top), "high": score(-bottom)}
    told = words.name("perturbation", name) != name
    return DropRow(
        name,
        words.heading("perturbation", name) if told else capital(str(raw.get("about"))),
        f"{count(changed)} ({percent(changed / rows if rows else None)})",
        estimate(raw.get("perturbed")),
        drawing,
        words.plain(f"robustness.{kind}", **ends),
        kind,
        str(raw.get("note") or ""),
        _pairs(records(raw.get("examples"))),
    )


def _pairs(examples: Sequence[Any]) -> list[tuple[ErrorItem, ErrorItem]]:
    sides = [(dig(one, "before"), dig(one, "after")) for one in examples]
    return [
        (error_item(a), error_item(b)) for a, b in sides if dig(a, "text") is not None and dig(b, "text") is not None
    ]
