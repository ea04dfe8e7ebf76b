import random
from dataclasses import replace
from pathlib import Path

import pytest

from lmfit.data.example import Example, Label, Origin
from lmfit.errors import DataError
from lmfit.evaluation import tfidf
from lmfit.evaluation.baseline import fit_baselines
from lmfit.evaluation.metrics import score_labels

ORIGIN = Origin("train.csv", 7)


def texts(*rows: tuple[str, Label]) -> list[Example]:
    return [Example(ORIGIN, text, label=label) for text, label in rows]


def pairs(*rows: tuple[str, str, Label]) -> list[Example]:
    return [Example(ORIGIN, first, second, label=label) for first, second, label in rows]


def sentence(*words: tuple[str, str]) -> Example:
    text, offsets = "", []
    for word, _ in words:
        offsets.append((len(text), len(text) + len(word)))
        text += word + " "
    return Example(ORIGIN, text, words=offsets, tags=[tag for _, tag in words])


class TestTags:
    TRAIN = [
        sentence(("Paris", "B-LOC"), ("is", "O"), ("big", "O")),
        sentence(("Paris", "B-LOC"), ("Hilton", "I-PER")),
        sentence(("Paris", "B-PER"), ("Hilton", "I-PER"), ("sings", "O"), (".", "O")),
    ]

    def test_each_word_gets_its_most_frequent_tag_and_unknown_words_are_outside(self) -> None:
        baseline = fit_baselines("entities", self.TRAIN)["most_frequent_tag"]
        assert baseline.predict([sentence(("Paris", "O"), ("rocks", "O"))]) == [["B-LOC", "O"]]

    def test_predicted_tags_are_valid_iob2(self) -> None:
        baseline = fit_baselines("entities", self.TRAIN)["most_frequent_tag"]
        assert baseline.predict([sentence(("Hilton", "O"), ("Hilton", "O"))]) == [["B-PER", "I-PER"]]

    def test_plain_tags_of_unknown_words_are_the_most_frequent_tag(self) -> None:
        train = [sentence(("a", "DT"), ("dog", "NN"), ("cat", "NN"))]
        assert fit_baselines("tags", train)["most_frequent_tag"].predict([sentence(("the", ""), ("a", ""))]) == [
            ["NN", "DT"]
        ]

    def test_majority_is_one_tag_for_every_word(self) -> None:
        assert fit_baselines("entities", self.TRAIN)["majority"].predict(self.TRAIN[:1]) == [["O", "O", "O"]]

    def test_a_sentence_without_words_gets_no_tags(self) -> None:
        assert fit_baselines("entities", self.TRAIN)["most_frequent_tag"].predict([sentence()]) == [[]]

    def test_ties_do_not_depend_on_the_order_of_the_examples(self) -> None:
        train = [sentence(("x", "B-A")), sentence(("x", "B-B"))]
        forward, backward = (fit_baselines("entities", rows)["most_frequent_tag"] for rows in (train, train[::-1]))
        assert forward.predict(train) == backward.predict(train)

    def test_untagged_words_are_refused_with_their_place(self) -> None:
        with pytest.raises(DataError, match=r"train\.csv:7"):
            fit_baselines("entities", [Example(ORIGIN, "a", words=[(0, 1)])])


