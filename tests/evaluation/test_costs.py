import numpy as np
import pytest

from lmfit.evaluation.costs import cheapest, cost_matrix, cost_table
from lmfit.evaluation.outcomes import Outcome, Outcomes, join

LABELS = ["bad", "good"]


def outcomes(gold: list[int], predicted: list[int], probabilities: list[float] | None) -> Outcomes:
    rows = []
    for i, (g, p) in enumerate(zip(gold, predicted, strict=True)):
        sure = None if probabilities is None else np.array([[probabilities[i], 1 - probabilities[i]]])
        rows.append(Outcome(np.array([g]), np.array([p]), sure))
    return join(rows, LABELS, [None] * len(rows), "rows")


def test_what_is_not_named_costs_one_or_nothing() -> None:
    assert cost_matrix(LABELS, {"bad": {"good": 10}}).tolist() == [[0, 10], [1, 0]]
    assert cost_matrix(LABELS, {"good": {"good": -2}}).tolist() == [[0, 1], [1, -2]]


def test_the_cheapest_answer_may_not_be_the_likeliest() -> None:
    matrix = cost_matrix(LABELS, {"bad": {"good": 10}})
    assert cheapest(np.array([[0.05, 0.95], [0.2, 0.8], [0.9, 0.1]]), matrix).tolist() == [1, 0, 0]


def test_the_table_holds_model_decisions_and_baselines() -> None:
    own = outcomes([0, 1, 1, 1, 0], [1, 1, 1, 1, 0], [0.3, 0.01, 0.02, 0.3, 0.9])
    majority = outcomes([0, 1, 1, 1, 0], [1] * 5, None)
    found = cost_table(own, {"majority": majority}, {"bad": {"good": 10}}, resamples=200, seed=0)
    assert found["predicted"]["value"] == pytest.approx(2.0)
    assert found["cheapest"]["value"] == pytest.approx(0.2)
    assert found["baselines"]["majority"]["value"] == pytest.approx(4.0)
    assert found["saved"]["value"] == pytest.approx(1.8)
    assert (found["changed"], found["predicted"]["better"]) == (2, "lower")


def test_an_unknown_gold_label_costs_one() -> None:
    found = cost_table(outcomes([-1, 0], [0, 0], None), {}, {"bad": {"good": 10}}, resamples=100, seed=0)
    assert found["predicted"]["value"] == 0.5
    assert "cheapest" not in found
