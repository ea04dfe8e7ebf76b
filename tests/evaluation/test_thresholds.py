import numpy as np
import pytest
from sklearn.metrics import f1_score

from lmfit.errors import LmfitError
from lmfit.evaluation.thresholds import tune_thresholds


def test_no_threshold_does_better() -> None:
    generator = np.random.default_rng(0)
    gold = generator.random((200, 3)) < [0.1, 0.3, 0.6]
    probabilities = np.clip(gold * 0.3 + generator.random((200, 3)) * 0.7, 0, 1).round(2)
    tuned = tune_thresholds(probabilities, gold)
    for c in range(3):
        best = max(f1_score(gold[:, c], probabilities[:, c] > t) for t in np.linspace(-0.005, 0.995, 101))
        assert f1_score(gold[:, c], probabilities[:, c] > tuned[c]) == pytest.approx(best)


def test_a_half_is_kept_where_it_is_as_good() -> None:
    assert tune_thresholds([[0.9], [0.2]], [[1], [0]]) == [0.5]


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_taken() -> None:
    assert tune_thresholds([[0.9], [0.7], [0.6], [0.1]], [[1], [1], [0], [0]]) == pytest.approx([0.65])


def test_a_label_without_positives_keeps_a_half() -> None:
    assert tune_thresholds([[0.9, 0.1], [0.2, 0.4]], [[0, 1], [0, 0]])[0] == 0.5


def test_a_rare_label_may_be_predicted_below_a_half() -> None:
    assert tune_thresholds([[0.3], [0.1], [0.05]], [[1], [0], [0]]) == pytest.approx([0.2])


def test_equal_probabilities_are_not_torn_apart() -> None:
    assert tune_thresholds([[0.4], [0.4], [0.1]], [[1], [0], [0]]) == pytest.approx([0.25])


def test_nan_is_refused() -> None:
    with pytest.raises(LmfitError, match="NaN"):
        tune_thresholds([[float("nan")]], [[1]])
