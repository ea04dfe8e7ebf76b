"""The trials of a search: how the best score grew, which keys mattered, every trial with its values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmfit.evaluation.report.charts import Interval, history_chart, interval_bar, tick_label
from lmfit.evaluation.report.files import Json, RunFiles, dig, mapping, number, records
from lmfit.evaluation.report.words import MISSING, Words, count, percent, score


@dataclass(frozen=True)
class Search:
    """What was found, drawn and listed; `importance`: (key, share, bar); rows: one per trial, the best one's first."""

    sentence: Markup
    values: list[tuple[str, str]]
    history: Markup | None
    history_title: str
    importance: list[tuple[str, str, Markup]]
    heads: list[str]
    rows: list[list[str]]
    best: str
    note: Markup


def search(run: RunFiles, words: Words) -> Search | None:
    """The section, or None for a run that is no search."""
    held = mapping(run.manifest.get("search"))
    trials = records(held.get("trials"))
    if not trials:
        return None
    name = words.name("metric", str(held.get("metric")))
    best = mapping(held.get("best"))
    higher = dig(run.metrics, "validation", str(held.get("metric")), "better") != "lower"
    title = words.plain("search.history", metric=name)
    drawn = history_chart(_points(trials), title, higher=higher) if _points(trials) else None
    keys = list(mapping(best.get("values")))
    return Search(
        sentence=_sentence(trials, best, name, words),
        values=[(key, _shown(dig(best, "values", key))) for key in keys],
        history=drawn,
        history_title=title,
        importance=_importance(mapping(held.get("importance"))),
        heads=[words.plain("search.trial"), words.plain("search.state"), name, *keys, words.plain("search.time")],
        rows=[_row(trial, keys, words) for trial in _ordered(trials, higher=higher)],
        best=str(best.get("name")),
        note=words("search.note"),
    )


def _points(trials: Sequence[Json]) -> list[tuple[float, float, bool]]:
    """(number, score, trained to its end) of the trials that have a score."""
    numbered = ((number(t.get("number")), number(t.get("value")), t.get("state") == "finished") for t in trials)
    return [(place, value, whole) for place, value, whole in numbered if place is not None and value is not None]


def _sentence(trials: Sequence[Json], best: Json, metric: str, words: Words) -> Markup:
    states = [trial.get("state") for trial in trials]
    return words(
        "search.sentence",
        count=count(len(trials)),
        finished=count(states.count("finished")),
        pruned=count(states.count("pruned")),
        failed=count(states.count("failed")),
        name=best.get("name"),
        metric=metric,
        value=score(number(best.get("value"))),
    )


def _importance(held: Json) -> list[tuple[str, str, Markup]]:
    shares = [(str(name), share) for name, raw in held.items() if (share := number(raw)) is not None]
    return [
        (name, percent(share), interval_bar(Interval(share, None, None, True), 0.0, 1.0, f"{name}: {percent(share)}"))
        for name, share in shares
    ]


def _ordered(trials: Sequence[Json], *, higher: bool) -> list[Json]:
    """Finished ones first, the best of them first; then the others by number."""
    sign = -1 if higher else 1

    def place(trial: Json) -> tuple[bool, float]:
        value = number(trial.get("value"))
        whole = trial.get("state") == "finished" and value is not None
        return not whole, sign * (value or 0.0) if whole else number(trial.get("number")) or 0.0

    return sorted(trials, key=place)


def _row(trial: Json, keys: Sequence[str], words: Words) -> list[str]:
    values = mapping(trial.get("values"))
    return [
        str(trial.get("name")),
        words.name("search.state", str(trial.get("state"))),
        score(number(trial.get("value"))),
        *(_shown(values[key]) if key in values else MISSING for key in keys),
        words.duration(number(trial.get("seconds"))),
    ]


def _shown(value: Any) -> str:
    return tick_label(value) if isinstance(value, float) else str(value)
