from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from lmfit.config.tasks import TokenClassificationSettings
from lmfit.data.collate import IGNORED
from lmfit.data.example import Example, Origin
from lmfit.data.framing import Framer
from lmfit.errors import ConfigError, DataError
from lmfit.tasks.base import Stats
from lmfit.tasks.predictions import TagPrediction
from lmfit.tasks.tensors import tensors
from lmfit.tasks.token_classification import TokenClassification

Framers = Callable[..., Framer]
LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def tagged(*pairs: str, line: int = 1) -> Example:
    """`Anna/B-PER joined/O` as an example."""
    words, tags = zip(*(pair.rsplit("/", 1) for pair in pairs), strict=True)
    offsets, at = [], 0
    for word in words:
        offsets.append((at, at + len(word)))
        at += len(word) + 1
    return Example(Origin("a.conll", line), " ".join(words), words=offsets, tags=list(tags))


def task_of(labels: Sequence[str] = LABELS, weights: list[float] | None = None, **settings: Any) -> TokenClassification:
    return TokenClassification(TokenClassificationSettings(**settings), list(labels), "unicode", weights)


def long_sentence(words: int = 60) -> Example:
    """Every fifth word is a place; words are of one, two or three pieces."""
    kinds = ["kettle/O", "Anna/B-PER", "Petrov/I-PER", "lampkettle/O", "Oslo/B-LOC"]
    return tagged(*(kinds[i % 5] for i in range(words)))


def oracle(task: TokenClassification, rows: Sequence[Any], framer: Framer, example: Example) -> TagPrediction:
    """Decode as if the model knew the tag of each first subword."""
    answers = []
    for row in rows:
        batch = task.collate([row], framer)
        logits = np.eye(len(task.labels), dtype=np.float32)[batch["labels"].clip(min=0)] * 20
        answers += task.answers(logits, batch)
    from lmfit.tasks.base import Encoded

    return task.decode(Encoded(example, list(rows)), answers)


class TestLearn:
    def learn(self, *examples: Example, **settings: Any) -> TokenClassification:
        return TokenClassification.learn(TokenClassificationSettings(**settings), "unicode", examples)

    def test_labels_are_complete_iob2_with_o_first(self) -> None:
        task = self.learn(tagged("Oslo/B-LOC", "is/O"), tagged("Anna/B-PER"))
        assert task.labels == LABELS
        assert task.kind == "entities"

    def test_plain_tags_stay(self) -> None:
        task = self.learn(tagged("Oslo/NNP", "is/VBZ"))
        assert task.labels == ["NNP", "VBZ"]
        assert task.kind == "tags"

    def test_no_tag_is_lost_where_only_some_look_like_iob2(self) -> None:
        task = self.learn(tagged("Oslo/NNP", "is/B-V", "O/O"))
        assert task.labels == ["B-V", "NNP", "O"]
        assert task.kind == "tags"

    def test_no_tags(self) -> None:
        with pytest.raises(DataError, match=r"data\.columns\.labels"):
            self.learn(Example(Origin("a", 1), "Oslo"))

    def test_one_tag_for_all_words_cannot_be_learnt(self) -> None:
        with pytest.raises(DataError, match="every word of the training data has the tag `O`"):
            self.learn(tagged("Oslo/O", "is/O"))

    def test_balanced_weights_are_those_of_scikit_learn(self) -> None:
        from sklearn.utils.class_weight import compute_class_weight

        task = self.learn(tagged("a/X", "b/Y", "c/Y", "d/Y"), class_weights="balanced")
        expected = compute_class_weight("balanced", classes=np.array(["X", "Y"]), y=["X", "Y", "Y", "Y"])
        assert task._weights is not None
        assert task._weights == pytest.approx(expected)

    def test_a_weight_for_an_unknown_label_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="B-LOC"):
            self.learn(tagged("Oslo/B-LOC", "is/O"), class_weights={"B-LOK": 2.0})

    def test_what_is_stored_comes_back(self) -> None:
        task = self.learn(tagged("Oslo/B-LOC", "is/O"), label_subwords="all", class_weights={"B-LOC": 2.0})
        assert TokenClassification.restore(task.state()).state() == task.state()


