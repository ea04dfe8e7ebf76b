import numpy as np
import pytest
from scipy.special import expit, softmax

from lmfit.evaluation.calibration import (
    Temperature,
    calibration_scores,
    fit_temperature,
    judged,
    reliability,
    tempered,
)
from lmfit.evaluation.outcomes import Outcome, Outcomes, join

LABELS = ["a", "b", "c"]


def honest(rows: int, seed: int, scale: float = 1.0) -> Outcomes:
    """Labels drawn from the softmax of logits; the model says softmax(scale * logits)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (rows, 3))
    gold = (softmax(logits, axis=1).cumsum(axis=1) < generator.random((rows, 1))).sum(axis=1).clip(max=2)
    return outcomes(softmax(scale * logits, axis=1), gold)


def outcomes(probabilities: np.ndarray, gold: np.ndarray) -> Outcomes:
    rows = [Outcome(gold[[i]], probabilities[[i]].argmax(axis=1), probabilities[[i]]) for i in range(len(gold))]
    return join(rows, LABELS, [None] * len(rows), "rows")


def test_ece_and_brier_by_hand() -> None:
    p = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.2, 0.7, 0.1]])
    found = calibration_scores(outcomes(p, np.array([0, 1, 1, 1])), 0, 0)
    assert found["ece"][0].value == pytest.approx(0.5 * abs(0.5 - 0.9) + 0.5 * abs(1 - 0.7))
    assert found["brier"][0].value == pytest.approx((0.02 + (0.81 + 0.81) + 2 * 0.14) / 4)
    assert found["ece"][1] == 4


def test_brier_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss

    made = honest(200, 0)
    known = brier_score_loss(made.gold, made.probabilities, labels=[0, 1, 2])
    assert calibration_scores(made, 0, 0)["brier"][0].value == pytest.approx(known)


def test_a_label_that_the_model_has_not_is_never_hit() -> None:
    p = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    found = calibration_scores(outcomes(p, np.array([0, -1])), 0, 0)
    assert found["ece"][0].value == pytest.approx(0.5)
    assert found["brier"][0].value == pytest.approx((0 + 2) / 2)


def test_the_interval_of_an_honest_model_reaches_zero_and_holds_the_value() -> None:
    ece, _ = calibration_scores(honest(400, 1), 300, 0)["ece"]
    assert ece.low == 0.0
    assert ece.value is not None
    assert ece.high is not None
    assert ece.value <= ece.high


def test_the_temperature_undoes_what_was_done_to_the_logits() -> None:
    fitted = fit_temperature(honest(4000, 2, scale=2.5))
    assert isinstance(fitted, Temperature)
    assert fitted.value == pytest.approx(2.5, rel=0.1)
    assert fitted.nll_after < fitted.nll_before


def test_it_helps_on_other_rows_and_keeps_the_answers() -> None:
    fitted, held = fit_temperature(honest(2000, 3, scale=3)), honest(2000, 4, scale=3)
    assert isinstance(fitted, Temperature)
    assert held.probabilities is not None
    after = tempered(held.probabilities, fitted.value, several=False)
    assert (after.argmax(axis=1) == held.probabilities.argmax(axis=1)).all()
    mended = outcomes(after, held.gold)
    before, now = (calibration_scores(one, 0, 0)["ece"][0].value for one in (held, mended))
    assert now is not None
    assert before is not None
    assert now < before / 3


def test_tempering_can_be_undone() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    assert tempered(tempered(p, 1.7, several=False), 1 / 1.7, several=False) == pytest.approx(p)
    assert tempered(tempered(p, 1.7, several=True), 1 / 1.7, several=True) == pytest.approx(p)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (honest(99, 5), "only 99 validation items"),
        (honest(2000, 6), "not better than 1 beyond chance"),
        (outcomes(np.tile([0.9, 0.1, 0.0], (200, 1)), np.zeros(200, int)), "no validation answer is wrong"),
    ],
)
def test_where_nothing_is_to_be_mended_it_says_why(made: Outcomes, why: str) -> None:
    found = fit_temperature(made)
    assert isinstance(found, str)
    assert why in found


def test_several_labels_count_every_decision() -> None:
    generator = np.random.default_rng(7)
    logits = generator.normal(0, 2, (3000, 3))
    gold = generator.random((3000, 3)) < expit(logits)
    rows = [Outcome(gold[[i]], gold[[i]], expit(3 * logits[[i]])) for i in range(3000)]
    made = join(rows, LABELS, [None] * 3000, "rows")
    fitted = fit_temperature(made)
    assert isinstance(fitted, Temperature)
    assert fitted.value == pytest.approx(3, rel=0.1)
    assert len(judged(made)[0]) == 9000


def test_the_curve_counts_every_answer_once() -> None:
    bins = reliability(honest(300, 8))
    assert sum(one["count"] for one in bins) == 300
    assert all(one["low"] <= one["confidence"] <= one["high"] + 1e-9 for one in bins)
