"""A comparison as lines for a terminal."""

from collections.abc import Iterable, Sequence

from lmfit.evaluation.comparison.compare import RESAMPLES, Comparison
from lmfit.evaluation.comparison.record import facts
from lmfit.evaluation.comparison.standings import LEVEL, Standing, gain
from lmfit.evaluation.intervals import Estimate
from lmfit.evaluation.names import metric
from lmfit.evaluation.report.words import MISSING, amount, size

_WIDEST_VALUE = 28
_WIDEST_BLOCK = 110


def comparison_lines(comparison: Comparison) -> list[str]:
    """Every metric's table, what the runs cost, and the keys that differ."""
    lines: list[str] = []
    for name in comparison.standings:
        lines += [title(comparison, name), *_aligned(score_rows(comparison, name)), ""]
    lines += [*_aligned(cost_rows(comparison)), "", *_setting_lines(comparison)]
    return [*lines, *notes(comparison)]


def title(comparison: Comparison, name: str) -> str:
    """What a table shows."""
    reference = comparison.runs[comparison.reference].name
    direction = "" if metric(name).better == "higher" else " (lower is better)"
    which = {"first": ", the first run", "best": f", the best of {len(comparison.runs)} runs"}.get(
        comparison.chosen, ""
    )
    return f"{name}{direction} on the {comparison.rows:,} rows of {comparison.split}, against {reference}{which}"


def notes(comparison: Comparison) -> list[str]:
    """How to read the verdicts."""
    tests = f"Holm-corrected over {comparison.tests} comparisons" if comparison.tests > 1 else "one comparison"
    drawn = f"paired bootstrap of {comparison.resampled} ({RESAMPLES:,} resamples)"
    by_rows = [name for name, found in comparison.standings.items() if any("McNemar" in one.test for one in found)]
    mcnemar = f"; p of {', '.join(by_rows)}: McNemar's test (mid-p)" if by_rows else ""
    told = [f"95 % intervals; better or worse: p below {LEVEL}, {tests}; {drawn}{mcnemar}"]
    told.append(
        "training time and prediction speed were measured when each run was made, on the machine as busy as it was then"
    )
    reference = comparison.runs[comparison.reference].name
    for i, where in comparison.apart.items():
        name = comparison.runs[i].name
        told.append(f"{name} has the config, seed and data of {reference} and should be identical: their logs {where}")
    several = {len(run.seeds) for run in comparison.runs}
    if several == {1}:
        told.append(
            "one seed a run: what another seed would give is not in the intervals (lmfit finetune --seeds 1,2,3)"
        )
    elif 1 in several:
        told.append("a run with one seed is taken to vary by seed as the one it is compared with does")
    if comparison.chosen == "best":
        told.append("the best was chosen on these rows, so its own score is a little flattered")
    return told


def verdict(comparison: Comparison, name: str, run: int) -> str:
    """`better by 0.031 [0.010, 0.052]`, `no difference shown: +0.004 [-0.010, +0.018]`, `identical ...`."""
    standing = comparison.standings[name][run]
    difference = standing.difference
    if difference is None:
        return "reference"
    if standing.outcome == "identical":
        return f"identical{_sameness(comparison, run)}"
    if difference.value is None:
        return "not comparable: undefined"
    if standing.outcome == "no difference shown":
        low, high = difference.low, difference.high
        interval = _interval(difference.low, difference.high, "+.3f")
        told = f"no difference shown: {difference.value:+.3f}{interval or ', too little data for an interval'}"
        return told if low is None or high is None or low <= 0 <= high else f"{told}{_why(comparison, standing)}"
    low, high = gain(name, difference) if standing.outcome == "better" else _turned(*gain(name, difference))
    return f"{standing.outcome} by {abs(difference.value):.3f}{_interval(low, high, '.3f')}"


def _why(comparison: Comparison, standing: Standing) -> str:
    """Why nothing is shown although 0 lies outside the interval."""
    by_chance = f"p is corrected over {comparison.tests} comparisons, the interval is not"
    return f" ({by_chance if comparison.tests > 1 else f'p is of {standing.test}'})"


def p_value(standing: Standing) -> str:
    """The corrected p-value."""
    p = standing.difference.p if standing.difference else None
    return "" if p is None or standing.outcome == "identical" else "<0.001" if p < 0.001 else f"{p:.3f}"


def scored(estimate: Estimate) -> str:
    """`0.858 [0.842, 0.873]`."""
    return (
        "not defined"
        if estimate.value is None
        else f"{estimate.value:.3f}{_interval(estimate.low, estimate.high, '.3f')}"
    )


def score_rows(comparison: Comparison, name: str) -> list[list[str]]:
    """One metric of each run with interval, p-value and verdict, under their names."""
    rows = [["run", name, "p", "verdict"]]
    for i, (run, standing) in enumerate(zip(comparison.runs, comparison.standings[name], strict=True)):
        rows.append([run.name, scored(standing.estimate), p_value(standing), verdict(comparison, name, i)])
    return rows


def cost_rows(comparison: Comparison) -> list[list[str]]:
    """Size, speed and training time of each run, under their names."""
    rows = [["run", "size", "parameters", "training", "prediction"]]
    for run in comparison.runs:
        told = facts(run.manifest)
        seconds, speed = told["train_seconds"], told["predict_tokens_per_second"]
        time = MISSING if seconds is None else f"{seconds:,.1f} s"
        rate = MISSING if speed is None else f"{speed:,.0f} tokens/s"
        rows.append([run.name, size(told["bytes"]), amount(told["parameters"]), time, rate])
    return rows


def _sameness(comparison: Comparison, run: int) -> str:
    same = comparison.same.get(run)
    if same is None:
        return " answers"
    return " to the bit: predictions, weights and log" if same.bits else f" answers; {same.why}"


def _turned(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (None, None) if low is None or high is None else (-high, -low)


def _interval(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f" [{low:{form}}, {high:{form}}]"


def _setting_lines(comparison: Comparison) -> list[str]:
    """The differing keys as columns, in as many blocks as the width asks for."""
    if not comparison.settings:
        return ["the configs are equal", ""]
    names = ["run", *(run.name for run in comparison.runs)]
    lines, block = [], [names]
    for key, values in comparison.settings.items():
        column = [key, *(_cut(value) for value in values)]
        if len(block) > 1 and _width([*block, column]) > _WIDEST_BLOCK:
            lines += [*_aligned(zip(*block, strict=True)), ""]
            block = [names]
        block.append(column)
    return [*lines, *_aligned(zip(*block, strict=True)), ""]


def _cut(value: str) -> str:
    return value if len(value) <= _WIDEST_VALUE else f"{value[: _WIDEST_VALUE - 1]}…"


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in columns)


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in table]
