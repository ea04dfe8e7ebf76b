"""Suspected label errors: planted ones are found, what cannot be judged is left alone."""

import random
from dataclasses import replace

import numpy as np
import pytest

from lmfit.data.example import Example, Origin
from lmfit.errors import ConfigError
from lmfit.evaluation.label_errors import Suspects, confident_errors, find_label_errors
from tiny_data import TOPICS, tagged_sentence


def texts(rows: int = 300, wrong: tuple[int, ...] = ()) -> list[Example]:
    generator, labels = random.Random(0), list(TOPICS)
    found = []
    for line in range(1, rows + 1):
        topic = labels[line % len(labels)]
        text = " , ".join(generator.sample(TOPICS[topic], 2)) + f" {line}"
        label = labels[(line + 1) % len(labels)] if line in wrong else topic
        found.append(Example(Origin("a.csv", line), text, label=label))
    return found


def sentences(rows: int = 300, wrong: int = 0) -> list[Example]:
    """Tagged sentences; in the row `wrong` every entity has the type of another."""
    generator, found = random.Random(0), []
    other = {"PER": "LOC", "LOC": "ORG", "ORG": "PER"}
    for line in range(1, rows + 1):
        words, spans, position = tagged_sentence(generator), [], 0
        for word, _ in words:
            spans.append((position, position + len(word)))
            position += len(word) + 1
        tags = [tag if line != wrong or tag == "O" else tag[:2] + other[tag[2:]] for _, tag in words]
        found.append(Example(Origin("a.conll", line), " ".join(w for w, _ in words), words=spans, tags=tags))
    return found


def lines(suspects: Suspects, most: int) -> set[int]:
    return {one.line for one in suspects.found[:most]}


def test_confident_learning_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.95, 0.05]])
    rows, likely, margins = confident_errors(probabilities, np.array([0, 0, 1, 1, 1]))
    assert (rows.tolist(), likely.tolist()) == ([4], [0])
    assert margins.tolist() == pytest.approx([0.9])


def test_a_row_below_every_threshold_is_no_suspect() -> None:
    probabilities = np.array([[0.9, 0.1], [0.45, 0.55], [0.1, 0.9]])
    assert confident_errors(probabilities, np.array([0, 0, 1]))[0].tolist() == []


def test_planted_labels_come_first() -> None:
    planted = (17, 60, 101, 202, 255)
    suspects = find_label_errors("single_label", texts(wrong=planted))
    assert lines(suspects, 5) == set(planted)
    assert (suspects.judged, suspects.rows) == (300, 300)
    first = suspects.found[0]
    assert first.likely != first.given
    assert 0 < first.margin <= 1


def test_clean_labels_give_no_suspects() -> None:
    assert find_label_errors("single_label", texts()).found == []


def test_a_list_of_one_name_is_that_name() -> None:
    rows = texts(wrong=(17,))
    plain = find_label_errors("single_label", rows)
    assert find_label_errors("single_label", [replace(row, label=(str(row.label),)) for row in rows]) == plain


def test_rare_classes_are_not_judged() -> None:
    rare = Example(Origin("a.csv", 999), "I love the quick lamp", label="new")
    suspects = find_label_errors("single_label", [*texts(), rare])
    assert (suspects.judged, suspects.rows) == (300, 301)
    assert 999 not in lines(suspects, 50)


def test_copies_of_a_wrong_row_do_not_vouch_for_each_other() -> None:
    copies = [
        Example(Origin("a.csv", 1000 + i), "nobody answers , The lamp broke after two days 7", label="praise")
        for i in range(4)
    ]
    assert {1000, 1001, 1002, 1003} <= lines(find_label_errors("single_label", [*texts(), *copies]), 10)


def test_one_class_has_no_suspects() -> None:
    assert (
        find_label_errors("single_label", [Example(Origin("a", n), f"text {n}", label="x") for n in range(9)]).found
        == []
    )


def test_a_wrong_entity_is_found_with_its_words() -> None:
    suspects = find_label_errors("entities", sentences(wrong=2))
    assert lines(suspects, 1) == {2}
    assert suspects.found[0].word in sentences()[1].text


def test_clean_tags_give_no_confident_suspects() -> None:
    assert [one for one in find_label_errors("entities", sentences()).found if one.margin > 0.5] == []


def test_other_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="regression"):
        find_label_errors("regression", texts())