class TestLabels:
    TRAIN = texts(("good film", "pos"), ("very good", "pos"), ("bad film", "neg"), ("so bad", "neg"), ("good!", "pos"))

    def test_words_decide(self) -> None:
        assert fit_baselines("single_label", self.TRAIN)["tfidf"].predict(texts(("a bad one", ""), ("good", ""))) == [
            "neg",
            "pos",
        ]

    def test_majority_is_the_most_frequent_label(self) -> None:
        assert fit_baselines("single_label", self.TRAIN)["majority"].predict(self.TRAIN[:2]) == ["pos", "pos"]

    def test_characters_decide_where_no_blanks_are(self) -> None:
        train = texts(("这部电影很好", "好"), ("非常好看", "好"), ("这部电影很差", "差"), ("太差了", "差"))
        fitted = fit_baselines("single_label", train)["tfidf"]
        assert fitted.predict(texts(("真差", ""), ("好", ""))) == ["差", "好"]
        assert "characters" in fitted.note

    def test_a_pair_is_judged_by_what_its_sides_share(self) -> None:
        draw = random.Random(0)
        words = [f"w{i}" for i in range(40)]

        def row(same: bool) -> tuple[str, str, str]:
            first = draw.sample(words, 4)
            return " ".join(first), " ".join(draw.sample(first if same else words, 4)), str(same)

        train, test = ([row(i % 2 == 0) for i in range(n)] for n in (400, 100))
        predicted = fit_baselines("single_label", pairs(*train))["tfidf"].predict(pairs(*test))
        accuracy = score_labels([r[2] for r in test], predicted, ["True", "False"], resamples=100).metrics["accuracy"]
        assert accuracy["value"] > 0.9

    def test_a_list_of_one_name_is_that_name(self) -> None:
        listed = [replace(row, label=(str(row.label),)) for row in self.TRAIN]
        assert fit_baselines("single_label", listed)["majority"].predict(listed[:1]) == ["pos"]

    def test_one_label_only_leaves_the_majority_and_says_why(self) -> None:
        fitted = fit_baselines("single_label", texts(("a", "x"), ("b", "x")))
        assert list(fitted) == ["majority"]
        assert "equal" in fitted["majority"].note

    def test_blank_texts_leave_the_majority_and_say_why(self) -> None:
        fitted = fit_baselines("single_label", texts(("", "x"), (" \n", "y")))
        assert list(fitted) == ["majority"]
        assert "blank" in fitted["majority"].note

    def test_labels_that_differ_in_a_final_nul_stay_apart(self) -> None:
        train = texts(("one", "a\x00"), ("two", "a"))
        assert fit_baselines("single_label", train)["tfidf"].predict(train) == ["a\x00", "a"]

    def test_no_examples_are_refused(self) -> None:
        with pytest.raises(DataError, match="no training examples"):
            fit_baselines("single_label", [])

    def test_an_example_without_label_is_refused_with_its_place(self) -> None:
        with pytest.raises(DataError, match=r"train\.csv:7"):
            fit_baselines("single_label", [Example(ORIGIN, "a")])

    def test_nothing_to_predict_gives_nothing(self) -> None:
        assert [b.predict([]) for b in fit_baselines("single_label", self.TRAIN).values()] == [[], []]

    def test_a_part_of_the_examples_is_drawn_from_all_of_them_and_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tfidf, "MAX_ROWS", 40)
        train = texts(*[("bad", "neg")] * 50, *[("good", "pos")] * 50)
        fitted = fit_baselines("single_label", train)["tfidf"]
        assert "fitted on 40 of 100 examples" in fitted.note
        assert fitted.predict(train) == [e.label for e in train]

    def test_long_texts_are_bounded_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tfidf, "MAX_CHARACTERS", 200)
        assert len(tfidf.draw(texts(*[("ab cd " * 10, "x")] * 10), 2)) == 3

    @pytest.mark.data
    def test_sst2_lands_where_bag_of_words_models_do(self, shared_data: Path) -> None:
        def read(part: str) -> list[Example]:
            lines = (shared_data / "sst2" / f"stsa.binary.{part}").read_text(encoding="utf-8").splitlines()
            return texts(*((line[2:], line[0]) for line in lines))

        test = read("test")
        predicted = fit_baselines("single_label", read("train"))["tfidf"].predict(test)
        right = sum(e.label == label for e, label in zip(test, predicted, strict=True))
        assert 0.79 < right / len(test) < 0.84


class TestLabelSets:
    def test_each_label_is_decided_alone(self) -> None:
        train = texts(*[("red", ("r",)), ("blue", ("b",)), ("red blue", ("r", "b")), ("grey", ())] * 3)
        fitted = fit_baselines("multi_label", train)
        assert fitted["tfidf"].predict(train[:4]) == [("r",), ("b",), ("b", "r"), ()]
        assert fitted["majority"].predict(train[:1]) == [("b",)]

    def test_a_single_label_in_all_is_still_a_set(self) -> None:
        train = texts(*[("red", ("r",)), ("grey", ())] * 3)
        assert fit_baselines("multi_label", train)["tfidf"].predict(train[:2]) == [("r",), ()]

    @pytest.mark.filterwarnings("error")
    def test_a_label_of_every_row_is_always_predicted(self) -> None:
        train = texts(*[("red", ("all", "r")), ("grey", ("all",))] * 3)
        assert fit_baselines("multi_label", train)["tfidf"].predict(train[:2]) == [("all", "r"), ("all",)]

    def test_rows_without_any_label_leave_the_empty_answer(self) -> None:
        assert fit_baselines("multi_label", texts(("a", ()), ("b", ())))["majority"].predict(texts(("c", ()))) == [()]


class TestNumbers:
    def test_majority_is_the_mean_and_words_do_better(self) -> None:
        train = texts(*[("good", 5.0), ("bad", 1.0), ("fair", 3.0)] * 5)
        fitted = fit_baselines("regression", train)
        assert fitted["majority"].predict(train[:1]) == [3.0]
        bad, good = fitted["tfidf"].predict(texts(("bad", None), ("good", None)))
        assert bad < 2 < 4 < good

    @pytest.mark.filterwarnings("error")
    def test_equal_numbers_leave_the_mean(self) -> None:
        assert list(fit_baselines("regression", texts(("a", 2.0), ("b", 2.0)))) == ["majority"]

    def test_a_word_for_a_number_is_refused(self) -> None:
        with pytest.raises(DataError, match="no number"):
            fit_baselines("regression", texts(("a", "many")))
