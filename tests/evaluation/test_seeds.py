import numpy as np
import pytest

from lmfit.errors import InputError
from lmfit.evaluation.intervals import paired_difference
from lmfit.evaluation.metrics import score_labels, score_numbers
from lmfit.evaluation.scores import Scores
from lmfit.evaluation.seeds import difference, half_width, mean_over_seeds

ROWS = 400


def scored(accuracy: float, seed: int, rows: int = ROWS) -> Scores:
    generator = np.random.default_rng(seed)
    gold = generator.choice(["a", "b"], rows)
    right = generator.random(rows) < accuracy
    predicted = np.where(right, gold, np.where(gold == "a", "b", "a"))
    return score_labels(gold.tolist(), predicted.tolist(), ["a", "b"], resamples=0)


def same_gold(shares: list[float]) -> list[Scores]:
    gold = ["a", "b"] * (ROWS // 2)
    made = []
    for seed, share in enumerate(shares):
        right = np.random.default_rng(seed).random(ROWS) < share
        predicted = [g if r else {"a": "b", "b": "a"}[g] for g, r in zip(gold, right, strict=True)]
        made.append(score_labels(gold, predicted, ["a", "b"], resamples=0))
    return made


def test_seeds_without_spread_leave_the_interval_of_the_rows() -> None:
    one = scored(0.8, 1)
    mean = mean_over_seeds([one, one, one], 500, 0).metrics["accuracy"]
    alone = paired_difference("accuracy", one.units, scored(0.0, 1).units, 500, 0)
    assert mean["spread"]["sd"] == 0
    assert (mean["low"], mean["high"]) == (mean["spread"]["rows_low"], mean["spread"]["rows_high"])
    assert mean["low"] == pytest.approx(alone[1])


def test_seeds_far_apart_widen_the_interval() -> None:
    near, far = (mean_over_seeds(same_gold(s), 300, 0).metrics["accuracy"] for s in ([0.8] * 3, [0.7, 0.8, 0.9]))
    assert far["high"] - far["low"] > 2 * (near["high"] - near["low"])
    assert far["spread"]["rows_high"] - far["spread"]["rows_low"] < 0.1
    assert far["high"] <= 1.0


def test_the_bound_of_a_mean_is_that_of_student_where_rows_say_nothing() -> None:
    sampled = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]])
    assert half_width(np.array([0.1, 0.2, 0.3]), sampled) == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-5)


def test_perfect_seeds_keep_the_exact_bound() -> None:
    perfect = mean_over_seeds(same_gold([1.1, 1.1]), 200, 0).metrics["accuracy"]
    assert (perfect["value"], perfect["high"]) == (1.0, 1.0)
    assert 0.98 < perfect["low"] < 1.0


def test_what_a_seed_leaves_undefined_is_undefined() -> None:
    gold = [float(i) for i in range(30)]
    made = [score_numbers(gold, gold[::-1], resamples=0), score_numbers(gold, [1.0] * 30, resamples=0)]
    mean = mean_over_seeds(made, 100, 0).metrics
    assert mean["spearman"]["value"] is None
    assert "equal" in mean["spearman"]["note"]
    assert mean["mae"]["value"] is not None


def test_other_rows_are_refused() -> None:
    with pytest.raises(InputError, match="different test rows"):
        mean_over_seeds([scored(0.8, 1), scored(0.8, 1, rows=50)], 100, 0)


def test_the_difference_of_a_mean_holds_the_seeds_too() -> None:
    mean, other = mean_over_seeds(same_gold([0.7, 0.8, 0.9]), 300, 0), same_gold([0.5])[0]
    point, low, high = difference("accuracy", mean, other, 300, 0)
    rows = [paired_difference("accuracy", units, other.units, 300, 0) for units in mean.repeats]
    assert point == pytest.approx(np.mean([row[0] for row in rows]))
    assert low is not None
    assert high is not None
    assert high - low > 0.3


@pytest.mark.parametrize(("seeds", "sd"), [(3, 0.1), (5, 0.1)])
def test_coverage_is_near_nominal(seeds: int, sd: float) -> None:
    """Means of normal seeds and shared rows: 95 % intervals hold the truth about 95 times in 100."""
    generator = np.random.default_rng(seeds)
    held = []
    for _ in range(1500):
        shared = generator.normal(0, 0.05)
        values = 0.8 + shared + generator.normal(0, sd, seeds)
        sampled = values[:, None] + generator.normal(0, 0.05, 200)
        held.append(abs(values.mean() - 0.8) <= half_width(values, sampled))
    assert 0.92 <= np.mean(held) <= 0.97
