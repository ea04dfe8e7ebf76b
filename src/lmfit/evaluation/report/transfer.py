"""What a transfer was worth: the gain beside its control, the learning curve of both, what was forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmfit.evaluation.report.charts import Line, compared_lines
from lmfit.evaluation.report.files import Json, RunFiles, dig, mapping, number, records
from lmfit.evaluation.report.scores import Estimate, estimate
from lmfit.evaluation.report.words import Words, capital, count, score


@dataclass(frozen=True)
class TransferView:
    """A sentence; a table and a chart over training rows; a table of the sources before and after."""

    sentence: str
    heads: list[str]
    rows: list[list[str]]
    names: tuple[str, str]
    chart: Markup | None
    title: str
    lost_heads: list[str]
    lost: list[list[str]]
    note: str


def transfer(run: RunFiles, words: Words) -> TransferView | None:
    """The section, or None for a run without transfer."""
    facts = mapping(run.manifest.get("transfer"))
    curve = records(facts.get("curve"))
    if not curve:
        return None
    names = (words.plain("transfer.after"), words.plain("transfer.without"))
    metric = words.name("metric", str(facts.get("metric")))
    title = capital(words.plain("transfer.chart", metric=metric, split=words.name("split", str(facts.get("split")))))
    seeds = count(number(facts.get("seeds")))
    lost_heads = [words.plain(f"transfer.{name}") for name in ("source", "before", "later", "difference")]
    return TransferView(
        sentence=_sentence(run, facts, curve[-1], words),
        heads=[words.plain("transfer.rows"), *names, words.plain("transfer.gain")],
        rows=[_row(point) for point in curve],
        names=names,
        chart=_chart(curve, names, title) if len(curve) > 1 else None,
        title=title,
        lost_heads=lost_heads,
        lost=[_lost(one, words) for one in records(facts.get("forgotten"))],
        note=words.plain("transfer.note_joint" if facts.get("mode") == "joint" else "transfer.note", seeds=seeds),
    )


def _sentence(run: RunFiles, facts: Json, whole: Json, words: Words) -> str:
    """What to tell of the gain with all training rows."""
    outcome = str(facts.get("outcome"))
    after, without = (estimate(whole.get(arm)) for arm in ("transfer", "control"))
    told = words.plain(
        f"transfer.{outcome if outcome in ('helped', 'hurt', 'unsure') else 'unknown'}",
        metric=words.name("metric", str(facts.get("metric"))),
        split=words.name("split", str(facts.get("split"))),
        after=score(after.value if after else None),
        without=score(without.value if without else None),
        gain=_with_interval(whole.get("gain")),
    )
    control = str(facts.get("control") or "")
    return f"{told} {words.plain('transfer.use_control', control=control)}" if outcome == "hurt" and control else told


def _row(point: Json) -> list[str]:
    arms = (_with_interval(point.get(name)) for name in ("transfer", "control", "gain"))
    return [count(number(point.get("rows"))), *arms]


def _with_interval(raw: Any) -> str:
    one = estimate(raw)
    return score(None) if one is None else score(one.value) + (f" ({one.interval})" if one.interval else "")


def _lost(one: Json, words: Words) -> list[str]:
    metric, split = words.name("metric", str(one.get("metric"))), words.name("split", str(one.get("split")))
    values = [_with_interval(one.get(name)) for name in ("before", "after", "difference")]
    return [f"{one.get('name')} ({split}, {metric})", *values]


def _chart(curve: Sequence[Json], names: tuple[str, str], title: str) -> Markup | None:
    """Both lines with their intervals, sizes at even steps."""
    found: list[list[Estimate]] = []
    for arm in ("transfer", "control"):
        points = [estimate(dig(point, arm)) for point in curve]
        found.append([one for one in points if one is not None])
    if any(len(points) < len(curve) for points in found):
        return None
    labels = [count(number(point.get("rows"))) for point in curve]
    lines = [
        Line(name, [(one.value, one.low, one.high) for one in points], own=own)
        for name, points, own in zip(names, found, (True, False), strict=True)
    ]
    return compared_lines(lines, labels, title)
