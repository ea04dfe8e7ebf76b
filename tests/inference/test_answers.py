"""Quick answers with made-up backends whose rounding error is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from lmfit.config.tasks import TextClassificationSettings
from lmfit.data.collate import Batch
from lmfit.data.example import Example, Origin
from lmfit.data.rows import Row
from lmfit.inference.answers import SAMPLE, Answerer
from lmfit.tasks.base import Encoded
from lmfit.tasks.text_classification import TextClassification

LABELS = ["a", "b"]


class Made:
    """Logits (lead / 2, -lead / 2) of each row, the lead being its first token id / 100, with an error added.

    The error is 4 times as large where the lead is small.
    """

    batch_tokens = 64

    def __init__(self, error: float = 0.0, quick: "Made | None" = None, worse_below: float = 0.0) -> None:
        self.error, self.quick, self.worse_below, self.rows = error, quick, worse_below, 0

    def logits(self, batch: Batch) -> np.ndarray:
        self.rows += len(batch["input_ids"])
        half = batch["input_ids"][:, 0].astype(np.float32) / 200
        error = np.where(np.abs(half) < self.worse_below / 2, 4 * self.error, self.error)
        return np.stack([half - error, -half + error], axis=1)


class Collating(TextClassification):
    """Batches without a tokenizer."""

    def collate(self, rows: Sequence[Row], framer: object) -> Batch:
        return {"input_ids": np.stack([row.tokens["input_ids"] for row in rows])}


def encoded(leads: Sequence[float]) -> list[Encoded]:
    rows = [Row({"input_ids": np.array([round(100 * lead)])}) for lead in leads]
    return [Encoded(Example(Origin("a", i), "text"), [row]) for i, row in enumerate(rows)]


def answer(backend: Made, leads: Sequence[float], problem: str = "single_label") -> list[np.ndarray]:
    task = Collating(TextClassificationSettings(), problem, LABELS)  # type: ignore[arg-type]
    return [logits for (logits,) in Answerer(backend, task, None).answers(encoded(leads))]  # type: ignore[arg-type]


def test_decisions_are_those_of_full_precision() -> None:
    leads = np.tile([5.0, 3.0, -4.0, 0.05, -0.05], 100)
    exact = Made(quick=Made(error=0.1))
    found = answer(exact, leads)
    assert [np.sign(a[0] - a[1]) for a in found] == list(np.sign(leads))
    assert exact.rows == SAMPLE + 200


def test_sure_answers_are_those_of_the_quick_backend() -> None:
    found = answer(Made(quick=Made(error=0.1)), [5.0] * 100)
    assert all(a[0] == pytest.approx(2.4) for a in found)


def test_an_error_that_decides_too_much_switches_the_quick_backend_off() -> None:
    quick = Made(error=1.0)
    exact = Made(quick=quick)
    found = answer(exact, [5.0] * 300)
    assert all(a[0] == 2.5 for a in found)
    assert quick.rows == SAMPLE
    assert exact.rows == SAMPLE + 300


def test_a_larger_error_met_later_widens_the_margin() -> None:
    leads = [5.0] * 1000 + [0.06, 0.13, 5.0]
    exact = Made(quick=Made(error=0.005, worse_below=0.2))
    found = answer(exact, leads)
    assert exact.rows == SAMPLE + 2
    assert [a[0] - a[1] for a in found[-3:-1]] == pytest.approx([0.06, 0.13])
    once = answer(Made(quick=Made(error=0.005)), leads)
    assert [a[0] - a[1] for a in once[-3:-1]] == pytest.approx([0.05, 0.12])


def test_few_examples_are_answered_in_full_precision() -> None:
    quick = Made(error=0.001)
    found = answer(Made(quick=quick), [5.0] * SAMPLE)
    assert quick.rows == 0
    assert len(found) == SAMPLE


def test_numbers_are_always_answered_in_full_precision() -> None:
    found = answer(Made(quick=Made(error=0.001)), [5.0] * 200, "regression")
    assert all(a[0] == 2.5 for a in found)
