"""Views of what stands beside the scores: calibration, operating points, costs, slices, other evaluations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmfit.evaluation.report.charts import Interval, axis, interval_bar, reliability_chart, ticks
from lmfit.evaluation.report.files import RunFiles, dig, items, mapping, number, records
from lmfit.evaluation.report.scores import Estimate, estimate, rival
from lmfit.evaluation.report.words import Words, count, percent, score


@dataclass(frozen=True)
class Calibration:
    """The reliability curve, `sentence` on the temperature, and (name, after, before) of ECE and Brier score."""

    drawing: Markup
    sentence: str
    rows: list[tuple[str, Estimate | None, Estimate | None]]
    honest: str


@dataclass(frozen=True)
class OperatingRow:
    """One operating point: what was asked, the threshold, and recall and false-alarm rate on the split."""

    label: str
    asked: str
    threshold: float | None
    recall: Estimate | None
    false_alarms: Estimate | None
    note: str


@dataclass(frozen=True)
class Costs:
    """Cost of a row by who decides, and a sentence on what the cheapest decisions save."""

    rows: list[tuple[str, Estimate | None]]
    sentence: str
    labels: list[str]
    matrix: list[list[str]]


@dataclass(frozen=True)
class SliceRow:
    """One slice of the data; `p` is corrected, empty where the slice was not tested."""

    by: str
    value: str
    rows: int
    one: Estimate | None
    drawing: Markup | None
    p: str
    few: bool


@dataclass(frozen=True)
class Slices:
    """All slices of a split, a sentence on the worst, notes, and the axis below the bars."""

    metric: str
    rows: list[SliceRow]
    sentence: str
    holds: bool
    notes: list[str]
    axis: Markup


@dataclass(frozen=True)
class Evaluation:
    """An evaluation on a new file, with its own report at `link`."""

    name: str
    metric: str
    one: Estimate | None
    rows: int | None
    link: str


def calibration(run: RunFiles, split: str, words: Words) -> Calibration | None:
    """The calibration of a split, or None where answers have no probabilities."""
    table = dig(run.tables, split, "calibration")
    bins = [
        (number(one.get("confidence")), number(one.get("hits")), number(one.get("count")))
        for one in records(dig(table, "bins"))
    ]
    points = [(x, y, n) for x, y, n in bins if x is not None and y is not None and n is not None]
    if not points:
        return None
    temperature = number(dig(table, "temperature"))
    if temperature is not None:
        sentence = words.plain("calibration.fitted", temperature=f"{temperature:.2f}")
    else:
        sentence = words.plain("calibration.unchanged", why=str(dig(run.manifest, "calibration", "why") or "–"))
    rows = [
        (words.heading("metric", name), estimate(dig(run.metrics, split, name)), estimate(dig(table, "before", name)))
        for name in ("ece", "brier")
    ]
    bound = number(dig(table, "honest_ece"))
    honest = "" if bound is None else words.plain("calibration.honest", bound=score(bound))
    return Calibration(reliability_chart(points, words.plain("calibration.label")), sentence, rows, honest)


def operating_points(run: RunFiles, split: str) -> list[OperatingRow]:
    """The operating points of a split."""
    rows = []
    for point in records(dig(run.tables, split, "operating_points")):
        held = [estimate(one) for one in mapping(point.get("held")).values()]
        recall, false_alarms = held if len(held) == 2 else (None, None)
        note, asked = str(point.get("note") or ""), percent(number(point.get("asked")))
        rows.append(
            OperatingRow(str(point.get("label")), asked, number(point.get("threshold")), recall, false_alarms, note)
        )
    return rows


def costs(run: RunFiles, split: str, words: Words) -> Costs | None:
    """What a row of a split costs, or None where no costs were given."""
    table = mapping(dig(run.tables, split, "costs"))
    if not table:
        return None
    rows = [
        (words.plain(f"costs.{name}"), estimate(table[name])) for name in ("predicted", "cheapest") if name in table
    ]
    rows += [
        (words.plain("scores.baseline", name=words.name("baseline", rival(run, name))), estimate(one))
        for name, one in mapping(table.get("baselines")).items()
    ]
    value, low, high = (number(dig(table, "saved", key)) for key in ("value", "low", "high"))
    sentence = ""
    if value is not None and low is not None and high is not None:
        verdict = "saves" if low > 0 else "loses" if high < 0 else "open"
        changed = count(number(table.get("changed")))
        values = {"value": score(abs(value)), "low": score(low), "high": score(high), "changed": changed}
        sentence = words.plain(f"costs.{verdict}", **values)
    labels = [str(label) for label in items(dig(table, "matrix", "labels"))]
    matrix = [[f"{cell:g}" for cell in items(line)] for line in items(dig(table, "matrix", "cost"))]
    return Costs(rows, sentence, labels, matrix)


def slices(run: RunFiles, split: str, words: Words) -> Slices | None:
    """The slices of a split, or None where none were asked for."""
    table = mapping(run.slices.get(split))
    found = records(table.get("slices"))
    if not found:
        return None
    estimates = [estimate(one.get("score")) for one in found]
    bounds = [b for one in estimates if one for b in (one.value, one.low, one.high) if b is not None]
    scale = ticks(min(0.0, *bounds), max(bounds)) if bounds else [0.0, 1.0]
    low, high = scale[0], 1.0 if bounds and max(bounds) <= 1 else scale[-1]
    rows = [_slice_row(raw, one, low, high) for raw, one in zip(found, estimates, strict=True)]
    worst = mapping(table.get("worst"))
    notes = [str(note) for note in items(table.get("notes"))]
    name = words.heading("metric", str(table.get("metric")))
    return Slices(name, rows, _sentence(found, worst, words), worst.get("holds") is True, notes, axis(low, high))


def evaluations(run: RunFiles, words: Words) -> list[Evaluation]:
    """The evaluations on new files below the run folder."""
    found = []
    for name, facts, metrics in run.evaluations:
        split, metric = str(dig(facts, "headline", "split")), str(dig(facts, "headline", "metric"))
        rows = number(dig(facts, "data", "rows"))
        link = f"evaluations/{name}/report.html"
        one = estimate(dig(metrics, split, metric))
        found.append(
            Evaluation(name, words.heading("metric", metric), one, None if rows is None else round(rows), link)
        )
    return found


def looks(run: RunFiles, words: Words) -> str:
    """How often the test rows were looked at, from the second look on."""
    told = mapping(dig(run.manifest, "looks", "test"))
    times, runs = number(told.get("looks")), number(told.get("runs"))
    if times is None or runs is None or times < 2:
        return ""
    return words.plain("scores.looks", looks=count(times), runs=count(runs))


def _slice_row(raw: Any, one: Estimate | None, low: float, high: float) -> SliceRow:
    drawing = (
        interval_bar(Interval(one.value, one.low, one.high, True), low, high, str(raw.get("value"))) if one else None
    )
    p = number(raw.get("p"))
    told = "" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
    few = raw.get("few") is True
    return SliceRow(
        str(raw.get("by")), str(raw.get("value")), round(number(raw.get("n")) or 0), one, drawing, told, few
    )


def _sentence(found: Sequence[Any], worst: Any, words: Words) -> str:
    tested = sum(number(one.get("p")) is not None for one in found)
    if not worst:
        return words.plain("slices.none_worse" if tested else "slices.untested")
    row: Any = next(
        (one for one in found if (one.get("by"), one.get("value")) == (worst.get("by"), worst.get("value"))), {}
    )
    p = number(row.get("p")) or 0.0
    values = {
        "slice": f"{worst.get('by')} = {worst.get('value')}",
        "tested": tested,
        "margin": score(abs(number(row.get("difference")) or 0.0)),
        "p": "< 0.001" if p < 0.001 else f"= {p:.3f}",
    }
    return words.plain("slices.worse" if worst.get("holds") is True else "slices.chance", **values)
