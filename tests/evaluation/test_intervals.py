import numpy as np
import pytest
from scipy import stats

from lmfit.errors import ConfigError, InputError
from lmfit.evaluation import intervals
from lmfit.evaluation.intervals import group_rows, paired_difference, resample_weights
from lmfit.evaluation.metrics import score_labels, score_numbers, score_tags
from lmfit.evaluation.numbers import NumberUnits


def right_and_wrong(right: int, wrong: int) -> tuple[list[str], list[str]]:
    return ["a", "b"] * ((right + wrong) // 2), (["a", "b"] * (right // 2)) + ["b", "a"] * (wrong // 2)


def numbers(rows: int) -> NumberUnits:
    generator = np.random.default_rng(0)
    gold, predicted = generator.integers(0, 5, (2, rows)).astype(float)
    return NumberUnits(gold, predicted, np.arange(rows), rows)


def test_each_resample_draws_as_many_units_as_there_are() -> None:
    weights = np.concatenate(list(resample_weights(numbers(7), 50, seed=1)))
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()


def test_small_chunks_change_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resample_weights(numbers(11), 40, seed=2)))
    monkeypatch.setattr(intervals, "_CHUNK_CELLS", 33)
    assert (np.concatenate(list(resample_weights(numbers(11), 40, seed=2))) == whole).all()


def test_equal_seeds_give_equal_intervals_and_others_differ() -> None:
    gold, predicted = right_and_wrong(80, 20)
    first, again, other = (score_labels(gold, predicted, "ab", seed=s).metrics["mcc"] for s in (1, 1, 2))
    assert first == again
    assert first["low"] != other["low"]


def test_the_interval_of_accuracy_is_that_of_a_binomial_share() -> None:
    gold, predicted = right_and_wrong(320, 80)
    accuracy = score_labels(gold, predicted, "ab", resamples=4000).metrics["accuracy"]
    expected = stats.binom(400, 0.8).ppf([0.025, 0.975]) / 400
    assert [accuracy["low"], accuracy["high"]] == pytest.approx(expected.tolist(), abs=0.006)


def test_documents_whose_rows_agree_widen_the_interval() -> None:
    gold = ["a"] * 400
    predicted = (["a"] * 20 + ["b"] * 20) * 10
    rows = score_labels(gold, predicted, "ab").metrics["accuracy"]
    documents = score_labels(gold, predicted, "ab", [f"d{i // 20}" for i in range(400)]).metrics["accuracy"]
    assert documents["high"] - documents["low"] > 3 * (rows["high"] - rows["low"])


def test_rows_without_a_document_stand_alone() -> None:
    group = group_rows(["d0", "d0", None, None, *(f"d{i}" for i in range(1, 10))], 13, "rows")
    assert (group.name, group.count) == ("documents", 12)
    assert group.unit_of_row[0] == group.unit_of_row[1]


def test_spearman_of_a_resample_equals_scipy_on_the_drawn_rows() -> None:
    units = numbers(40)
    weights = np.concatenate(list(resample_weights(units, 20, seed=3)))
    for row, ours in zip(weights, units.scores(weights)["spearman"], strict=True):
        drawn = np.repeat(np.arange(40), row.astype(int))
        assert ours == pytest.approx(stats.spearmanr(units.gold[drawn], units.predicted[drawn]).statistic, abs=1e-12)


def test_a_single_unit_has_no_interval() -> None:
    f1 = score_tags([["B-A", "B-A", "O"]], [["B-A", "O", "O"]]).metrics["f1"]
    assert f1["value"] == pytest.approx(2 / 3)
    assert (f1["low"], f1["high"]) == (None, None)


@pytest.mark.parametrize("metric", ["accuracy", "per_class.a.precision", "per_class.a.recall"])
def test_a_share_of_one_without_spread_has_its_exact_bound(metric: str) -> None:
    entry = score_labels(["a"] * 20, ["a"] * 20, ["a"], resamples=100).metrics[metric]
    assert entry["low"] == pytest.approx(stats.binomtest(20, 20).proportion_ci(0.95, "exact").low)
    assert entry["high"] == 1.0
    assert "exact binomial bound for 20 units" in entry["note"]


def test_a_share_of_zero_without_spread_has_its_exact_bound() -> None:
    accuracy = score_labels(["a", "b"] * 10, ["b", "a"] * 10, "ab", resamples=100).metrics["accuracy"]
    assert (accuracy["value"], accuracy["low"]) == (0.0, 0.0)
    assert accuracy["high"] == pytest.approx(stats.binomtest(0, 20).proportion_ci(0.95, "exact").high)


@pytest.mark.parametrize("right", [True, False])
def test_f1_without_spread_has_the_bound_of_the_share_of_hits_among_gold_or_predicted(right: bool) -> None:
    gold = [["B-A", "O"]] * 20
    f1 = score_tags(gold, gold if right else [["O", "O"]] * 20, resamples=100).metrics["f1"]
    share = stats.binomtest(20 * right, 20).proportion_ci(0.95, "exact")
    expected = [2 * end / (1 + end) for end in (share.low, share.high)]
    assert [f1["value"], f1["low"], f1["high"]] == pytest.approx([float(right), *expected])


@pytest.mark.parametrize("metric", ["pearson", "spearman", "mae"])
def test_no_share_and_no_spread_give_no_interval(metric: str) -> None:
    entry = score_numbers([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], resamples=200).metrics[metric]
    assert (entry["value"], entry["low"], entry["high"]) == (pytest.approx(float(metric != "mae")), None, None)
    assert "no spread" in entry["note"]


@pytest.mark.parametrize("metric", ["mcc", "macro_f1", "weighted_f1"])
def test_means_and_correlations_of_perfect_labels_have_no_interval(metric: str) -> None:
    entry = score_labels(["a", "b"] * 10, ["a", "b"] * 10, "ab", resamples=200).metrics[metric]
    assert (entry["value"], entry["low"], entry["high"]) == (1.0, None, None)
    assert "no spread" in entry["note"]


def test_a_paired_interval_is_narrower_than_the_two_alone() -> None:
    gold, predicted = right_and_wrong(300, 100)
    better = [gold[i] if i % 40 == 0 else p for i, p in enumerate(predicted)]
    a, b = (score_labels(gold, p, "ab") for p in (better, predicted))
    difference, low, high = paired_difference("accuracy", a.units, b.units, 1000, 0)
    assert difference == pytest.approx(a.metrics["accuracy"]["value"] - b.metrics["accuracy"]["value"])
    assert low is not None
    assert high is not None
    assert low <= difference <= high
    assert high - low < (a.metrics["accuracy"]["high"] - a.metrics["accuracy"]["low"]) / 2


def test_a_model_does_not_differ_from_itself() -> None:
    scores = score_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 3.0, 2.0, 4.0])
    assert paired_difference("spearman", scores.units, scores.units, 100, 0) == (0.0, 0.0, 0.0)


def test_files_of_different_size_cannot_be_paired() -> None:
    short, long = score_numbers([1.0, 2.0], [1.0, 3.0]), score_numbers([1.0, 2.0, 3.0], [1.0, 3.0, 2.0])
    with pytest.raises(InputError, match="cannot pair 2 units with 3"):
        paired_difference("mae", short.units, long.units, 100, 0)


def test_a_metric_that_one_of_them_lacks_is_refused() -> None:
    scores = score_numbers([1.0, 2.0], [1.0, 3.0])
    with pytest.raises(ConfigError, match="not a metric of both"):
        paired_difference("f1", scores.units, scores.units, 100, 0)
