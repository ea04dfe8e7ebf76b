"""What a transfer was worth, paired with its control over seeds and rows; what was forgotten of its sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lmfit.data.sources import Source
from lmfit.evaluation.names import metric
from lmfit.evaluation.pairs import Difference, bounded, sample, subtract
from lmfit.evaluation.scores import Scores
from lmfit.evaluation.seeds import mean_over_seeds
from lmfit.runs import CHILDREN, GAIN, Run, write_json
from lmfit.stages.judge import Judge, shown
from lmfit.stages.prepare import Prepared
from lmfit.stages.recall import recalled
from lmfit.stages.scoring import judge_of

Entry = dict[str, Any]


@dataclass(frozen=True)
class Arms:
    """The finished trainings of the target after transfer and without, one of each per seed."""

    transfer: Sequence[Run]
    control: Sequence[Run]


@dataclass(frozen=True)
class Measured:
    """Both arms on one split: means over the seeds (after transfer, without), and the gain by metric."""

    means: tuple[Scores, Scores]
    gains: dict[str, Entry]


def measure(run: Run, prepared: Prepared, arms: Mapping[Any, Arms], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Control and gain into metrics.json; the headline's gain, its learning curve and a sentence for run.json."""
    judge, held = judge_of(prepared.config), prepared.held_out
    whole = {split: compared(prepared, source, split, arms["all"], judge) for split, source in held.items()}
    added = {
        "control": {split: one.means[1].metrics for split, one in whole.items()},
        GAIN: {split: one.gains for split, one in whole.items()},
    }
    write_json(run.path / "metrics.json", run.metrics | added)
    if not facts["headline"]:
        return {"outcome": "unknown", "sentence": "Nothing is known of the gain: there are no rows to score on."}
    split, name = facts["headline"]["split"], facts["headline"]["metric"]
    of_size = {
        size: whole[split] if size == "all" else compared(prepared, held[split], split, pair, judge)
        for size, pair in arms.items()
    }
    rows = {size: len(prepared.splits.train) if size == "all" else size for size in arms}
    curve = sorted((_point(rows[size], name, one) for size, one in of_size.items()), key=lambda point: point["rows"])
    seeds = len(arms["all"].transfer)
    told = verdict(split, name, whole[split], seeds, arms["all"].control[0])
    control = f"{CHILDREN}/{arms['all'].control[0].path.name}"
    return {"seeds": seeds, "split": split, "metric": name, "control": control, "curve": curve, **told}


def compared(prepared: Prepared, source: Source, split: str, arms: Arms, judge: Judge) -> Measured:
    """Both arms on the rows of a split: means with intervals, and the gain in every metric that all have."""
    point = replace(judge, resamples=0)
    task = prepared.task
    sides = [
        [point.scores_of(task, recalled(task, source, child.predictions(split))) for child in side]
        for side in (arms.transfer, arms.control)
    ]
    means = [mean_over_seeds(side, judge.resamples, judge.seed) for side in sides]
    names = [name for name in means[0].metrics if all(name in one.metrics for side in sides for one in side)]
    units = [[one.units for one in side] for side in sides]
    if not units[0][0].count:
        return Measured((means[0], means[1]), {})
    transfer, control = sample(names, units, judge.resamples, judge.seed)
    gains = {
        name: _gain(name, bounded(name, subtract(transfer[name], control[name], trained=True)), means[0])
        for name in names
    }
    return Measured((means[0], means[1]), gains)


def _gain(name: str, found: Difference, mean: Scores) -> Entry:
    """A difference turned so that more is better."""
    value, low, high = found.value, found.low, found.high
    if metric(name).better == "lower":
        value, low, high = (None if end is None else -end for end in (value, high, low))
    return {"value": value, "low": low, "high": high, "p": found.p, "n": mean.metrics[name]["n"], "better": "higher"}


def _point(rows: int, name: str, one: Measured) -> dict[str, Any]:
    """A point of the learning curve."""
    ends = ("value", "low", "high")
    transfer, control = ({end: mean.metrics[name][end] for end in ends} for mean in one.means)
    return {"rows": rows, "transfer": transfer, "control": control, "gain": one.gains.get(name)}


def verdict(split: str, name: str, one: Measured, seeds: int, control: Run) -> dict[str, Any]:
    """{"outcome": helped | hurt | unsure | unknown, "sentence", "gain"}: by the 95 % interval of the gain."""
    gain = one.gains.get(name)
    values = [shown(mean.metrics[name]) for mean in one.means]
    told = f"{split} {name} {values[0]} after transfer, {values[1]} without"
    of_seeds = f"{seeds} seeds each" if seeds > 1 else "one seed each, so that their spread is not in it"
    if gain is None or gain["low"] is None:
        return {
            "outcome": "unknown",
            "sentence": f"There is too little data for an interval of the gain: {told}.",
            "gain": gain,
        }
    by = f"a gain of {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}] ({of_seeds})"
    if gain["low"] > 0:
        return {"outcome": "helped", "sentence": f"Transfer helped: {told}; {by}.", "gain": gain}
    if gain["high"] < 0:
        where = f"{CHILDREN}/{control.path.name}"
        return {"outcome": "hurt", "sentence": f"Transfer hurt: {told}; {by}. Use {where} instead.", "gain": gain}
    return {"outcome": "unsure", "sentence": f"Transfer is not shown to help: {told}; {by}.", "gain": gain}