class TestEncode:
    def encode(self, task: TokenClassification, example: Example, framer: Framer, stats: Stats | None = None) -> Any:
        (encoded,) = task.encode([example], framer, stats or Stats())
        return encoded.rows

    def test_the_label_stands_on_the_first_subword(self, framer: Framers) -> None:
        (row,) = self.encode(task_of(), tagged("lampkettle/O", "lampoil/B-LOC"), framer())
        labels = row.tokens["labels"].tolist()
        words = row.tokens["words"].tolist()
        assert labels.count(0) == 1
        assert labels.count(1) == 1
        assert [labels[words.index(0)], labels[words.index(1)]] == [0, 1]
        assert labels[0] == labels[-1] == IGNORED
        assert len(labels) == len(words) == len(row.tokens["input_ids"]) > 4

    def test_all_subwords_carry_the_label_and_go_on_as_inside(self, framer: Framers) -> None:
        (row,) = self.encode(task_of(label_subwords="all"), tagged("lampoil/B-LOC", "lampoil/I-LOC"), framer())
        labels = row.tokens["labels"].tolist()[1:-1]
        words = row.tokens["words"].tolist()[1:-1]
        second = words.index(1)
        assert labels == [1] + [2] * (len(labels) - 1)
        assert words.count(-1) == len(words) - 2 > 0
        assert second > 1

    def test_plain_tags_go_on_as_themselves(self, framer: Framers) -> None:
        (row,) = self.encode(task_of(["NN", "VB"], label_subwords="all"), tagged("lampoil/VB"), framer())
        assert set(row.tokens["labels"].tolist()[1:-1]) == {1}

    def test_windows_own_every_word_once(self, framer: Framers) -> None:
        rows = self.encode(task_of(), long_sentence(), framer(16))
        assert len(rows) > 3
        assert all(len(row) <= 16 for row in rows)
        owned = [word for row in rows for word in row.tokens["words"].tolist() if word >= 0]
        assert owned == list(range(60))

    def test_windows_label_every_subword_once(self, framer: Framers) -> None:
        task, example = task_of(label_subwords="all"), long_sentence()
        whole = self.encode(task, example, framer(400))[0].tokens["labels"]
        parts = [label for row in self.encode(task, example, framer(16)) for label in row.tokens["labels"].tolist()]
        assert [x for x in parts if x != IGNORED] == whole[whole != IGNORED].tolist()

    def test_truncation_counts_cut_words_and_broken_entities(self, framer: Framers) -> None:
        stats = Stats()
        example = tagged(*["lampkettle/O"] * 5, "Anna/B-PER", "Petrov/I-PER", "Oslo/B-LOC", "lamp/O")
        (row,) = self.encode(task_of(), example, framer(18, "truncate"), stats)
        kept = [word for word in row.tokens["words"].tolist() if word >= 0]
        assert kept == list(range(len(kept)))
        assert stats.counts["words_cut"] == 9 - len(kept) > 0
        assert stats.counts["truncated"] == 1
        assert stats.counts["entities_cut"] == sum(end > len(kept) for end in (7, 8)) > 0

    def test_entities_are_counted_right_beside_words_without_tokens(self, framer: Framers) -> None:
        stats = Stats()
        pairs = [*["kettle/O"] * 9, "Oslo/B-LOC", "\u200b/O", "\u200b/O", "\u200b/O"]
        self.encode(task_of(), tagged(*pairs), framer(11, "truncate"), stats)
        assert stats.counts["vanished"] == 3
        assert stats.counts["entities_cut"] == 1

    def test_cut_words_are_o_in_the_prediction_and_the_score(self, framer: Framers) -> None:
        task, example, made = task_of(), long_sentence(), framer(16, "truncate")
        rows = self.encode(task, example, made)
        prediction = oracle(task, rows, made, example)
        kept = sum(int((row.tokens["words"] >= 0).sum()) for row in rows)
        assert prediction.tags == [*example.tags[:kept], *["O"] * (60 - kept)]
        scores = task.score([(example, prediction)], resamples=0, seed=0).metrics
        assert scores["precision"]["value"] == 1
        assert scores["recall"]["value"] < 0.5

    def test_overflow_error_names_file_and_line(self, framer: Framers) -> None:
        example = tagged(*["kettle/O"] * 40, line=17)
        with pytest.raises(DataError, match=r"a\.conll:17") as caught:
            self.encode(task_of(), example, framer(16, "error"))
        assert "data.overflow=window" in str(caught.value)

    def test_unknown_and_vanished_words_are_counted_with_cases(self, framer: Framers) -> None:
        stats = Stats()
        self.encode(task_of(), tagged("Oslo/B-LOC", "中/O", "\u200b/O"), framer(), stats)
        assert stats.first == {"unknown": ["中"], "vanished": ["'\\u200b'"]}
        assert set(stats.places) == {"unknown", "vanished"}
        assert (stats.counts["words"], stats.counts["unknown"]) == (3, 1)

    def test_a_sentence_without_any_token_still_is_a_row(self, framer: Framers) -> None:
        task, made, example = task_of(), framer(), tagged("\u200b/O")
        (row,) = self.encode(task, example, made)
        assert len(row) == 2
        assert oracle(task, [row], made, example).tags == ["O"]

    def test_tags_that_training_did_not_have_are_ignored_in_the_loss(self, framer: Framers) -> None:
        (row,) = self.encode(task_of(), tagged("Oslo/B-NEW", "is/O"), framer())
        assert sorted(set(row.tokens["labels"].tolist())) == [IGNORED, 0]


