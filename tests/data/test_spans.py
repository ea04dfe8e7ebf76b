import re
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


def test_utf_16_offsets_are_turned_into_characters_where_the_text_shows_it():
    notices = Notices()
    entity = {"start": 3, "end": 7, "label": "LOC", "text": "Rome"}
    assert tagged("😀 Rome is", [entity], notices)[1] == ["O", "B-LOC", "O"]
    assert "UTF-16" in notices.sentences[0]


def test_an_entity_whose_text_is_elsewhere_is_an_error():
    with pytest.raises(DataError, match="an entity says `Rome` but its offsets 1 to 5 cover ` Rom`"):
        tagged("😀 Rome is", [{"start": 1, "end": 5, "label": "LOC", "text": "Rome"}])


def test_line_ends_written_with_a_backslash_are_no_difference():
    entity = {"start": 0, "end": 7, "label": "X", "text": "Al\\nBo C"}
    assert tagged("Al\nBo C", [entity])[1] == ["B-X", "I-X", "I-X"]


def test_entities_inside_a_word_are_widened_and_counted():
    notices = Notices()
    assert tagged("EU-wide", [[0, 2, "ORG"]], notices) == ([(0, 7)], ["B-ORG"])
    assert notices.sentences == ["entities that end inside a word, widened to whole words: 1, first at a.jsonl:3"]


def test_blanks_around_an_entity_are_taken_off_and_counted():
    notices = Notices()
    assert tagged("to Al Bo now", [[2, 9, "PER"]], notices)[1] == ["O", "B-PER", "I-PER", "O"]
    assert "blanks around them" in notices.sentences[0]


def test_entities_marked_twice_are_read_once():
    notices = Notices()
    assert tagged("Al Bo", [[0, 2, "A"], [0, 2, "A"]], notices)[1] == ["B-A", "O"]
    assert notices.sentences == ["entities marked twice, read once: 1, first at a.jsonl:3"]


def test_unfit_entities_can_be_left_out_the_longest_stays():
    notices = Notices()
    entities = [[0, 2, "A"], [0, 5, "B"], [3, 5, "C"], [4, 99, "D"], [2, 3, "E"]]
    words, tags = tag_words("Al Bo", split_words("Al Bo", "unicode"), entities, ORIGIN, notices, "drop")
    assert (words, tags) == ([(0, 2), (3, 5)], ["B-B", "I-B"])
    assert notices.sentences == [
        "entities left out, for they do not lie in the text: 1, first at a.jsonl:3",
        "entities left out, for they overlap a longer one: 3, first at a.jsonl:3",
    ]


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
        ([["0", 2, "A"]], r"label: start is a text \('0'\), not a whole number$"),
        ([[0.5, True, None]], r"a number \(0.5\), not a whole number; end is true or false, .*; label is missing, not"),
        ([[0, 2, " "]], "label is empty"),
        ("PER", "no list"),
    ],
)
def test_entities_that_cannot_be(entities, told):
    with pytest.raises(DataError) as raised:
        tagged("Al Bo", entities)
    assert re.search(told, raised.value.problems[0].what)
    assert "a.jsonl:3" in str(raised.value)


def test_whole_numbers_may_be_written_with_a_point():
    assert tagged("Al Bo", [{"start": 3.0, "end": 5.0, "label": "PER"}]) == ([(0, 2), (3, 5)], ["O", "B-PER"])


def test_touching_entities_cut_one_word_in_two():
    assert tagged("abcd", [[0, 2, "X"], [2, 4, "Y"]]) == ([(0, 2), (2, 4)], ["B-X", "B-Y"])


def test_long_texts_with_many_entities_take_no_square_of_time():
    began = time.process_time()
    _, tags = tagged("word " * 16_000, [[i, i + 4, "X"] for i in range(0, 80_000, 25)])
    assert tags.count("B-X") == 3200
    assert time.process_time() - began < 2
