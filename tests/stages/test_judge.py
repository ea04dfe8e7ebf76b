import pytest

from lmfit.evaluation.metrics import score_labels, score_numbers
from lmfit.evaluation.scores import Scores
from lmfit.stages.judge import verdict

GOLD = ["a", "b"] * 50


def labels(right: int, gold: list[str] = GOLD) -> Scores:
    wrong = ["b" if label == "a" else "a" for label in gold]
    return score_labels(gold, gold[:right] + wrong[right:], "ab", resamples=200)


def judged(model: Scores, baselines: dict[str, Scores]) -> tuple[bool | None, str]:
    found = verdict(model, baselines, "test", resamples=200, seed=0)
    return found["beats_baseline"], found["sentence"]


def test_a_clear_lead_over_the_strongest_baseline_is_a_win() -> None:
    beats, sentence = judged(labels(95), {"majority": labels(50), "tfidf": labels(60)})
    assert beats is True
    assert "beats the strongest baseline (tfidf, 0.600)" in sentence


@pytest.mark.parametrize("right", [60, 40])
def test_a_model_that_is_equal_or_worse_does_not_beat_the_baseline(right: int) -> None:
    beats, sentence = judged(labels(right), {"majority": labels(60)})
    assert beats is False
    assert sentence.startswith("The model does not beat a trivial baseline: test accuracy")


def test_a_mean_of_one_seed_is_told_as_such() -> None:
    model = labels(61)
    model.metrics["accuracy"] |= {"spread": {"over": "seeds", "n_seeds": 1}}
    assert "(one seed)" in judged(model, {"majority": labels(60)})[1]


def test_a_lead_that_may_be_chance_is_not_known() -> None:
    beats, sentence = judged(labels(61), {"majority": labels(60)})
    assert beats is None
    assert sentence.startswith("The model is not shown to beat a trivial baseline: test accuracy 0.610 [")
    assert sentence.endswith("against 0.600 of majority; the difference may be chance.")


def test_a_lead_without_an_interval_is_not_known() -> None:
    beats, sentence = judged(labels(1, ["a"]), {"majority": labels(0, ["a"])})
    assert beats is None
    assert sentence.endswith("; there is too little data for an interval of the difference.")


def test_without_a_defined_baseline_nothing_is_compared() -> None:
    gold = [1.0, 2.0, 3.0, 4.0, 5.0]
    model, mean = (score_numbers(gold, found, resamples=200) for found in ([1.0, 3.0, 2.0, 5.0, 4.0], [3.0] * 5))
    found = verdict(model, {"majority": mean}, "test", resamples=200, seed=0)
    assert found["beats_baseline"] is None
    assert found["sentence"].startswith("The model reaches test spearman 0.8")
