"""Charts as SVG with real text. Places along x are percentages, so that a chart fills any width at one text size."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_LEFT, _RIGHT, _HEIGHT, _FOOT = 13, 98, 170, 22
_MOST_POINTS = 400


@dataclass(frozen=True)
class Interval:
    """A value with its interval, drawn as a bar with a whisker. `low` and `high` are None where they are not known."""

    value: float
    low: float | None
    high: float | None
    own: bool = False


def element(tag: str, *children: Markup | str, **attributes: str | float) -> Markup:
    """One SVG element with text and attribute values escaped; `class_` stands for `class`, `_` within for `-`."""
    pairs = (f' {name.rstrip("_").replace("_", "-")}="{escape(_place(value))}"' for name, value in attributes.items())
    return Markup("<{0}{1}>{2}</{0}>").format(tag, Markup("".join(pairs)), Markup("").join(children))


def interval_bar(interval: Interval, low: float, high: float, label: str) -> Markup:
    """One bar from zero to the value, with its interval as a whisker, on an axis from `low` to `high`."""

    def x(value: float) -> str:
        return f"{100 * _share(min(max(value, low), high), low, high):.2f}%"

    start, end = sorted((0.0 if low <= 0 <= high else low, interval.value))
    width = f"{100 * (_share(min(end, high), low, high) - _share(max(start, low), low, high)):.2f}%"
    parts = [element("line", class_="grid", x1=x(tick), x2=x(tick), y1=0, y2=26) for tick in _ticks_within(low, high)]
    parts.append(element("rect", class_="own" if interval.own else "other", x=x(start), width=width, y=7, height=12))
    if interval.low is not None and interval.high is not None:
        left, right = x(interval.low), x(interval.high)
        strokes = ((left, right, 13, 13), (left, left, 8, 18), (right, right, 8, 18))
        parts += [element("line", class_="whisker", x1=x1, x2=x2, y1=y1, y2=y2) for x1, x2, y1, y2 in strokes]
    return element("svg", *parts, class_="interval", role="img", aria_label=label, width="100%", height=26)


def axis(low: float, high: float) -> Markup:
    """The numbers below a stack of interval bars; hidden from screen readers, which are told the values."""
    labels = []
    for tick in _ticks_within(low, high):
        share = _share(tick, low, high)
        anchor = "start" if share < 0.02 else "end" if share > 0.98 else "middle"
        labels.append(element("text", tick_label(tick), x=f"{100 * share:.2f}%", y=12, text_anchor=anchor))
    return element("svg", *labels, class_="axis", aria_hidden="true", width="100%", height=16)


def line_chart(points: Sequence[tuple[float, float]], label: str, last_x: float, *, dots: bool = False) -> Markup:
    """A line over x from 0 to `last_x`; with `dots`, or when alone, points are marked and tell their value."""
    drawn = thinned(points)
    values = [y for _, y in drawn]
    scale = ticks(min(values), max(values), 4)
    low, high = min(scale[0], *values), max(scale[-1], *values)
    end = last_x or 1.0
    plot = _HEIGHT - _FOOT

    def across(x: float) -> str:
        return f"{_LEFT + (_RIGHT - _LEFT) * x / end:.2f}%"

    def down(y: float) -> float:
        return 8 + (plot - 12) * (1 - _share(y, low, high))

    parts = []
    for tick in scale:
        parts.append(element("line", class_="grid", x1=f"{_LEFT}%", x2=f"{_RIGHT}%", y1=down(tick), y2=down(tick)))
        parts.append(element("text", tick_label(tick), x=f"{_LEFT - 1.5}%", y=down(tick) + 4, text_anchor="end"))
    path = "M" + "L".join(f"{1000 * x / end:.1f} {down(y):.1f}" for x, y in drawn)
    line = element("path", d=path, class_="line", vector_effect="non-scaling-stroke")
    box = f"0 0 1000 {_HEIGHT}"
    parts.append(
        element(
            "svg",
            line,
            x=f"{_LEFT}%",
            width=f"{_RIGHT - _LEFT}%",
            height=_HEIGHT,
            viewBox=box,
            preserveAspectRatio="none",
        )
    )
    if dots or len(drawn) == 1:
        for x, y in drawn:
            tip = element("title", f"{x:,.0f}: {tick_label(y)}")
            parts.append(element("circle", tip, cx=across(x), cy=down(y), r=3.5, class_="dot"))
    parts.append(element("text", "0", x=f"{_LEFT}%", y=_HEIGHT - 4))
    parts.append(element("text", f"{end:,.0f}", x=f"{_RIGHT}%", y=_HEIGHT - 4, text_anchor="end"))
    return element("svg", *parts, class_="chart", role="img", aria_label=label, width="100%", height=_HEIGHT)


def history_chart(trials: Sequence[tuple[float, float, bool]], label: str, *, higher: bool) -> Markup:
    """The score of each trial by its number, and the best score so far as a line.

    trials: (number, score, whether it was trained to its end); others are drawn hollow and cannot be the best.
    """
    values = [value for _, value, _ in trials]
    scale = ticks(min(values), max(values), 4)
    low, high, end = scale[0], scale[-1], max(number for number, _, _ in trials) or 1.0

    def across(number: float) -> float:
        return 1000 * (0.02 + 0.96 * number / end)

    def down(value: float) -> float:
        return 8 + (_HEIGHT - _FOOT - 12) * (1 - _share(value, low, high))

    parts = []
    for tick in scale:
        parts.append(element("line", class_="grid", x1=f"{_LEFT}%", x2=f"{_RIGHT}%", y1=down(tick), y2=down(tick)))
        parts.append(element("text", tick_label(tick), x=f"{_LEFT - 1.5}%", y=down(tick) + 4, text_anchor="end"))
    line = element(
        "path", d=_best_so_far(trials, across, down, higher), class_="line", vector_effect="non-scaling-stroke"
    )
    place: dict[str, str | float] = {"x": f"{_LEFT}%", "width": f"{_RIGHT - _LEFT}%", "height": _HEIGHT}
    parts.append(element("svg", line, viewBox=f"0 0 1000 {_HEIGHT}", preserveAspectRatio="none", **place))
    for number, value, whole in trials:
        tip = element("title", f"{number:,.0f}: {tick_label(value)}")
        x = f"{_LEFT + (_RIGHT - _LEFT) * across(number) / 1000:.2f}%"
        parts.append(element("circle", tip, cx=x, cy=down(value), r=3.5, class_="dot" if whole else "hollow"))
    for number, anchor in ((0.0, "start"), (end, "end")):
        x = f"{_LEFT if anchor == 'start' else _RIGHT}%"
        parts.append(element("text", f"{number:,.0f}", x=x, y=_HEIGHT - 4, text_anchor=anchor))
    return element("svg", *parts, class_="chart", role="img", aria_label=label, width="100%", height=_HEIGHT)


def _best_so_far(
    trials: Sequence[tuple[float, float, bool]],
    across: Callable[[float], float],
    down: Callable[[float], float],
    higher: bool,
) -> str:
    """Steps up (or down) at the trials that were better than all before them."""
    choose, best, path = max if higher else min, None, ""
    for number, value, whole in trials:
        if whole:
            now = value if best is None else choose(best, value)
            path += (
                f"M{across(number):.1f} {down(now):.1f}" if best is None else f"H{across(number):.1f}V{down(now):.1f}"
            )
            best = now
    return path or "M0 0"


@dataclass(frozen=True)
class Line:
    """A line of (value, low, high) points; `low` and `high` are None where they are not known."""

    name: str
    points: Sequence[tuple[float, float | None, float | None]]
    own: bool = False


def compared_lines(lines: Sequence[Line], labels: Sequence[str], label: str) -> Markup:
    """Lines over the same places, at even steps, with whiskers; `labels` stand below the places."""
    ends = [end for line in lines for point in line.points for end in point if end is not None]
    scale = ticks(min(ends), max(ends), 4)
    low, high, plot = scale[0], scale[-1], _HEIGHT - _FOOT

    def x(index: int, shift: float) -> str:
        return f"{_LEFT + 4 + (_RIGHT - _LEFT - 8) * index / max(1, len(labels) - 1) + shift:.2f}%"

    def y(value: float) -> float:
        return 8 + (plot - 12) * (1 - _share(value, low, high))

    parts = [element("line", class_="grid", x1=f"{_LEFT}%", x2=f"{_RIGHT}%", y1=y(tick), y2=y(tick)) for tick in scale]
    parts += [element("text", tick_label(t), x=f"{_LEFT - 1.5}%", y=y(t) + 4, text_anchor="end") for t in scale]
    parts += [element("text", name, x=x(i, 0), y=_HEIGHT - 4, text_anchor="middle") for i, name in enumerate(labels)]
    for line, shift in zip(lines, (-0.4, 0.4), strict=False):
        kind = "" if line.own else " beside"
        for i, (value, bottom, top) in enumerate(line.points):
            at = x(i, shift)
            if i:
                before = line.points[i - 1][0]
                parts.append(
                    element("line", class_=f"line{kind}", x1=x(i - 1, shift), x2=at, y1=y(before), y2=y(value))
                )
            if bottom is not None and top is not None:
                parts.append(element("line", class_=f"line thin{kind}", x1=at, x2=at, y1=y(bottom), y2=y(top)))
            tip = element("title", f"{line.name}, {labels[i]}: {tick_label(value)}")
            parts.append(element("circle", tip, cx=at, cy=y(value), r=4, class_=f"dot{kind}"))
    return element("svg", *parts, class_="chart", role="img", aria_label=label, width="100%", height=_HEIGHT)


@dataclass(frozen=True)
class Dot:
    """A place in a chart, drawn hollow unless `full`; its area grows with `weight`. mark: what stands in it."""

    name: str
    mark: str
    x: float
    y: float
    weight: float
    full: bool


def front_chart(dots: Sequence[Dot], label: str) -> Markup:
    """Dots of different areas over x and y, each telling its name and values; larger ones lie below."""
    left, plot = _LEFT, _HEIGHT - _FOOT
    along, up = ticks(0.0, max(dot.x for dot in dots)), ticks(min(d.y for d in dots), max(d.y for d in dots), 4)
    largest = max(dot.weight for dot in dots)

    def x(value: float) -> str:
        return f"{left + 2 + (_RIGHT - left - 4) * _share(value, along[0], along[-1]):.2f}%"

    def y(value: float) -> float:
        return 12 + (plot - 20) * (1 - _share(value, up[0], up[-1]))

    parts = [element("line", class_="grid", x1=f"{left}%", x2=f"{_RIGHT}%", y1=y(tick), y2=y(tick)) for tick in up]
    parts += [element("text", tick_label(t), x=f"{left - 1.5}%", y=y(t) + 4, text_anchor="end") for t in up]
    parts += [element("text", f"{tick_label(t)}×", x=x(t), y=_HEIGHT - 4, text_anchor="middle") for t in along]
    for dot in sorted(dots, key=lambda dot: -dot.weight):
        tip = element("title", f"{dot.name}: {dot.x:.2f}×, {tick_label(dot.y)}")
        radius = 3 + 9 * math.sqrt(dot.weight / largest)
        parts.append(element("circle", tip, cx=x(dot.x), cy=y(dot.y), r=radius, class_="dot" if dot.full else "hollow"))
        mark = "mark" if dot.full else "mark soft"
        parts.append(element("text", dot.mark, class_=mark, x=x(dot.x), y=y(dot.y) + 3.5, text_anchor="middle"))
    return element("svg", *parts, class_="chart", role="img", aria_label=label, width="100%", height=_HEIGHT)


def scatter(points: Sequence[tuple[float, float]], label: str) -> Markup:
    """Predicted (up) against gold (across) values on equal axes, with the line on which both are equal."""
    values = [value for point in points for value in point]
    scale = ticks(min(values), max(values), 5)
    low, high = min(scale[0], *values), max(scale[-1], *values)

    def place(value: float) -> float:
        return round(360 * _share(value, low, high), 1)

    parts = []
    for tick in scale:
        at = place(tick)
        parts.append(element("line", class_="grid", x1=40, x2=400, y1=370 - at, y2=370 - at))
        parts.append(element("line", class_="grid", x1=40 + at, x2=40 + at, y1=10, y2=370))
        parts.append(element("text", tick_label(tick), x=34, y=374 - at, text_anchor="end"))
        parts.append(element("text", tick_label(tick), x=40 + at, y=387, text_anchor="middle"))
    parts.append(element("line", class_="equal", x1=40, y1=370, x2=400, y2=10))
    path = "".join(f"M{40 + place(gold)} {370 - place(predicted)}h0" for gold, predicted in points)
    parts.append(element("path", d=path, class_="points"))
    return element("svg", *parts, class_="chart scatter", role="img", aria_label=label, viewBox="0 0 410 392")


def reliability_chart(points: Sequence[tuple[float, float, float]], label: str) -> Markup:
    """Share of hits (up) against mean probability (across) of each bin, from 0 to 1, with the line of honest answers.

    points: (probability, hits, count); a dot's area grows with the count.
    """
    largest = max(n for _, _, n in points)
    parts = []
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        at = round(360 * tick, 1)
        parts.append(element("line", class_="grid", x1=40, x2=400, y1=370 - at, y2=370 - at))
        parts.append(element("line", class_="grid", x1=40 + at, x2=40 + at, y1=10, y2=370))
        parts.append(element("text", tick_label(tick), x=34, y=374 - at, text_anchor="end"))
        parts.append(element("text", tick_label(tick), x=40 + at, y=387, text_anchor="middle"))
    parts.append(element("line", class_="equal", x1=40, y1=370, x2=400, y2=10))
    places = [(40 + 360 * x, 370 - 360 * y) for x, y, _ in points]
    parts.append(element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places), class_="line"))
    for (x, y), (p, hits, n) in zip(places, points, strict=True):
        tip = element("title", f"{p:.2f}: {hits:.2f} (n = {n:,.0f})")
        parts.append(element("circle", tip, cx=x, cy=y, r=2.5 + 7 * math.sqrt(n / largest), class_="dot"))
    return element("svg", *parts, class_="chart scatter", role="img", aria_label=label, viewBox="0 0 410 392")


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) that cover `low` to `high`, about `about` steps."""
    if high <= low:
        low, high = low - (abs(low) or 1) * 0.5, high + (abs(high) or 1) * 0.5
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _ticks_within(low: float, high: float) -> list[float]:
    return [tick for tick in ticks(low, high) if low - 1e-9 <= tick <= high + 1e-9]


def tick_label(value: float) -> str:
    """A short number: 0.25, 1,200, 5e-5."""
    if value and abs(value) < 0.001:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("-", "−")


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most a few hundred points: each the mean of as many neighbours as it takes."""
    group = math.ceil(len(points) / _MOST_POINTS)
    chunks = (points[start : start + group] for start in range(0, len(points), group or 1))
    return [(sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk)) for chunk in chunks]


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low)


def _place(value: str | float) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
