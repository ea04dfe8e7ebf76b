import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from seqeval.metrics import classification_report as entity_report
from seqeval.scheme import IOB2
from sklearn import metrics as sk

from lmfit.errors import DataError, LmfitError
from lmfit.evaluation.entities import repair_iob2
from lmfit.evaluation.metrics import score_labels, score_multi_label, score_numbers, score_tags
from lmfit.evaluation.scores import Scores

TAGS = ["O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def random_tags(seed: int, sentences: int = 60) -> tuple[list[list[str]], list[list[str]]]:
    draw = random.Random(seed)
    gold = [repair_iob2(draw.choices(TAGS, k=draw.randrange(15))) for _ in range(sentences)]
    noisy = [[draw.choice(TAGS) if draw.random() < 0.2 else tag for tag in row] for row in gold]
    return gold, [repair_iob2(row) for row in noisy]


def random_labels(seed: int, rows: int, classes: int) -> tuple[list[str], list[str], list[str]]:
    draw = random.Random(seed)
    names = [f"c{i}" for i in range(classes)]
    gold = draw.choices(names, k=rows)
    return gold, [g if draw.random() < 0.7 else draw.choice(names) for g in gold], names


def value(scores: Scores, name: str) -> Any:
    return scores.metrics[name]["value"]


class TestTags:
    @pytest.mark.parametrize("seed", range(5))
    def test_entity_scores_equal_seqeval_strict(self, seed: int) -> None:
        gold, predicted = random_tags(seed)
        theirs = entity_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True)
        ours = score_tags(gold, predicted, resamples=100)
        assert value(ours, "f1") == pytest.approx(theirs["micro avg"]["f1-score"])
        assert value(ours, "precision") == pytest.approx(theirs["micro avg"]["precision"])
        for row in ours.tables["per_label"]["rows"]:
            expected = theirs[row["label"]]
            assert (row["precision"], row["recall"], row["f1"], row["support"]) == pytest.approx(
                tuple(expected.values())
            )
        for average in ("macro", "weighted"):
            assert ours.tables["per_label"]["averages"][average]["f1"] == pytest.approx(
                theirs[f"{average} avg"]["f1-score"]
            )

    def test_token_table_equals_sklearn(self) -> None:
        gold, predicted = random_tags(7)
        flat = [[tag for row in rows for tag in row] for rows in (gold, predicted)]
        theirs = sk.classification_report(*flat, output_dict=True)
        table = score_tags(gold, predicted, resamples=100).tables["token"]
        for row in table["rows"]:
            assert (row["precision"], row["recall"], row["f1"], row["support"]) == pytest.approx(
                tuple(theirs[row["label"]].values())
            )
        assert table["averages"]["macro"]["recall"] == pytest.approx(theirs["macro avg"]["recall"])
        assert table["averages"]["weighted"]["precision"] == pytest.approx(theirs["weighted avg"]["precision"])
        assert table["averages"]["micro"]["f1"] == pytest.approx(theirs["accuracy"])

    def test_token_table_is_ordered_by_type_with_o_last(self) -> None:
        gold, predicted = random_tags(3)
        rows = score_tags(gold, predicted, resamples=100).tables["token"]["rows"]
        assert [row["label"] for row in rows] == ["B-LOC", "I-LOC", "B-PER", "I-PER", "O"]

    def test_plain_tags_have_token_scores_only(self) -> None:
        scores = score_tags([["NN", "VB"], ["NN"]], [["NN", "NN"], ["NN"]], entities=False, resamples=100)
        assert scores.headline == "token.accuracy"
        assert set(scores.metrics) == {"token.accuracy", "token.macro_f1", "token.weighted_f1"}
        assert value(scores, "token.accuracy") == pytest.approx(2 / 3)

    def test_n_counts_entities_words_and_the_entities_of_a_type(self) -> None:
        gold = [["B-A", "I-A", "O", "B-B"], ["B-A"]]
        metrics = score_tags(gold, gold, resamples=100).metrics
        assert [metrics[name]["n"] for name in ("f1", "token.accuracy", "per_class.A.recall")] == [3, 5, 2]

    def test_a_sentence_without_words_changes_nothing(self) -> None:
        gold, predicted = random_tags(4)
        with_empty = score_tags([*gold, []], [*predicted, []], resamples=100)
        assert value(with_empty, "f1") == value(score_tags(gold, predicted, resamples=100), "f1")

    def test_nothing_found_is_zero_and_nothing_to_find_is_undefined(self) -> None:
        assert value(score_tags([["B-A"], ["O"]], [["O"], ["O"]], resamples=100), "f1") == 0.0
        nothing = score_tags([["O"], ["O"]], [["O"], ["O"]], resamples=100).metrics["f1"]
        assert nothing["value"] is None
        assert nothing["note"]

    def test_documents_are_resampled_where_there_are_enough(self) -> None:
        gold, predicted = random_tags(5)
        assert score_tags(gold, predicted, [f"d{i % 12}" for i in range(60)], resamples=100).resampled == "documents"
        assert score_tags(gold, predicted, [f"d{i % 9}" for i in range(60)], resamples=100).resampled == "sentences"

    def test_sequences_of_different_length_are_refused(self) -> None:
        with pytest.raises(ValueError, match="differ in number"):
            score_tags([["O", "O"]], [["O"]])

    def test_an_empty_split_has_no_values(self) -> None:
        scores = score_tags([], [])
        assert scores.metrics["f1"] == {
            "value": None, "low": None, "high": None, "n": 0, "better": "higher", "note": "nothing to score",
        }  # fmt: skip

    @pytest.mark.data
    def test_real_sequences_score_as_in_seqeval(self, shared_data: Path) -> None:
        blocks = (shared_data / "conll2003" / "eng.testb").read_text(encoding="utf-8").split("\n\n")
        gold = [repair_iob2([line.split()[-1] for line in block.splitlines() if line.strip()]) for block in blocks]
        draw = random.Random(0)
        predicted = [repair_iob2([t if draw.random() > 0.05 else draw.choice(TAGS) for t in row]) for row in gold]
        theirs = entity_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True)["micro avg"]
        ours = score_tags(gold, predicted, resamples=100)
        assert value(ours, "f1") == pytest.approx(theirs["f1-score"], abs=1e-12)
        assert ours.metrics["f1"]["n"] == theirs["support"]


