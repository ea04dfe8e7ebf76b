import json

import pytest

from lmfit.errors import DataError


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("value", "label"), [("a", "a"), (3, "3"), (2.5, 2.5), (["a", "b"], ("a", "b")), ([], ()), (True, "true")]
)
def test_kinds_of_labels(read, value, label):
    assert read("jsonl", lines({"text": "x", "label": value}))[0].label == label


def test_broken_json_names_line_and_column(read):
    with pytest.raises(DataError, match=r"in column 14\s+at: file:3"):
        read("jsonl", '{"text": "x", "label": "a"}\n\n{"text": "x" "label": "a"}\n')


@pytest.mark.parametrize("line", ["[1]", '"x"', "3"])
def test_a_line_must_be_an_object(read, line):
    with pytest.raises(DataError, match=r"no JSON object\s+at: file:1"):
        read("jsonl", line + "\n")


def test_nan_is_no_label(read):
    with pytest.raises(DataError, match="NaN is not a number"):
        read("jsonl", '{"text": "x", "label": NaN}\n')


def test_a_row_without_the_key_is_an_error(read):
    with pytest.raises(DataError, match=r"no `text` in this row\s+at: file:2"):
        read("jsonl", lines({"text": "x", "label": "a"}, {"txt": "y", "label": "a"}))


def test_a_text_that_is_a_number_is_an_error(read):
    with pytest.raises(DataError, match="`text` is a number, not a text"):
        read("jsonl", lines({"text": 5, "label": "a"}))


def test_line_separators_in_strings_do_not_end_a_line(read):
    content = '{"text": "a\u2028b\u0085c", "label": "x"}\n'
    assert read("jsonl", content)[0].text == "a\u2028b\u0085c"


def test_tokens_and_tags(read):
    (example,) = read("jsonl", lines({"tokens": ["Al", "ran"], "tags": ["B-PER", "O"]}), "words")
    assert (example.text, example.words, example.tags) == ("Al ran", [(0, 2), (3, 6)], ["B-PER", "O"])


def test_tokens_and_tags_of_different_length(read):
    with pytest.raises(DataError, match=r"2 words but 1 tags\s+at: file:1"):
        read("jsonl", lines({"tokens": ["Al", "ran"], "tags": ["O"]}), "words")


def test_entities_become_tags(read):
    row = {"text": "Ada Lovelace lives", "entities": [{"start": 0, "end": 12, "label": "PER"}]}
    (example,) = read("jsonl", lines(row), "words")
    assert example.tags == ["B-PER", "I-PER", "O"]


def test_what_predict_writes_is_read(read):
    row = {
        "id": 4,
        "text": "In Rome",
        "entities": [{"start": 3, "end": 7, "label": "LOC", "score": 0.9, "text": "Rome"}],
    }
    (example,) = read("jsonl", lines(row), "words")
    assert (example.id, example.tags) == ("4", ["O", "B-LOC"])


@pytest.mark.parametrize("columns", [{}, {"labels": "entities"}])
def test_what_predict_writes_of_tokens_is_read(read, columns):
    entity = {"start": 3, "end": 11, "label": "LOC", "score": 0.9, "text": "New York"}
    row = {"id": "1", "tokens": ["In", "New York"], "text": "In New York", "entities": [entity]}
    (example,) = read("jsonl", lines(row), "words", columns=columns)
    assert (example.text, example.tags) == ("In New York", ["O", "B-LOC", "I-LOC"])


def test_tokens_with_their_own_tags_win_over_entities(read):
    row = {"tokens": ["In", "Rome"], "ner_tags": ["O", "B-CITY"], "text": "In Rome", "entities": []}
    assert read("jsonl", lines(row), "words")[0].tags == ["O", "B-CITY"]


def test_entities_over_tokens_without_a_text(read):
    row = {"tokens": ["In", "Rome"], "entities": [[3, 7, "LOC"]]}
    assert read("jsonl", lines(row), "words")[0].tags == ["O", "B-LOC"]


def test_no_tags_for_words_are_an_error(read):
    with pytest.raises(DataError, match="`tags` is empty"):
        read("jsonl", lines({"tokens": ["In", "Rome"], "tags": []}), "words")


def test_a_text_that_was_asked_for_wins_over_tokens(read):
    row = {"tokens": ["x"], "body": "In Rome", "entities": [[3, 7, "LOC"]]}
    (example,) = read("jsonl", lines(row), "words", columns={"text": "body"}, labelled=False)
    assert example.text == "In Rome"


def test_label_may_be_missing_in_prediction(read):
    examples = read(
        "jsonl", lines({"text": "x", "n": 1}, {"text": "y", "label": "a"}), labelled=False, keep_columns=True
    )
    assert [e.columns for e in examples] == [{"text": "x", "n": 1}, {"text": "y", "label": "a"}]


def test_a_nested_key_is_named_with_its_path(read):
    rows = [
        {"data": {"text": "one"}, "turns": [{"said": "x"}]},
        {"data": {"text": "two"}, "turns": [{"said": "y"}]},
    ]
    found = read("jsonl", lines(*rows), columns={"text": "data.text", "label": "turns.0.said"}, keep_columns=True)
    assert [(e.text, e.label) for e in found] == [("one", "x"), ("two", "y")]
    assert found[0].columns == rows[0]


def test_a_nested_key_that_a_row_lacks_is_an_error_with_its_line(read):
    rows = [{"data": {"text": "one"}, "label": "x"}, {"data": {}, "label": "y"}]
    with pytest.raises(DataError, match=r"no `data.text` in this row\s+at: file:2"):
        read("jsonl", lines(*rows), columns={"text": "data.text"})


def test_a_key_with_a_dot_is_itself(read):
    row = {"data.text": "whole", "data": {"text": "part"}, "label": "x"}
    assert [e.text for e in read("jsonl", lines(row), columns={"text": "data.text"})] == ["whole"]
