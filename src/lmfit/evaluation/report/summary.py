"""The first page, made for a meeting: the verdict, three figures with intervals, the chart with the baselines."""

from dataclasses import dataclass

from markupsafe import Markup

from lmfit.evaluation.report.charts import Interval, axis, interval_bar, ticks
from lmfit.evaluation.report.facts import Facts, data_facts, model_facts, model_name
from lmfit.evaluation.report.files import RunFiles, dig, number
from lmfit.evaluation.report.scores import Estimate, Headline, rival
from lmfit.evaluation.report.several import seeds_line
from lmfit.evaluation.report.words import MISSING, Words, capital, count, score, size
from lmfit.runs import COMPRESS, COMPRESSING


@dataclass(frozen=True)
class Figure:
    """One of the figures, at most three: a label, a large value, and lines of small print."""

    label: str
    value: str
    lines: list[str]


@dataclass(frozen=True)
class Bar:
    """One row of the chart."""

    name: str
    value: str
    interval: str
    drawing: Markup


@dataclass(frozen=True)
class Chart:
    """The model's headline score beside those of the baselines; `n` is what the score rests on."""

    title: str
    bars: list[Bar]
    axis: Markup
    n: int | None


@dataclass(frozen=True)
class Summary:
    """`outcome` is good (beats the baseline), bad (does not), unsure (better, maybe by chance), open or unfinished."""

    outcome: str
    sentence: str
    error: str
    figures: list[Figure]
    chart: Chart | None
    model: Facts
    data: Facts


def summary(run: RunFiles, best: Headline, words: Words) -> Summary:
    """Everything on the first page. What is not known is left out."""
    outcome = _outcome(run)
    others = (_baseline_figure(run, best, words), _cost(run, words))
    return Summary(
        outcome=outcome,
        sentence=_sentence(run, words, outcome, best),
        error=str(run.manifest.get("error") or "") if outcome == "unfinished" else "",
        figures=[_own_figure(run, best, words), *(figure for figure in others if figure.value != MISSING)],
        chart=_chart(run, best, model_name(run), words),
        model=model_facts(run, words),
        data=data_facts(run, words),
    )


def _outcome(run: RunFiles) -> str:
    if _status(run) != "finished":
        return "unfinished"
    if run.certificate:
        return "missed" if dig(run.certificate, "verdict", "holds") is False else "smaller"
    beats = dig(run.manifest, "verdict", "beats_baseline")
    if isinstance(beats, bool):
        return "good" if beats else "bad"
    return "unsure" if dig(run.manifest, "verdict", "baseline") else "open"


def _status(run: RunFiles) -> str:
    return str(run.manifest.get("status", "finished")) if run.manifest else "missing"


def _sentence(run: RunFiles, words: Words, outcome: str, best: Headline) -> str:
    if outcome == "unfinished":
        return words.plain("verdict.unfinished", status=words.name("status", _status(run)))
    if best.own is None:
        return words.plain("verdict.no_scores")
    values = {**_names(best, words), "value": score(best.own.value)}
    if run.certificate:
        return capital(words.plain(f"verdict.{outcome}", **values, **_against_parent(run)))
    if not best.baselines:
        return capital(words.plain("verdict.no_baseline", **values))
    name, other = best.baselines[0]
    values |= {"baseline": words.name("baseline", rival(run, name)), "other": score(other.value)}
    scratch = words.plain("verdict.scratch") if dig(run.manifest, "model", "kind") == "scratch" else ""
    return capital(words.plain(f"verdict.{outcome}", **values)) + scratch


def _against_parent(run: RunFiles) -> dict[str, str]:
    """What a compressed model lost and gained: the score's difference, how many times smaller and as fast."""
    lost = number(dig(run.certificate, "metric", "difference", "value"))
    times = {name: number(dig(run.certificate, *path)) for name, path in _GAINED.items()}
    told = {name: MISSING if value is None else f"{value:.1f}" for name, value in times.items()}
    return {"change": MISSING if lost is None else f"{lost:+.3f}"} | told


