"""Learning curves from the log, and the scatter of a regression."""

from dataclasses import dataclass

from markupsafe import Markup

from lmfit.evaluation.report.charts import line_chart, scatter, tick_label
from lmfit.evaluation.report.files import Json, RunFiles, mapping, number
from lmfit.evaluation.report.words import Words, count
from lmfit.evaluation.report.worst import WorstErrors

_NO_METRICS = ("split", "step", "n")


@dataclass(frozen=True)
class Curve:
    """A chart with its title. `not_finite` values (an overflow, a division by zero) cannot be drawn and are counted."""

    title: str
    note: str
    chart: Markup
    not_finite: int


@dataclass(frozen=True)
class Scatter:
    """The scatter of a regression and what it shows."""

    drawing: Markup
    note: str


def curves(run: RunFiles, metric: str, words: Words) -> list[Curve]:
    """Training loss, learning rate and `metric` (else the first one) of each evaluation, as far as they were logged.

    Of a language model all metrics are drawn.
    """
    steps: list[Json] = [line for line in run.log if "evaluation" not in line]
    evaluations = [_flat(line) for line in run.log if "evaluation" in line]
    if not any(number(line.get(metric)) is not None for line in evaluations):
        metric = next((name for line in evaluations for name in line if name not in _NO_METRICS), "")
    measured = [name for name in (evaluations or [{}])[0] if name not in (*_NO_METRICS, metric)]
    shown = [metric, *(measured if run.manifest.get("kind") == "language" else [])]
    last = max((number(line.get("step")) or 0 for line in run.log), default=0.0)
    wanted: list[tuple[str, list[Json], str, bool]] = [
        (words.plain("curves.loss"), steps, "loss", False),
        *((words.plain("curves.metric", metric=words.heading("metric", m)), evaluations, m, True) for m in shown),
        (words.plain("curves.learning_rate"), steps, "learning_rate", False),
    ]
    found = (_curve(title, lines, key, last, words, dots=dots) for title, lines, key, dots in wanted)
    return [curve for curve in found if curve]


def _curve(title: str, lines: list[Json], key: str, last: float, words: Words, *, dots: bool) -> Curve | None:
    by_step = {step: line.get(key) for line in lines if (step := number(line.get("step"))) is not None and key in line}
    points = [(step, value) for step, raw in sorted(by_step.items()) if (value := number(raw)) is not None]
    if not points:
        return Curve(title, "", Markup(""), len(by_step)) if by_step else None
    first, final = tick_label(points[0][1]), tick_label(points[-1][1])
    note = words.plain("curves.from_to", first=first, last=final) if len(points) > 1 else final
    chart = line_chart(points, f"{title}: {note}", last, dots=dots)
    return Curve(title, note, chart, len(by_step) - len(points))


def scatter_chart(errors: WorstErrors | None, words: Words) -> Scatter | None:
    """Gold against predicted numbers, or None where the predictions are no numbers."""
    if not errors or not errors.points:
        return None
    note = words.plain("scatter.label", count=count(len(errors.points)), labelled=count(errors.labelled))
    return Scatter(scatter(errors.points, note), note)


def _flat(line: Json) -> Json:
    return {**mapping(line["evaluation"]), "step": line.get("step")}
