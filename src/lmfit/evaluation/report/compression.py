"""What a compressed run is beside all others of its parent (a Pareto front), and what each of its parts is worth."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmfit.evaluation.report.charts import Dot, front_chart
from lmfit.evaluation.report.files import Json, RunFiles, dig, items, mapping, number, records
from lmfit.evaluation.report.scores import estimate
from lmfit.evaluation.report.words import MISSING, Words, score, size


@dataclass(frozen=True)
class Front:
    """A chart of score over speed with its title; rows: (unbeaten?, own?, cells)."""

    title: str
    chart: Markup | None
    heads: list[str]
    rows: list[tuple[bool, bool, list[str]]]


@dataclass(frozen=True)
class Ablation:
    """A table of what is left when parts are left out; the last row has all of them."""

    heads: list[str]
    rows: list[list[str]]


def front(run: RunFiles, words: Words) -> Front | None:
    """The section, or None where there is nothing but the run and its parent."""
    held = records(run.manifest.get("relatives"))
    if len(held) < 3:
        return None
    metric = words.heading("metric", str(dig(run.certificate, "metric", "metric")))
    title = words.plain("front.chart", metric=metric)
    dots = [dot for place, one in enumerate(held, 1) if (dot := _dot(place, one)) is not None]
    return Front(
        title=title,
        chart=front_chart(dots, title) if len(dots) > 1 else None,
        heads=[words.plain("front.run"), words.plain("front.how"), metric, *_size_and_speed(words)],
        rows=[(one.get("front") is True, one.get("kind") == "own", _cells(one, words)) for one in held],
    )


def ablation(run: RunFiles, words: Words) -> Ablation | None:
    """The section, or None for a run without an ablation."""
    held = records(run.manifest.get("ablation"))
    if not held:
        return None
    parts = list(mapping(held[-1].get("parts")))
    metric = words.heading("metric", str(dig(run.certificate, "metric", "metric")))
    heads = [*(words.name("compressed", part) for part in parts), metric, words.plain("ablation.difference")]
    rows = []
    for one in held:
        marks = ["●" if dig(one, "parts", part) is True else "○" for part in parts]
        rows.append([*marks, _scored(one.get("score")), _scored(one.get("difference")), *_measured(one)])
    return Ablation([*heads, *_size_and_speed(words)], rows)


def _size_and_speed(words: Words) -> list[str]:
    return [words.plain("certificate.size"), words.plain("front.faster")]


def _measured(one: Json) -> list[str]:
    ratio, ends = number(one.get("latency_ratio")), [number(end) for end in items(one.get("latency_ratio_between"))]
    spread = f" ({ends[0]:.2f} – {ends[1]:.2f})" if len(ends) == 2 and None not in ends else ""
    return [size(number(one.get("bytes"))), MISSING if ratio is None else f"{ratio:.2f}×{spread}"]


def _cells(one: Json, words: Words) -> list[str]:
    steps = [words.name("compressed", str(step)) for step in one.get("how") or ()]
    how = words.plain("certificate.parent") if one.get("kind") == "parent" else ", ".join(steps)
    return [str(one.get("name")), how, _scored(one.get("score")), *_measured(one)]


def _scored(raw: Any) -> str:
    one = estimate(raw)
    return score(None) if one is None else score(one.value) + (f" ({one.interval})" if one.interval else "")


def _dot(place: int, one: Json) -> Dot | None:
    value, speed, weight = (number(v) for v in (dig(one, "score", "value"), one.get("latency_ratio"), one.get("bytes")))
    if value is None or speed is None or weight is None:
        return None
    return Dot(str(one.get("name")), str(place), speed, value, weight, one.get("front") is True)
