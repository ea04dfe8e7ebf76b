"""What perturbed rows cost: the paired drop of the headline metric with its interval, and a verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lmfit.evaluation.names import metric
from lmfit.evaluation.pairs import Difference, estimate_mean, holm, sample, subtract
from lmfit.evaluation.scores import Scores, entry

ALPHA = 0.05


@dataclass
class Trial:
    """One perturbation of a split: rows in all, those it could change, did change, and that the model reads otherwise.

    scores: of the perturbed rows, None where no model input differs. examples: prediction rows {"before", "after"}.
    """

    name: str
    about: str
    inapplicable: str
    remark: str = ""
    rows: int = 0
    fitting: int = 0
    changed: int = 0
    read_otherwise: int = 0
    scores: Scores | None = None
    examples: list[dict[str, Any]] = field(default_factory=list)


def drops(clean: Scores, trials: Sequence[Trial], resamples: int, seed: int) -> list[dict[str, Any]]:
    """A row for each trial, JSON-able: name, about, counts of rows, metric, clean, perturbed, drop, verdict, examples.

    verdict: "drop" | "gain" (shown at 5 %, p corrected by Holm for the number of trials), "none" (no drop shown),
    "open" (too few rows for an interval), "same" (inputs identical after tokenisation), "unchanged" (the rows are so
    already), "inapplicable".
    """
    name = clean.headline
    measured = [trial for trial in trials if trial.scores is not None]
    models = [[scores.units] for scores in (clean, *(trial.scores for trial in measured)) if scores is not None]
    whole, *others = (one[name] for one in sample([name], models, resamples, seed))
    sign = 1 if metric(name).better == "higher" else -1
    found = [subtract(whole, one) if sign > 0 else subtract(one, whole) for one in others]
    corrected = holm([one.p for one in found])
    support = clean.support[name]
    told = {"metric": name, "clean": entry(name, estimate_mean(name, whole, support), support.items)}
    rows = {id(trial): _row(trial) | told for trial in trials}
    for trial, one, sampled, p in zip(measured, found, others, corrected, strict=True):
        assert trial.scores is not None
        rests_on = trial.scores.support[name]
        perturbed = entry(name, estimate_mean(name, sampled, rests_on), rests_on.items)
        drop = {"value": one.value, "low": one.low, "high": one.high, "p": p}
        rows[id(trial)] |= {"perturbed": perturbed, "drop": drop, "verdict": _verdict(one, p)}
    return list(rows.values())


def _row(trial: Trial) -> dict[str, Any]:
    """What is known without scores."""
    verdict = "same" if trial.changed else "unchanged" if trial.fitting else "inapplicable"
    row = {
        "name": trial.name,
        "about": trial.about,
        "rows": trial.rows,
        "changed": trial.changed,
        "read_otherwise": trial.read_otherwise,
        "verdict": verdict,
        "examples": trial.examples,
    }
    notes = [trial.inapplicable] if verdict == "inapplicable" else [trial.remark] if trial.remark else []
    return row | ({"note": notes[0]} if notes else {})


def _verdict(drop: Difference, p: float | None) -> str:
    if drop.value is None or drop.low is None or p is None:
        return "open"
    return "none" if p >= ALPHA else "drop" if drop.value > 0 else "gain"


def drop_line(row: Mapping[str, Any]) -> str:
    """`typos: f1 0.864 -> 0.812, drops by 0.052 [0.046, 0.058]; 3,001 of 3,453 rows changed`."""
    changed = f"{row['changed']:,} of {row['rows']:,} rows changed"
    told = {
        "same": f"inputs identical after tokenisation; {changed}",
        "unchanged": f"no row changed: {row['about']} already",
        "inapplicable": f"not applicable: {row.get('note')}",
    }
    if row["verdict"] in told:
        return f"{row['name']}: {told[row['verdict']]}"
    before, after = (_short(row[part]["value"]) for part in ("clean", "perturbed"))
    note = f"; {row['note']}" if "note" in row else ""
    return f"{row['name']}: {row['metric']} {before} -> {after}, {_words(row)}; {changed}{note}"


def _words(row: Mapping[str, Any]) -> str:
    value, low, high = (row["drop"][part] for part in ("value", "low", "high"))
    if value is None or low is None:
        return "too few rows to say more"
    if row["verdict"] == "gain":
        return f"gains {-value:.3f} [{-high:.3f}, {-low:.3f}]"
    between = f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return f"drops by {between}" if row["verdict"] == "drop" else f"no drop shown ({between})"


def _short(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
