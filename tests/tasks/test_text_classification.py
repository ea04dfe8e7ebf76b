from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.config.tasks import TextClassificationSettings
from lmfit.data.example import Example, Label, Origin
from lmfit.data.framing import Framer
from lmfit.errors import ConfigError, DataError
from lmfit.tasks.base import Encoded, Stats
from lmfit.tasks.text_classification import TextClassification

Framers = Callable[..., Framer]


def example(text: str = "lamp", label: Label = None, pair: str | None = None, line: int = 1) -> Example:
    return Example(Origin("a.csv", line), text, text_pair=pair, label=label)


def learn(*labels: Label, **settings: Any) -> TextClassification:
    rows = [example(f"lamp {i}", label, line=i + 2) for i, label in enumerate(labels)]
    return TextClassification.learn(TextClassificationSettings(**settings), "unicode", rows)


class TestLearn:
    def test_labels_in_natural_order(self) -> None:
        assert learn("10", "9", "b", "a", "-1").labels == ["-1", "9", "10", "a", "b"]

    def test_a_list_of_labels_makes_it_multi_label(self) -> None:
        task = learn(("a", "b"), (), ("c",))
        assert (task.problem, task.labels, task.thresholds) == ("multi_label", ["a", "b", "c"], [0.5] * 3)

    def test_regression_needs_to_be_asked_for(self) -> None:
        assert learn(1.5, 2.5, problem="regression").labels == ["value"]
        with pytest.raises(DataError, match=r"task\.problem=regression"):
            learn(*(i + 0.25 for i in range(20)))

    @pytest.mark.parametrize(
        ("numbers", "units"), [((20.0, 40.0), (30.0, 10.0)), ((0.1, 0.1, 0.1), (pytest.approx(0.1), 1.0))]
    )
    def test_units_of_numbers_are_learnt_and_kept(self, numbers: tuple[float, ...], units: tuple[float, float]) -> None:
        task = learn(*numbers, problem="regression")
        assert task.units == units
        assert TextClassification.restore(task.state()).units == task.units
        old = {name: value for name, value in task.state().items() if name != "units"}
        assert TextClassification.restore(old).units is None

    def test_a_loss_of_numbers_counts_in_their_spread(self) -> None:
        task = learn(20.0, 40.0, problem="regression")
        batch = {"target": torch.tensor([20.0, 40.0]), "weight": torch.ones(2)}
        guessed, teacher = torch.tensor([[30.0], [60.0]]), torch.tensor([[30.0], [40.0]])
        assert float(task.loss(guessed, batch)) == pytest.approx(1 + 4)
        assert float(task.soft_loss(guessed, teacher, batch, 1.0)) == pytest.approx(4)
        assert float(task.divergence(guessed, teacher, batch)) == pytest.approx(4)

    def test_numbers_can_be_classes(self) -> None:
        assert len(learn(*(i + 0.25 for i in range(20)), problem="single_label").labels) == 20

    def test_a_class_with_one_example_is_a_class(self) -> None:
        assert learn("a", "a", "b").labels == ["a", "b"]

    def test_one_label_cannot_be_learnt(self) -> None:
        with pytest.raises(DataError, match=r"every training row has the label `a`[\s\S]*data\.limit"):
            learn("a", "a")

    def test_a_row_without_label_names_its_line(self) -> None:
        with pytest.raises(DataError, match=r"a\.csv:3"):
            learn("a", None)

    def test_mixed_rows_name_their_line(self) -> None:
        with pytest.raises(DataError, match=r"a\.csv:2"):
            learn("a", ("b", "c"))
        with pytest.raises(DataError, match=r"a\.csv:3"):
            learn((), "a")

    def test_lists_of_one_label_are_single_labels_and_it_is_said(self) -> None:
        task = learn(("a",), ("b",), "a")
        assert (task.problem, task.labels) == ("single_label", ["a", "b"])
        assert "one label in each row's list" in task.remarks[0]
        assert learn(("a",), ("b",), problem="multi_label").problem == "multi_label"

    @pytest.mark.parametrize(
        ("labels", "settings"),
        [
            ((("a", "c"), ("b",)), {"loss": "focal"}),
            ((("a", "c"), ("b",)), {"label_smoothing": 0.1}),
            ((1.0, 2.0), {"problem": "regression", "class_weights": "balanced"}),
            (("a", "b"), {"thresholds": 0.3}),
        ],
    )
    def test_settings_without_effect_are_refused(self, labels: tuple[Label, ...], settings: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match="means nothing"):
            learn(*labels, **settings)

    @pytest.mark.parametrize("labels", [("a", "b"), (("a",), ("b",)), (1.0, 2.0)])
    def test_what_is_stored_comes_back(self, labels: tuple[Label, ...]) -> None:
        problem = "regression" if isinstance(labels[0], float) else "auto"
        task = learn(*labels, problem=problem)
        assert TextClassification.restore(task.state()).state() == task.state()


