import json

import pytest

from lmfit.errors import ConfigError, DataError

PARTS = json.dumps({"train": [["a", "x"], ["b", "y"]], "oos_train": [["c", "oos"]], "about": "text"})


def test_parts_are_joined(read):
    examples = read("json", PARTS, part="train+oos_train")
    assert [(e.text, e.label) for e in examples] == [("a", "x"), ("b", "y"), ("c", "oos")]
    assert str(examples[2].origin) == "file#oos_train:1"


def test_an_object_needs_a_part(read):
    with pytest.raises(DataError, match=r"e.g. file#train \(there are: train, oos_train"):
        read("json", PARTS)


def test_an_unknown_part(read):
    with pytest.raises(DataError, match="did you mean `train`"):
        read("json", PARTS, part="trian")


def test_a_list_of_objects(read):
    (example,) = read("json", '[{"sentence": "a", "intent": "x"}]')
    assert (example.text, example.label) == ("a", "x")


def test_a_list_has_no_parts(read):
    with pytest.raises(ConfigError, match="no part `train`"):
        read("json", "[]", part="train")


def test_broken_json_names_the_line(read):
    with pytest.raises(DataError, match="file:2"):
        read("json", '[{"text": "a",\n "label" "x"}]')


def test_a_row_that_is_no_row_names_its_number(read):
    with pytest.raises(DataError, match=r"no row\s+at: file:2"):
        read("json", '[["a", "x"], ["b"]]')
