"""The scores in the card: beside the baselines, by label, calibrated, by slice, on files that came later."""

from lmfit.evaluation.card.about import MOST_LABELS
from lmfit.evaluation.card.markdown import code, plain, table
from lmfit.evaluation.report.files import RunFiles, dig, mapping, number, records
from lmfit.evaluation.report.judgement import calibration, costs, evaluations, operating_points, slices
from lmfit.evaluation.report.scores import Estimate, Headline, estimate, score_table
from lmfit.evaluation.report.tables import LabelRow, label_table
from lmfit.evaluation.report.words import MISSING, Words, count, score

OPEN_SLICES = ("length", "language")
"""Slices whose values say nothing of single rows: shown also where texts are kept out."""


def shown(one: Estimate | None) -> str:
    """`0.642 [0.553, 0.722]`."""
    if one is None:
        return MISSING
    return score(one.value) + (f" [{score(one.low)}, {score(one.high)}]" if one.interval else "")


def scores(run: RunFiles, best: Headline, words: Words) -> tuple[str, list[str]]:
    """The table of all metrics, model beside baselines, and the notes below it; empty where nothing was scored."""
    found = score_table(run, best, words)
    if found is None:
        return "", []
    rows = [[plain(name), *map(shown, cells)] for name, cells in found.rows]
    return table(["Metric", *map(plain, found.columns)], rows), [plain(note) for note in found.notes]


def per_label(run: RunFiles, best: Headline) -> str:
    """Precision, recall and F1 of each label, the weakest first."""
    found = label_table(run, best.split)
    if found is None:
        return ""
    rows = [[code(one.label), *_cells(one)] for one in found.rows[:MOST_LABELS]]
    if left := len(found.rows) - MOST_LABELS:
        rows += [[f"{count(left)} more", *[MISSING] * 4]] if left > 0 else []
    rows += [[f"*{plain(one.label)} average*", *_cells(one)] for one in found.averages]
    return table(["Label", "Precision", "Recall", "F1", "Gold items"], rows)


def _cells(one: LabelRow) -> list[str]:
    return [*map(score, (one.precision, one.recall, one.f1)), count(one.support)]


def calibrated(run: RunFiles, best: Headline, words: Words) -> str:
    """What the probabilities are worth."""
    found = calibration(run, best.split, words)
    if found is None:
        return ""
    before = any(one is not None for *_, one in found.rows)
    heads = ["", "Now", *(["Before"] if before else [])]
    rows = [[plain(name), shown(now), *([shown(then)] if before else [])] for name, now, then in found.rows]
    return "\n\n".join(filter(None, [plain(found.sentence), table(heads, rows), plain(found.honest)]))


def operating(run: RunFiles, best: Headline) -> str:
    """Recall of a label at a rate of false alarms."""
    found = operating_points(run, best.split)
    rows = [
        [code(one.label), one.asked, score(one.threshold), shown(one.recall), shown(one.false_alarms)] for one in found
    ]
    heads = ["Label", "False alarms allowed", "Threshold", "Recall", "False alarms found"]
    return table(heads, rows) if rows else ""


def costly(run: RunFiles, best: Headline, words: Words) -> str:
    """What mistakes cost a row, by who decides."""
    found = costs(run, best.split, words)
    if found is None:
        return ""
    rows = [[plain(name), shown(one)] for name, one in found.rows]
    return "\n\n".join(filter(None, [table(["Who decides", "Cost of a row"], rows), plain(found.sentence)]))


def sliced(run: RunFiles, best: Headline, words: Words, *, texts: bool) -> str:
    """Scores of parts of the data; without `texts` none that the user's own columns name."""
    found = slices(run, best.split, words)
    rows = [one for one in found.rows if texts or one.by in OPEN_SLICES] if found else []
    if found is None or not rows:
        return ""
    cells = [[plain(one.by), plain(one.value), shown(one.one), count(one.rows)] for one in rows]
    told = [plain(found.sentence)] if len(rows) == len(found.rows) else []
    return "\n\n".join([*told, table(["Part by", "Value", plain(found.metric), "Rows"], cells, names=2)])


def robust(run: RunFiles, best: Headline) -> str:
    """What each disturbance of the texts costs, where that was measured; its examples stay in the report."""
    rows = []
    for one in records(dig(run.tables, best.split, "robustness")):
        drop = {"value": None, **mapping(one.get("drop"))}
        told = str(one.get("about") or one.get("name"))
        rows.append(
            [
                plain(told),
                count(number(one.get("changed"))),
                shown(estimate(one.get("perturbed"))),
                shown(estimate(drop)),
            ]
        )
    return table(["Disturbance", "Rows changed", "Score then", "Drop"], rows) if rows else ""


def later(run: RunFiles, words: Words) -> str:
    """Scores on files that were not there when the model was trained."""
    rows = [[code(one.name), plain(one.metric), shown(one.one), count(one.rows)] for one in evaluations(run, words)]
    return table(["Evaluation", "Metric", "Score", "Rows"], rows, names=2) if rows else ""