class TestEncode:
    def rows(self, given: Example, framer: Framer, stats: Stats | None = None) -> Any:
        task = TextClassification(TextClassificationSettings(), "single_label", ["a", "b"])
        (encoded,) = task.encode([given], framer, stats or Stats())
        return encoded.rows

    def test_a_short_text_is_one_row_of_weight_one(self, framer: Framers) -> None:
        (row,) = self.rows(example("the lamp broke", "b"), framer())
        assert row.values == {"target": 1, "weight": 1.0}
        assert len(row) == 5

    def test_windows_share_the_weight(self, framer: Framers) -> None:
        rows = self.rows(example("kettle " * 50, "a"), framer(16))
        assert len(rows) > 3
        assert sum(row.values["weight"] for row in rows) == pytest.approx(1)
        assert {row.values["target"] for row in rows} == {0}
        assert all(len(row) <= 16 for row in rows)

    def test_truncate_keeps_the_beginning_and_is_counted(self, framer: Framers) -> None:
        stats = Stats()
        (row,) = self.rows(example("kettle " * 50), framer(16, "truncate"), stats)
        assert len(row) == 16
        assert (stats.counts["truncated"], stats.places["truncated"]) == (1, ["a.csv:1"])

    def test_overflow_error_names_file_and_line(self, framer: Framers) -> None:
        with pytest.raises(DataError, match=r"a\.csv:7"):
            self.rows(example("kettle " * 50, line=7), framer(16, "error"))

    @pytest.mark.parametrize("swap", [False, True])
    def test_the_longer_text_of_a_pair_slides_and_the_shorter_stays_whole(self, swap: bool, framer: Framers) -> None:
        made = framer(16)
        short, long = made.encode_texts(["the lamp", "kettle quick quiet " * 15])
        texts = ("kettle quick quiet " * 15, "the lamp") if swap else ("the lamp", "kettle quick quiet " * 15)
        rows = self.rows(example(texts[0], pair=texts[1]), made)
        assert all(len(row) <= 16 for row in rows)
        for row in rows:
            ids = row.tokens["input_ids"]
            one, two = np.split(np.asarray(ids), [ids.index(3) + 1])
            assert (two if swap else one).tolist()[int(not swap) : -1] == short
        assert sum(len(row) - 5 for row in rows) >= len(long)

    def test_two_long_texts_are_cut_to_half_and_counted(self, framer: Framers) -> None:
        stats = Stats()
        rows = self.rows(example("kettle " * 40, pair="lamp " * 40), framer(17), stats)
        assert all(len(row) <= 17 for row in rows)
        assert stats.counts["truncated"] == 1

    def test_a_cut_pair_is_counted_once(self, framer: Framers) -> None:
        stats = Stats()
        (row,) = self.rows(example("kettle " * 40, pair="lamp " * 40), framer(17, "truncate"), stats)
        assert len(row) == 17
        assert stats.counts["truncated"] == 1

    def test_segments_are_marked(self, framer: Framers) -> None:
        (row,) = self.rows(example("the lamp", pair="broke"), framer())
        assert row.tokens["token_type_ids"] == [0, 0, 0, 0, 1, 1]

    @pytest.mark.parametrize("text", ["", "  \t "])
    def test_an_empty_text_is_special_tokens_and_counted(self, text: str, framer: Framers) -> None:
        stats = Stats()
        (row,) = self.rows(example(text), framer(), stats)
        assert len(row) == 2
        assert stats.counts["vanished"] == 1

    def test_unknown_tokens_are_counted_with_their_surface(self, framer: Framers) -> None:
        stats = Stats()
        self.rows(example("the 中 文 lamp"), framer(), stats)
        assert stats.counts["unknown"] == 2
        assert stats.first["unknown"] == ["中"]


class TestDecode:
    def decode(self, task: TextClassification, *logits: list[float]) -> Any:
        return task.decode(Encoded(example("x"), []), [np.array(row, np.float32) for row in logits])

    def test_single_label_is_a_softmax_over_the_mean_of_the_windows(self) -> None:
        prediction = self.decode(learn("a", "b"), [2.0, 0.0], [0.0, 4.0])
        assert prediction.label == "b"
        assert prediction.score == pytest.approx(1 / (1 + np.exp(-1)))
        assert sum(prediction.scores.values()) == pytest.approx(1)

    def test_huge_logits_do_not_overflow(self) -> None:
        assert self.decode(learn("a", "b"), [3e4, -3e4]).score == 1.0

    def test_several_labels_are_those_above_their_thresholds(self) -> None:
        task = learn(("a", "b", "c"), ("a",))
        task.thresholds = [0.2, 0.9, 0.5]
        prediction = self.decode(task, [-1.0, 2.0, 1.0])
        assert prediction.label == ["a", "c"]
        assert prediction.score == pytest.approx(1 / (1 + np.exp(1)))

    def test_no_label_at_all_is_an_answer(self) -> None:
        prediction = self.decode(learn(("a", "b"), ()), [-5.0, -6.0])
        assert prediction.label == []
        assert prediction.score == pytest.approx(1 - 1 / (1 + np.exp(5)))

    def test_regression_is_the_number(self) -> None:
        prediction = self.decode(learn(1.0, 2.0, problem="regression"), [2.5], [3.5])
        assert prediction.label == 3.0
        assert prediction.row() == {"text": "x", "label": 3.0}


