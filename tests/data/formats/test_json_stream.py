import json

import pytest

from lmfit.data.formats import json_stream
from lmfit.data.formats.json_stream import ListItems, first_record
from lmfit.errors import DataError

VALUES = [{"a": 'x]\n,["', "b": [1, {"c": None}]}, "text", 12, [], {}, -1.5e3, True, "好\u2028😀"]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_items_are_those_of_the_whole(indent, piece, monkeypatch):
    monkeypatch.setattr(json_stream, "_PIECE", piece)
    text = "\n \t" + json.dumps(VALUES * 50, indent=indent, ensure_ascii=False) + "\r\n"
    lines = [line + "\n" for line in text.split("\n")]
    assert list(ListItems(lines, "f")) == VALUES * 50


def test_an_empty_list():
    assert list(ListItems(["[ ", "\n]"], "f")) == []


def test_memory_does_not_grow_with_the_list():
    def lines():
        yield "[\n"
        yield from ['{"text": "' + "x" * 1000 + '"},\n'] * 5_000
        yield "{}]"

    items = ListItems(lines(), "f")
    assert max(len(items._text) for _ in items) < 200_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"a": 1}\n{"b": 2}]', r"expected `]` in column 1\s+at: f:2"),
        ('[{"a": 1},\n{"b" 2}]', r"column 6\s+at: f:2"),
        ('[{"a": 1},\n\n{"b": ', r"in column \d\s+at: f:3"),
        ('[{"a": 1}', r"expected `]` in column 10\s+at: f:1"),
        ("[1]\n[2]", r"text after the end of the list in column 1\s+at: f:2"),
        ("[1,\nNaN]", r"NaN is not a number(.|\n)*f:2"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_list_names_line_and_column(text, told):
    with pytest.raises(DataError, match=told):
        list(ListItems(text.splitlines(keepends=True), "f"))


@pytest.mark.parametrize("text", ["", "[]", "[1]", "x", '{"a"', "[{"])
def test_no_first_record(text):
    assert first_record([text]) is None
