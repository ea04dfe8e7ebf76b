import numpy as np
import pytest

from lmfit.evaluation.operating import choose_threshold, operating_point
from lmfit.evaluation.outcomes import Outcome, Outcomes, join


def drawn(rows: int, seed: int, *, several: bool = False, positives: float = 0.4) -> Outcomes:
    generator = np.random.default_rng(seed)
    gold = generator.random(rows) < positives
    score = 1 / (1 + np.exp(-generator.normal(2.0 * gold - 1, 1)))
    made = []
    for is_one, p in zip(gold, score, strict=True):
        truth = np.array([[not is_one, is_one]]) if several else np.array([int(is_one)])
        made.append(Outcome(truth, truth, np.array([[1 - p, p]])))
    return join(made, ["no", "yes"], [None] * rows, "rows")


def test_no_lower_threshold_keeps_to_the_rate() -> None:
    generator = np.random.default_rng(0)
    scores, positive = generator.random(200).round(2), generator.random(200) < 0.3
    threshold = choose_threshold(scores, positive, 0.1)
    assert threshold is not None
    assert (scores[~positive] > threshold).mean() <= 0.1
    lower = scores[scores < threshold].max()
    assert (scores[~positive] > lower).mean() > 0.1


@pytest.mark.parametrize("several", [False, True])
def test_recall_and_rate_come_from_new_rows(several: bool) -> None:
    validation, held = drawn(2000, 1, several=several), drawn(2000, 2, several=several)
    found = operating_point(validation, held, "yes", 0.05, resamples=200, seed=0)
    assert found["validation"]["false_alarm_rate"] <= 0.05
    recall, rate = found["held"]["per_class.yes.recall@0.05"], found["held"]["per_class.yes.false_alarm_rate@0.05"]
    assert rate["low"] < 0.05 < rate["high"]
    assert recall["value"] == pytest.approx(found["validation"]["recall"], abs=0.06)
    positive = held.has("yes")
    assert (recall["n"], rate["n"]) == (positive.sum(), (~positive).sum())
    assert rate["better"] == "lower"


def test_too_few_negatives_are_told() -> None:
    found = operating_point(drawn(40, 3), drawn(40, 4), "yes", 0.01, resamples=100, seed=0)
    assert "cannot show a rate of 0.01" in found["note"]
    assert found["validation"]["false_alarm_rate"] == 0


def test_without_negatives_there_is_no_threshold() -> None:
    found = operating_point(drawn(50, 5, positives=1.1), drawn(50, 6), "yes", 0.1, resamples=100, seed=0)
    assert (found["threshold"], found["held"]) == (None, {})
    assert "no false alarm" in found["note"]
