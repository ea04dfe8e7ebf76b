import numpy as np
import pytest
from scipy import stats

from lmfit.errors import ConfigError, InputError
from lmfit.evaluation.metrics import score_labels, score_numbers
from lmfit.evaluation.pairs import Difference, Sampled, bounded, difference, holm, mcnemar, sample, subtract
from lmfit.evaluation.scores import Scores


def labels(right: int, rows: int = 400) -> Scores:
    gold = ["a", "b"] * (rows // 2)
    return score_labels(gold, [g if i < right else "ab"[g == "a"] for i, g in enumerate(gold)], "ab")


def test_a_paired_interval_is_narrower_than_the_two_alone() -> None:
    a, b = labels(310), labels(300)
    found = difference("accuracy", [a.units], [b.units], 1000, 0)
    assert found.value == pytest.approx(10 / 400)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 10 / 400 < found.high
    assert found.high - found.low < (a.metrics["accuracy"]["high"] - a.metrics["accuracy"]["low"]) / 2


def test_the_test_of_paired_rows_is_that_of_t() -> None:
    generator = np.random.default_rng(0)
    gold = generator.normal(size=60)
    errors = [gold + generator.normal(0, spread, 60) for spread in (1.0, 1.2)]
    a, b = (score_numbers(gold.tolist(), one.tolist()) for one in errors)
    found = difference("mae", [a.units], [b.units], 20_000, 0)
    expected = stats.ttest_rel(abs(errors[0] - gold), abs(errors[1] - gold))
    assert found.p == pytest.approx(expected.pvalue, rel=0.05)


def test_no_difference_reaches_beyond_the_bounds_of_its_metric() -> None:
    wide = Difference(0.1, -2.7, 2.9, 0.8)
    assert bounded("accuracy", wide) == Difference(0.1, -1.0, 1.0, 0.8)
    assert bounded("mae", wide) == wide
    assert bounded("accuracy", Difference(None)) == Difference(None)


def test_a_model_does_not_differ_from_itself() -> None:
    units = score_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 3.0, 2.0, 4.0]).units
    found = difference("spearman", [units], [units], 100, 0)
    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_where_every_row_differs_alike_the_number_of_rows_decides() -> None:
    few, many = (difference("accuracy", [labels(n, n).units], [labels(0, n).units], 100, 0) for n in (2, 20))
    assert few.p == 0.5
    assert few.low is not None
    assert few.low < 0
    assert many.p is not None
    assert many.p < 1e-5
    assert many.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 20)))


def test_files_of_different_size_cannot_be_paired() -> None:
    short, long = score_numbers([1.0, 2.0], [1.0, 3.0]), score_numbers([1.0, 2.0, 3.0], [1.0, 3.0, 2.0])
    with pytest.raises(InputError, match="cannot pair 2 units with 3"):
        difference("mae", [short.units], [long.units], 100, 0)


def test_a_metric_that_one_of_them_lacks_is_refused() -> None:
    units = score_numbers([1.0, 2.0], [1.0, 3.0]).units
    with pytest.raises(ConfigError, match="not a metric of every model"):
        difference("f1", [units], [units], 100, 0)


def test_seeds_that_disagree_widen_the_interval() -> None:
    reference = [labels(300).units]
    steady = difference("accuracy", [labels(320).units, labels(322).units, labels(318).units], reference, 500, 0)
    shaky = difference("accuracy", [labels(320).units, labels(360).units, labels(280).units], reference, 500, 0)
    assert steady.value == pytest.approx(shaky.value)
    assert steady.p is not None
    assert shaky.p is not None
    assert steady.p < 0.01 < 0.05 < shaky.p


def test_a_single_seed_is_taken_to_vary_as_the_other_models_do() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.02, (1, 500))
    several = Sampled(np.array([0.78, 0.80, 0.82]), np.repeat(values, 3, axis=0) + 0.1, 400)
    one = Sampled(np.array([0.7]), values, 400)
    fixed, trained = (subtract(several, one, trained=trained).p for trained in (False, True))
    assert fixed is not None
    assert trained is not None
    assert fixed < 0.02 < trained


def test_many_models_share_their_resamples() -> None:
    a, b = labels(300), labels(310)
    alone = difference("accuracy", [b.units], [a.units], 300, 7)
    models = sample(["accuracy"], [[a.units], [labels(200).units], [b.units]], 300, 7)
    assert subtract(models[2]["accuracy"], models[0]["accuracy"]) == alone


def test_too_rare_a_class_gives_no_interval() -> None:
    values = np.where(np.arange(100) < 10, np.nan, 0.5)[None]
    found = subtract(Sampled(np.array([0.6]), values, 50), Sampled(np.array([0.5]), values, 50))
    assert (found.value, found.low, found.p) == (pytest.approx(0.1), None, None)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 4), (3, 12), (25, 9), (0, 1)])
def test_mcnemar_is_the_mean_of_the_exact_test_and_the_one_that_leaves_the_table_out(only_a: int, only_b: int) -> None:
    total, less = only_a + only_b, min(only_a, only_b)
    exact = stats.binomtest(less, total).pvalue
    assert mcnemar(only_a, only_b) == pytest.approx(exact - stats.binom.pmf(less, total, 0.5))


def test_mcnemar_of_equal_counts_shows_nothing() -> None:
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