_GAINED = {"smaller": ("size", "ratio"), "faster": ("speed", "latency_ratio")}


def _own_figure(run: RunFiles, best: Headline, words: Words) -> Figure:
    lines = [*seeds_line(run, best, words), *_interval_lines(best.own, words)]
    label = words.plain("figure.score", **_names(best, words)) if best.metric else words.plain("figure.no_score")
    return Figure(capital(label), score(best.own.value if best.own else None), lines)


def _baseline_figure(run: RunFiles, best: Headline, words: Words) -> Figure:
    title = words.plain("figure.baseline")
    if not best.baselines:
        return Figure(title, score(None), [words.plain("figure.no_baseline")])
    name, other = best.baselines[0]
    lines = [words.name("baseline", rival(run, name)), *_interval_lines(other, words)]
    ends = {end: number(dig(run.manifest, "verdict", end)) for end in ("difference", "low", "high")}
    if None not in ends.values() and dig(run.manifest, "verdict", "baseline") == name:
        lines.append(words.plain("figure.difference", **{end: score(value) for end, value in ends.items()}))
    elif best.own:
        difference = best.own.value - other.value
        key = "figure.higher" if difference >= 0 else "figure.lower"
        lines.append(words.plain(key, difference=score(abs(difference))))
    return Figure(title, score(other.value), lines)


def _interval_lines(one: Estimate | None, words: Words) -> list[str]:
    if one is None:
        return []
    return [
        words.plain("figure.interval", interval=one.interval) if one.interval else words.plain("figure.no_interval")
    ]


def _cost(run: RunFiles, words: Words) -> Figure:
    lines = []
    if device := dig(run.manifest, "device", "name"):
        lines.append(words.plain("cost.device", device=device))
    if (number_of_bytes := number(dig(run.manifest, "model", "bytes"))) is not None:
        lines.append(words.plain("cost.size", size=size(number_of_bytes)))
    for key, name in (("cost.training_speed", "tokens_per_second"), ("cost.speed", "predict_tokens_per_second")):
        if speed := number(dig(run.manifest, "throughput", name)):
            lines.append(words.plain(key, speed=count(speed)))
    compressed = run.manifest.get("stage") == COMPRESS
    parts = ("train_seconds", *COMPRESSING) if compressed else ("train_seconds",)
    known = [one for part in parts if (one := number(dig(run.manifest, "timing", part))) is not None]
    title = words.plain("figure.cost.compression" if compressed else "figure.cost")
    return Figure(title, words.duration(sum(known) if known else None), lines)


def _chart(run: RunFiles, best: Headline, model: str, words: Words) -> Chart | None:
    rows = [(words.plain("chart.model", model=model), best.own)] if best.own else []
    rows += [(words.heading("baseline", rival(run, name)), one) for name, one in best.baselines]
    if not rows:
        return None
    bounds = [bound for _, one in rows for bound in (one.value, one.low, one.high) if bound is not None]
    scale = ticks(min(0.0, *bounds), max(bounds))
    low, high = scale[0], scale[-1]
    if max(bounds) <= 1 and not rows[0][1].lower_is_better:
        high = 1.0
    title = capital(words.plain("chart.title", **_names(best, words)))
    bars = [_bar(name, one, low, high, own=one is best.own) for name, one in rows]
    return Chart(title, bars, axis(low, high), best.own.n if best.own else None)


def _bar(name: str, one: Estimate, low: float, high: float, *, own: bool) -> Bar:
    label = f"{name}: {score(one.value)}" + (f" ({one.interval})" if one.interval else "")
    drawing = interval_bar(Interval(one.value, one.low, one.high, own), low, high, label)
    return Bar(name, score(one.value), one.interval, drawing)


def _names(best: Headline, words: Words) -> dict[str, str]:
    return {"metric": words.name("metric", best.metric), "split": words.name("split", best.split)}