class TestLabels:
    @pytest.mark.parametrize("seed", range(3))
    def test_scores_equal_sklearn(self, seed: int) -> None:
        gold, predicted, names = random_labels(seed, 200, 5)
        scores = score_labels(gold, predicted, names, resamples=100)
        assert value(scores, "accuracy") == pytest.approx(sk.accuracy_score(gold, predicted))
        assert value(scores, "macro_f1") == pytest.approx(sk.f1_score(gold, predicted, average="macro"))
        assert value(scores, "weighted_f1") == pytest.approx(sk.f1_score(gold, predicted, average="weighted"))
        assert value(scores, "mcc") == pytest.approx(sk.matthews_corrcoef(gold, predicted))
        assert value(scores, "per_class.c2.recall") == pytest.approx(
            sk.recall_score(gold, predicted, labels=["c2"], average=None)[0]
        )

    def test_macro_f1_leaves_out_labels_that_do_not_occur_as_sklearn_does(self) -> None:
        gold, predicted = ["a", "b", "b"], ["a", "b", "a"]
        scores = score_labels(gold, predicted, ["a", "b", "never"], resamples=100)
        assert value(scores, "macro_f1") == pytest.approx(sk.f1_score(gold, predicted, average="macro"))
        assert value(scores, "per_class.never.f1") is None

    def test_a_gold_label_that_the_model_lacks_counts_as_wrong_and_is_shown(self) -> None:
        scores = score_labels(["a", "new", "b"], ["a", "a", "b"], ["a", "b"], resamples=100)
        assert value(scores, "per_class.new.recall") == 0.0
        assert value(scores, "macro_f1") == pytest.approx(
            sk.f1_score(["a", "new", "b"], ["a", "a", "b"], average="macro")
        )
        assert [row["label"] for row in scores.tables["per_label"]["rows"]] == ["a", "b", "new"]

    def test_confusion_cells_equal_sklearn(self) -> None:
        gold, predicted, names = random_labels(1, 300, 6)
        table = score_labels(gold, predicted, names, resamples=100).tables["confusion"]
        dense = np.zeros((6, 6), dtype=int)
        for row, column, count in table["cells"]:
            dense[row, column] = count
        assert (dense == sk.confusion_matrix(gold, predicted, labels=table["labels"])).all()

    def test_one_class_only_gives_mcc_zero_and_says_so(self) -> None:
        mcc = score_labels(["a"] * 5, ["a", "b", "a", "a", "b"], ["a", "b"], resamples=100).metrics["mcc"]
        assert (mcc["value"], mcc["low"], mcc["high"]) == (0.0, None, None)
        assert "by convention" in mcc["note"]

    def test_one_row_of_a_class_proves_little_of_a_perfect_mcc(self) -> None:
        gold = ["a"] * 99 + ["b"]
        mcc = score_labels(gold, gold, ["a", "b"], resamples=200).metrics["mcc"]
        assert (mcc["value"], mcc["high"]) == (1.0, 1.0)
        assert mcc["low"] < 0
        assert "3 independent items" in mcc["note"]

    def test_an_empty_split_has_no_values(self) -> None:
        assert value(score_labels([], [], ["a", "b"]), "accuracy") is None

    def test_everything_right_keeps_an_error_bar(self) -> None:
        accuracy = score_labels(["a", "b"] * 10, ["a", "b"] * 10, ["a", "b"], resamples=100).metrics["accuracy"]
        assert accuracy["low"] == pytest.approx(stats.binomtest(20, 20).proportion_ci(0.95, "exact").low)
        assert accuracy["high"] == 1.0

    def test_a_label_too_rare_for_its_interval_has_none(self) -> None:
        gold, predicted, names = random_labels(2, 100, 3)
        gold, predicted = [*gold, "rare", "rare"], [*predicted, "rare", "c0"]
        rare = score_labels(gold, predicted, names, resamples=200).metrics["per_class.rare.recall"]
        assert (rare["value"], rare["low"], rare["n"]) == (0.5, None, 2)
        assert "too rare" in rare["note"]

    def test_precision_rests_on_what_was_predicted(self) -> None:
        gold, predicted = ["a"] * 50 + ["b"] * 50, ["a"] * 50 + ["b"] + ["a"] * 49
        precision = score_labels(gold, predicted, "ab", resamples=200).metrics["per_class.b.precision"]
        assert (precision["value"], precision["n"]) == (1.0, 1)
        assert precision["low"] is None

    def test_everything_is_plain_json(self) -> None:
        gold, predicted, names = random_labels(4, 50, 3)
        scores = score_labels(gold, predicted, [*names, "never"], resamples=100)
        held = [scores.metrics, scores.tables]
        assert json.loads(json.dumps(held, allow_nan=False)) == held


