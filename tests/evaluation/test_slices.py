import numpy as np

from lmfit.evaluation.metrics import score_labels
from lmfit.evaluation.slices import Scorer, length_bins, score_slices, slices_of


def scorer(right: np.ndarray) -> Scorer:
    gold = np.array(["a", "b"])[np.arange(len(right)) % 2]
    found = np.where(right, gold, np.where(gold == "a", "b", "a"))
    return lambda rows, resamples: score_labels(list(gold[rows]), list(found[rows]), "ab", resamples=resamples)


def test_a_planted_weakness_is_found_and_holds() -> None:
    generator = np.random.default_rng(0)
    channel = np.array(["web", "mail", "phone"])[generator.integers(3, size=600)]
    right = generator.random(600) < np.where(channel == "phone", 0.6, 0.9)
    found = score_slices({"channel": list(channel)}, scorer(right), resamples=100, seed=0)
    assert found["metric"] == "accuracy"
    assert (found["worst"]["value"], found["worst"]["holds"]) == ("phone", True)
    assert "channel = phone" in found["worst"]["sentence"]
    assert "3 slices" in found["worst"]["sentence"]


def test_noise_is_called_chance_most_of_the_time() -> None:
    """Familywise error at 5 %: of 60 data sets without any weakness at most 7 (p of more: 0.3 %) may show one."""
    generator, alarms = np.random.default_rng(1), 0
    for _ in range(60):
        values = [str(v) for v in generator.integers(5, size=300)]
        right = generator.random(300) < 0.85
        found = score_slices({"x": values}, scorer(right), resamples=0, seed=0)
        alarms += bool(found["worst"] and found["worst"]["holds"])
    assert alarms <= 7


def test_few_rows_are_told_and_not_tested() -> None:
    found = score_slices({"x": ["rare"] * 5 + ["often"] * 95}, scorer(np.arange(100) > 4), resamples=100, seed=0)
    rare = next(row for row in found["slices"] if row["value"] == "rare")
    assert (rare["few"], rare["p"], rare["n"], rare["score"]["value"]) == (True, None, 5, 0.0)
    assert found["worst"] is None


def test_many_values_are_cut_and_counted() -> None:
    values = [str(i) for i in range(30)] + ["0"] * 10
    found, note = slices_of("id", values)
    assert len(found) == 20
    assert found[0].value == "0"
    assert note == "id: 10 rarer values (10 rows) are not shown"


def test_lengths_fall_into_quartiles() -> None:
    bins = length_bins(list(range(1, 101)))
    assert len(set(bins)) == 4
    assert (bins[0], bins[-1]) == ("1–25 words", "76–100 words")
    assert set(length_bins([3, 3, 3])) == {"3 words"}
