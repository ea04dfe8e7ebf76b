import time

import pytest

from lmfit.data.example import Origin
from lmfit.data.notices import Notices
from lmfit.data.spans import tag_words
from lmfit.data.words import split_words
from lmfit.errors import DataError

ORIGIN = Origin("a.jsonl", 3)


def tagged(text, entities, notices=None):
    return tag_words(text, split_words(text, "unicode"), entities, ORIGIN, notices or Notices())


def test_touching_entities_of_one_type():
    assert tagged("Al Bo", [[0, 2, "PER"], [3, 5, "PER"]]) == ([(0, 2), (3, 5)], ["B-PER", "B-PER"])


def test_offsets_count_code_points():
    assert tagged("😀 Rome", [{"start": 2, "end": 6, "label": "LOC", "text": "Rome"}])[1] == ["O", "B-LOC"]


def test_utf_16_offsets_are_caught():
    with pytest.raises(DataError, match="not bytes or UTF-16 units"):
        tagged("😀 Rome is", [{"start": 3, "end": 7, "label": "LOC", "text": "Rome"}])


def test_words_are_cut_at_entity_borders_and_counted():
    notices = Notices()
    assert tagged("EU-wide", [[0, 2, "ORG"]], notices) == ([(0, 2), (2, 7)], ["B-ORG", "O"])
    assert notices.sentences == ["words cut at the border of an entity: 1, first at a.jsonl:3"]


@pytest.mark.parametrize(
    ("entities", "told"),
    [
        ([[0, 3, "A"], [2, 5, "B"]], "overlap"),
        ([[0, 99, "A"]], "does not lie in the text of 5"),
        ([[-1, 2, "A"]], "does not lie"),
        ([[2, 2, "A"]], "does not lie"),
        ([[2, 3, "A"]], "holds no word"),
        ([[0, 2]], "needs start, end and label"),
        ([{"start": 0, "end": 2}], "needs start, end and label"),
        ([["0", 2, "A"]], "needs start, end and label"),
        ("PER", "no list"),
    ],
)
def test_entities_that_cannot_be(entities, told):
    with pytest.raises(DataError, match=told) as raised:
        tagged("Al Bo", entities)
    assert "a.jsonl:3" in str(raised.value)


def test_touching_entities_cut_one_word_in_two():
    assert tagged("abcd", [[0, 2, "X"], [2, 4, "Y"]]) == ([(0, 2), (2, 4)], ["B-X", "B-Y"])


def test_long_texts_with_many_entities_take_no_square_of_time():
    began = time.process_time()
    _, tags = tagged("word " * 16_000, [[i, i + 4, "X"] for i in range(0, 80_000, 25)])
    assert tags.count("B-X") == 3200
    assert time.process_time() - began < 2