class TestMultiLabel:
    def test_scores_equal_sklearn(self) -> None:
        generator = np.random.default_rng(0)
        gold, predicted = generator.random((2, 200, 4)) < 0.4
        names = list("abcd")
        as_sets = [[[n for n, on in zip(names, row, strict=True) if on] for row in rows] for rows in (gold, predicted)]
        scores = score_multi_label(*as_sets, names, resamples=100)
        assert value(scores, "micro_f1") == pytest.approx(sk.f1_score(gold, predicted, average="micro"))
        assert value(scores, "macro_f1") == pytest.approx(sk.f1_score(gold, predicted, average="macro"))
        assert value(scores, "subset_accuracy") == pytest.approx(sk.accuracy_score(gold, predicted))
        assert value(scores, "per_class.b.precision") == pytest.approx(sk.precision_score(gold[:, 1], predicted[:, 1]))

    def test_micro_f1_rests_on_the_gold_labels(self) -> None:
        scores = score_multi_label([("a", "b"), (), ("a",), ()], [("a",), (), ("a",), ()], ["a", "b"], resamples=100)
        assert scores.metrics["micro_f1"]["n"] == 3

    def test_a_label_written_twice_counts_once(self) -> None:
        assert value(score_multi_label([("a", "a")], [("a",)], ["a"]), "micro_f1") == 1.0

    def test_rows_without_labels_are_right_when_nothing_is_predicted(self) -> None:
        assert value(score_multi_label([(), ("a",)], [(), ()], ["a"]), "subset_accuracy") == 0.5


class TestNumbers:
    def test_scores_equal_scipy_with_ties(self) -> None:
        generator = np.random.default_rng(0)
        gold = generator.integers(0, 6, 300).astype(float)
        predicted = np.round(gold + generator.normal(0, 1, 300), 1)
        scores = score_numbers(gold.tolist(), predicted.tolist(), resamples=100)
        assert value(scores, "spearman") == pytest.approx(stats.spearmanr(gold, predicted).statistic, abs=1e-12)
        assert value(scores, "pearson") == pytest.approx(stats.pearsonr(gold, predicted).statistic, abs=1e-12)
        assert value(scores, "mae") == pytest.approx(np.abs(gold - predicted).mean())

    def test_a_large_offset_does_not_spoil_the_correlation(self) -> None:
        gold = np.arange(50.0)
        predicted = gold**2
        shifted = score_numbers((gold + 1e9).tolist(), (predicted - 1e9).tolist(), resamples=100)
        assert value(shifted, "pearson") == pytest.approx(stats.pearsonr(gold, predicted).statistic, abs=1e-9)

    def test_constant_predictions_have_no_correlation_and_the_reason_is_given(self) -> None:
        metrics = score_numbers([1.0, 2.0, 3.0], [2.7, 2.7, 2.7], resamples=100).metrics
        assert metrics["pearson"]["value"] is None
        assert "predicted numbers are equal" in metrics["spearman"]["note"]
        assert metrics["mae"]["value"] == pytest.approx(0.9)
        json.dumps(metrics, allow_nan=False)

    def test_nan_is_refused(self) -> None:
        with pytest.raises(LmfitError, match="row 2 is not finite"):
            score_numbers([1.0, 2.0], [1.0, float("nan")])
        with pytest.raises(DataError, match="gold number of row 1"):
            score_numbers([float("inf"), 2.0], [1.0, 2.0])

    def test_a_smaller_error_is_better(self) -> None:
        assert score_numbers([1.0, 2.0], [1.0, 3.0]).metrics["mae"]["better"] == "lower"

    def test_an_empty_split_has_no_values(self) -> None:
        assert value(score_numbers([], []), "spearman") is None
