import numpy as np
import pytest

from lmfit.errors import InputError
from lmfit.evaluation.intervals import Support
from lmfit.evaluation.metrics import score_labels, score_numbers
from lmfit.evaluation.pairs import Sampled, difference, estimate_mean
from lmfit.evaluation.scores import Scores
from lmfit.evaluation.seeds import mean_over_seeds

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
    assert mean["spread"]["sd"] == 0
    assert (mean["low"], mean["high"]) == (mean["spread"]["rows_low"], mean["spread"]["rows_high"])
    assert mean["low"] < mean["value"] < mean["high"]


def test_seeds_far_apart_widen_the_interval() -> None:
    near, far = (mean_over_seeds(same_gold(s), 300, 0).metrics["accuracy"] for s in ([0.8] * 3, [0.7, 0.8, 0.9]))
    assert far["high"] - far["low"] > 2 * (near["high"] - near["low"])
    assert far["spread"]["rows_high"] - far["spread"]["rows_low"] < 0.1
    assert far["high"] <= 1.0


def half_width(values: np.ndarray, sampled: np.ndarray) -> float:
    """Half the interval of a mean over seeds, in a metric without bounds."""
    found = estimate_mean("mae", Sampled(values, sampled, 10_000), Support(10_000))
    assert found.low is not None
    assert found.high is not None
    return (found.high - found.low) / 2


def test_the_bound_of_a_mean_is_that_of_student_where_rows_say_nothing() -> None:
    values = np.array([1000.1, 1000.2, 1000.3])
    sampled = values[:, None] + 1e-5 * np.array([-1.0, 1.0])
    assert half_width(values, sampled) == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-5)


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
    found = difference("accuracy", mean.repeats, [other.units], 300, 0)
    rows = [difference("accuracy", [units], [other.units], 300, 0).value for units in mean.repeats]
    assert found.value == pytest.approx(np.mean(rows))
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.3


@pytest.mark.parametrize(("seeds", "sd"), [(3, 0.1), (5, 0.1)])
def test_coverage_is_near_nominal(seeds: int, sd: float) -> None:
    """Means of normal seeds and shared rows: 95 % intervals hold the truth about 95 times in 100."""
    generator = np.random.default_rng(seeds)
    held = []
    for _ in range(1500):
        shared = generator.normal(0, 0.05)
        values = 100 + shared + generator.normal(0, sd, seeds)
        sampled = values[:, None] + generator.normal(0, 0.05, 200)
        held.append(abs(values.mean() - 100) <= half_width(values, sampled))
    assert 0.92 <= np.mean(held) <= 0.97