@pytest.mark.parametrize(
    ("problem", "thresholds", "logits", "margin"),
    [
        ("single_label", None, [3.0, 1.0, 0.5], 1.0),
        ("multi_label", [0.5, 0.5, 0.5], [3.0, -0.25, 2.0], 0.25),
        ("multi_label", [0.5, 0.8, 0.5], [3.0, np.log(4) + 0.125, -2.0], 0.125),
        ("regression", None, [3.0], 0.0),
    ],
)
def test_the_margin_is_the_error_that_a_decision_bears(
    problem: Any, thresholds: list[float] | None, logits: list[float], margin: float
) -> None:
    task = TextClassification(TextClassificationSettings(), problem, ["a", "b", "c"][: len(logits)], None, thresholds)
    assert task.margin([np.array(logits)]) == pytest.approx(margin)


class TestLoss:
    def batch(self, target: list[Any], weight: list[float]) -> dict[str, torch.Tensor]:
        return {"target": torch.tensor(target, dtype=torch.float32), "weight": torch.tensor(weight)}

    def test_single_label(self) -> None:
        logits = torch.tensor([[1.0, 2.0], [0.5, 0.0]])
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 0]), reduction="none")
        found = learn("a", "b").loss(logits, self.batch([1, 0], [1.0, 0.5]))
        assert float(found) == pytest.approx(float(expected[0] + 0.5 * expected[1]))

    def test_weighted_targets_divide_as_torch_does(self) -> None:
        task = learn("a", "b", class_weights={"a": 3.0})
        logits, batch = torch.randn(4, 2), self.batch([1, 0, 0, 1], [1.0] * 4)
        expected = torch.nn.functional.cross_entropy(logits, batch["target"].long(), torch.tensor([3.0, 1.0]))
        assert float(task.loss(logits, batch)) / task.targets(batch) == pytest.approx(float(expected))

    def test_several_labels(self) -> None:
        task = learn(("a", "b"), ())
        logits, target = torch.randn(3, 2), [[1, 0], [1, 1], [0, 0]]
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(target).float())
        batch = self.batch(target, [1.0] * 3)
        assert float(task.loss(logits, batch)) / task.targets(batch) == pytest.approx(float(expected))

    def test_regression(self) -> None:
        task = learn(0.0, 2.0, problem="regression")
        assert float(task.loss(torch.tensor([[1.0], [4.0]]), self.batch([2.0, 1.0], [1.0, 0.5]))) == 5.5


def test_thresholds_are_tuned_on_validation() -> None:
    task = learn(("a", "b"), ())
    gold = [("a",), ("a",), (), ("b",)]
    probabilities = [[0.3, 0.1], [0.4, 0.2], [0.1, 0.6], [0.2, 0.9]]
    pairs = [
        (example("x", label), task._prediction(example("x"), np.array(p)))
        for label, p in zip(gold, probabilities, strict=True)
    ]
    task.tune(pairs)
    chosen = [task._prediction(example("x"), np.array(p)).label for p in probabilities]
    assert chosen == [["a"], ["a"], [], ["b"]]


def test_fixed_thresholds_are_not_tuned() -> None:
    task = learn(("a", "b"), (), thresholds=0.3)
    task.tune([(example("x", ("a",)), task._prediction(example("x"), np.array([0.1, 0.1])))])
    assert task.thresholds == [0.3, 0.3]


def test_unseen_gold_labels_are_scored_as_errors() -> None:
    task = learn("a", "b")
    pairs = [(example("x", label), task._prediction(example("x"), np.array([1.0, 0.0]))) for label in ("a", "new")]
    assert task.score(pairs, resamples=0, seed=0).metrics["accuracy"]["value"] == 0.5


def test_a_label_that_is_no_number_names_its_line() -> None:
    task = learn(1.0, 2.0, problem="regression")
    with pytest.raises(DataError, match=r"a\.csv:9"):
        task.gold(example("x", "good", line=9))


@pytest.mark.parametrize(
    ("problem_type", "labels", "problem"),
    [
        (None, ["a", "b"], "single_label"),
        (None, ["LABEL_0"], "regression"),
        ("multi_label_classification", ["a"], "multi_label"),
    ],
)
def test_foreign_models(problem_type: str | None, labels: list[str], problem: str) -> None:
    config = type("Config", (), {"problem_type": problem_type})
    state = TextClassification.foreign_state("BertForSequenceClassification", labels, config)
    assert state == {"labels": labels, "problem": problem, "thresholds": None}
