import numpy as np
import pytest
from scipy import stats

from lmfit.evaluation import intervals
from lmfit.evaluation.intervals import Support, group_rows, interval, resample_weights
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


def test_the_interval_of_accuracy_is_that_of_wilson() -> None:
    gold, predicted = right_and_wrong(320, 80)
    accuracy = score_labels(gold, predicted, "ab").metrics["accuracy"]
    expected = stats.binomtest(320, 400).proportion_ci(0.95, "wilson")
    assert [accuracy["low"], accuracy["high"]] == pytest.approx([expected.low, expected.high])


@pytest.mark.parametrize("part", ["precision", "recall", "f1"])
def test_the_scores_of_a_class_have_the_interval_of_a_share_of_its_rows(part: str) -> None:
    gold, predicted = ["a"] * 50 + ["b"] * 50, ["a"] * 40 + ["b"] * 10 + ["a"] * 15 + ["b"] * 35
    entry = score_labels(gold, predicted, "ab").metrics[f"per_class.a.{part}"]
    share = stats.binomtest(40, {"precision": 55, "recall": 50, "f1": 65}[part]).proportion_ci(0.95, "wilson")
    expected = [2 * end / (1 + end) if part == "f1" else end for end in (share.low, share.high)]
    assert [entry["low"], entry["high"]] == pytest.approx(expected)


def test_rows_in_documents_are_no_plain_proportion() -> None:
    gold, predicted = right_and_wrong(320, 80)
    documents = [f"d{i % 40}" for i in range(400)]
    accuracy = score_labels(gold, predicted, "ab", documents).metrics["accuracy"]
    assert accuracy["low"] != pytest.approx(stats.binomtest(320, 400).proportion_ci(0.95, "wilson").low)


def test_the_interval_of_a_score_near_one_is_longer_below_than_above() -> None:
    sampled = np.random.default_rng(0).normal(0.98, 0.01, 2000)
    found = interval("weighted_f1", 0.98, sampled, Support(200), 200)
    assert found.low is not None
    assert found.high is not None
    assert 0.98 - found.low > 1.5 * (found.high - 0.98)
    assert found.high < 1


def test_the_interval_of_a_normal_correlation_is_about_that_of_fisher() -> None:
    generator = np.random.default_rng(4)
    gold = generator.normal(size=500)
    entry = score_numbers(gold.tolist(), (gold + generator.normal(size=500)).tolist(), resamples=4000).metrics[
        "pearson"
    ]
    expected = np.tanh(np.arctanh(entry["value"]) + np.array([-1.96, 1.96]) / np.sqrt(497))
    assert [entry["low"], entry["high"]] == pytest.approx(expected.tolist(), abs=0.01)


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
    assert "exact binomial bound for 20 independent items" in entry["note"]


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


def test_a_perfect_mean_over_classes_is_worth_what_its_rarest_class_allows() -> None:
    even, rare = ["a"] * 50 + ["b"] * 50, ["a"] * 98 + ["b"] * 2
    lows = [score_labels(gold, gold, "ab", resamples=100).metrics["macro_f1"]["low"] for gold in (even, rare)]
    assert lows == pytest.approx([0.025 ** (1 / 100), 0.025 ** (1 / 7)])


def test_a_perfect_mcc_has_a_bound_on_its_own_scale() -> None:
    entry = score_labels(["a", "b"] * 10, ["a", "b"] * 10, "ab", resamples=200).metrics["mcc"]
    assert (entry["low"], entry["high"]) == (pytest.approx(2 * 0.025 ** (1 / 20) - 1), 1.0)


def test_a_mean_over_classes_is_known_no_better_than_its_rarest_class_allows() -> None:
    sampled = np.random.default_rng(0).normal(0.9, 0.005, 2000)
    many, few = (interval("macro_f1", 0.9, sampled, Support(1000, effective=n), 1000) for n in (1000, 20))
    assert many.low is not None
    assert few.low is not None
    assert few.low == pytest.approx(stats.binomtest(36, 40).proportion_ci(0.95, "wilson").low, abs=0.02)
    assert few.low < many.low
