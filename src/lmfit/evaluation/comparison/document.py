"""A comparison as a file: a self-contained page in the style of report.html, or Markdown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmfit.errors import InputError
from lmfit.evaluation.comparison.compare import Comparison
from lmfit.evaluation.comparison.lines import cost_rows, notes, score_rows, title

Writer = Callable[[Comparison], str]


def written_by(output: Path | None) -> Writer:
    """What turns a comparison into the text of a file of this suffix. Raises InputError for another one."""
    if output is None:
        return markdown
    if output.suffix.lower() not in _WRITERS:
        raise InputError(
            f"a comparison cannot be written as `{output.suffix}`", where="--output", fix="end it in .html or .md"
        )
    return _WRITERS[output.suffix.lower()]


def markdown(comparison: Comparison) -> str:
    """The tables of the terminal as Markdown."""
    parts = []
    for name in comparison.standings:
        parts += [f"## {title(comparison, name)}", _table(score_rows(comparison, name))]
    parts += ["## What the runs cost", _table(cost_rows(comparison))]
    if comparison.settings:
        parts += ["## What differs", _table(setting_rows(comparison))]
    parts.append("\n".join(f"- {note}" for note in notes(comparison)))
    return "\n\n".join(parts) + "\n"


def setting_rows(comparison: Comparison) -> list[list[str]]:
    """The differing keys: a row for each key, a column for each run."""
    return [["key", *(run.name for run in comparison.runs)]] + [
        [key, *values] for key, values in comparison.settings.items()
    ]


def _table(rows: list[list[str]]) -> str:
    head, *body = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))


def page(comparison: Comparison) -> str:
    """A self-contained page without scripts."""
    from lmfit.evaluation.report.page import printable, templates
    from lmfit.evaluation.report.words import Words

    views = {
        "title": f"{len(comparison.runs)} runs compared",
        "charts": [_chart(comparison, name) for name in comparison.standings],
        "costs": cost_rows(comparison),
        "settings": setting_rows(comparison) if comparison.settings else [],
        "notes": notes(comparison),
    }
    return printable(templates(Words("en")).get_template("compare.html").render(**views))


def _chart(comparison: Comparison, name: str) -> dict[str, Any]:
    """The intervals of one metric as bars, with the verdict beside each."""
    from lmfit.evaluation.report.charts import Interval, axis, interval_bar, ticks

    found = [standing.estimate for standing in comparison.standings[name]]
    ends = [end for one in found for end in (one.value, one.low, one.high) if end is not None]
    scale = ticks(min([0.0, *ends]), max(ends, default=1.0))
    bars = []
    for i, (row, one) in enumerate(zip(score_rows(comparison, name)[1:], found, strict=True)):
        own = Interval(one.value or 0.0, one.low, one.high, own=i == comparison.reference)
        drawing = interval_bar(own, scale[0], scale[-1], f"{row[0]}: {row[1]}") if one.value is not None else ""
        outcome = comparison.standings[name][i].outcome
        bars.append(
            {"name": row[0], "score": row[1], "p": row[2], "verdict": row[3], "drawing": drawing, "outcome": outcome}
        )
    return {"title": title(comparison, name), "bars": bars, "axis": axis(scale[0], scale[-1])}


_WRITERS: dict[str, Writer] = {".md": markdown, ".markdown": markdown, ".html": page, ".htm": page}
