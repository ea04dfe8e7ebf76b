import numpy as np
import pytest

from lmfit.evaluation.metrics import score_labels, score_numbers
from lmfit.evaluation.robustness.drops import Trial, drop_line, drops
from lmfit.evaluation.scores import Scores

ROWS = 400
GOLD = ["a", "b"] * (ROWS // 2)


def scores(wrong: int) -> Scores:
    """Of a model that gets the first `wrong` rows wrong."""
    found = [("b" if gold == "a" else "a") if i < wrong else gold for i, gold in enumerate(GOLD)]
    return score_labels(GOLD, found, "ab", resamples=0)


def trial(name: str, after: Scores | None, changed: int = 300, fitting: int = ROWS) -> Trial:
    return Trial(name, "about", "why not", rows=ROWS, fitting=fitting, changed=changed, scores=after)


def test_a_drop_a_gain_and_neither() -> None:
    trials = [trial("worse", scores(80)), trial("alike", scores(42)), trial("better", scores(5))]
    worse, alike, better = drops(scores(40), trials, 500, 0)
    assert (worse["verdict"], alike["verdict"], better["verdict"]) == ("drop", "none", "gain")
    assert worse["clean"]["value"] == pytest.approx(0.9)
    assert worse["drop"]["value"] == pytest.approx(0.1)
    assert worse["drop"]["low"] == pytest.approx(0.07, abs=0.01)
    assert "accuracy 0.900 -> 0.800, drops by 0.100 [0.0" in drop_line(worse)
    assert "no drop shown (0.005" in drop_line(alike)
    assert "gains 0.088 [0.0" in drop_line(better)


def test_what_was_not_measured_is_no_drop_of_zero() -> None:
    trials = [trial("same", None), trial("already", None, changed=0), trial("no", None, changed=0, fitting=0)]
    rows = drops(scores(40), trials, 100, 0)
    assert [row["verdict"] for row in rows] == ["same", "unchanged", "inapplicable"]
    assert all("drop" not in row for row in rows)
    assert [drop_line(row).split(": ")[1].split(";")[0] for row in rows] == [
        "inputs identical after tokenisation",
        "no row changed",
        "not applicable",
    ]


def test_false_alarms_are_corrected_for_the_number_of_trials() -> None:
    """Familywise error at 5 % over 3 perturbations without effect: of 60 at most 8 (p of more: 0.3 %) may show one."""
    generator, alarms = np.random.default_rng(0), 0
    for number in range(60):
        every = [[g if generator.random() < 0.8 else "x" for g in GOLD] for _ in range(4)]
        clean, *others = (score_labels(GOLD, one, "ab", resamples=0) for one in every)
        rows = drops(clean, [trial(str(i), one) for i, one in enumerate(others)], 200, number)
        alarms += any(row["verdict"] != "none" for row in rows)
    assert alarms <= 8


def test_a_metric_that_is_undefined_is_said() -> None:
    gold = [float(i) for i in range(50)]
    clean, flat = score_numbers(gold, gold, resamples=0), score_numbers(gold, [1.0] * 50, resamples=0)
    (row,) = drops(clean, [trial("flat", flat)], 100, 0)
    assert (row["verdict"], row["perturbed"]["value"]) == ("open", None)
    assert "not defined, too few rows to say more" in drop_line(row)