class TestDecode:
    @pytest.mark.parametrize("overflow_length", [16, 23, 400])
    def test_stitched_windows_give_every_tag(self, overflow_length: int, framer: Framers) -> None:
        task, example, made = task_of(), long_sentence(), framer(overflow_length)
        (encoded,) = task.encode([example], made, Stats())
        assert oracle(task, encoded.rows, made, example).tags == example.tags

    def test_entities_have_offsets_in_code_points(self, framer: Framers) -> None:
        task, made = task_of(), framer()
        example = tagged("😀👩‍👩‍👧/O", "Oslo/B-LOC", "مرحبا/B-PER", "中/B-LOC", "国/I-LOC")
        (encoded,) = task.encode([example], made, Stats())
        entities = oracle(task, encoded.rows, made, example).entities
        assert [(e.text, e.label) for e in entities] == [("Oslo", "LOC"), ("مرحبا", "PER"), ("中 国", "LOC")]
        assert all(example.text[e.start : e.end] == e.text for e in entities)

    def test_an_inside_tag_that_continues_nothing_begins_an_entity(self) -> None:
        task, example = task_of(), tagged("a/O", "b/O", "c/O")
        prediction = task.from_baseline(example, ["I-LOC", "I-PER", "I-PER"])
        assert prediction.tags == ["B-LOC", "B-PER", "I-PER"]
        assert [(e.text, e.label) for e in prediction.entities] == [("a", "LOC"), ("b c", "PER")]

    def test_the_score_of_an_entity_is_the_mean_of_its_words(self) -> None:
        task, example = task_of(), tagged("Anna/O", "Petrov/O")
        probabilities = np.full((2, 5), 0.025)
        probabilities[0], probabilities[1, 4] = (0.1, 0.1, 0.1, 0.5, 0.2), 0.9
        table = np.column_stack([[0, 1], np.log(probabilities)]).astype(np.float32)
        from lmfit.tasks.base import Encoded

        (entity,) = task.decode(Encoded(example, []), [table]).entities
        assert entity.score == pytest.approx(0.7)

    def test_the_margin_is_half_the_least_lead_of_a_word(self) -> None:
        logits = np.array([[0, 4.0, 1, 0, 0, 0], [1, 0, 0, 0, 2.0, 1.5]])
        assert task_of().margin([logits[:1], logits[1:]]) == 0.25
        assert task_of().margin([logits[:0]]) == np.inf

    def test_the_margin_is_nothing_where_the_best_tags_are_no_valid_sequence(self) -> None:
        begins, orphan = np.array([[0, 0, 9.0, 0, 0, 0]]), np.array([[0, 0, 0, 9.0, 0, 0]])
        assert task_of(decoding="constrained").margin([begins]) == 4.5
        assert task_of(decoding="constrained").margin([orphan]) == 0.0

    def test_plain_tags_are_one_entity_a_word(self) -> None:
        prediction = task_of(["NN", "VB"]).from_baseline(tagged("lamp/NN", "broke/VB"), ["NN", "VB"])
        assert [(e.text, e.label) for e in prediction.entities] == [("lamp", "NN"), ("broke", "VB")]

    def test_raw_text_is_split_into_words(self, framer: Framers) -> None:
        example = Example(Origin("a", 1), "Oslo, Norway!")
        (encoded,) = task_of().encode([example], framer(), Stats())
        assert len(oracle(task_of(), encoded.rows, framer(), example).tags) == 4


def test_targets_are_the_weights_of_the_labels(framer: Framers) -> None:
    made, example = framer(), tagged("Oslo/B-LOC", "is/O", "far/O")
    (encoded,) = task_of().encode([example], made, Stats())
    batch = tensors(task_of().collate(encoded.rows, made))
    assert task_of().targets(batch) == 3
    assert task_of(weights=[0.5, 4, 1, 1, 1]).targets(batch) == 5


def test_foreign_models_are_known_by_their_architecture() -> None:
    assert TokenClassification.foreign_state("BertForTokenClassification", LABELS, None) == {
        "labels": LABELS,
        "words": "unicode",
    }
    assert TokenClassification.foreign_state("BertModel", LABELS, None) is None
