"""Several mistakes of a file at once, each with file and line."""

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.sources import load_splits
from lmfit.errors import DataError


def places(kind, **data):
    with pytest.raises(DataError) as caught:
        load_splits(DataConfig(**data), kind)
    return [problem.where for problem in caught.value.problems]


def test_a_table_tells_all_its_bad_rows(write):
    file = write("a.csv", "text,label\nfine,x\na,b,c\nfine,\nfine,y\n,\nalone\n")
    assert places("text", train=file) == ["a.csv:3", "a.csv:4", "a.csv:6", "a.csv:7"]


def test_json_lines_tell_no_json_and_no_label_together(write):
    lines = [
        '{"text": "a", "label": "x"}',
        "[1]",
        '{"text": "b"',
        '{"text": "c", "label": ""}',
        '{"text": 5, "label": "x"}',
    ]
    assert places("text", train=write("a.jsonl", "\n".join(lines))) == [f"a.jsonl:{n}" for n in (2, 3, 4, 5)]


def test_conll_goes_on_after_a_bad_sentence(write):
    file = write("a.conll", "a O\nb\n\nc O\n\nd O x\n\ne B-X\n")
    assert places("words", train=file) == ["a.conll:2", "a.conll:6"]


def test_unknown_tags_are_all_told(write):
    file = write("a.conll", "a B-X\n\nb Q-X\n\nc O\n\nd Z-Y\n")
    assert places("words", train=file, scheme="IOB2") == ["a.conll:3", "a.conll:7"]


def test_text_lines(write):
    assert places("text", train=write("a.txt", "x good\nbad\nworse\ny fine\n")) == ["a.txt:2", "a.txt:3"]


def told(kind, **data):
    with pytest.raises(DataError) as caught:
        load_splits(DataConfig(**data), kind)
    return [(problem.what, problem.where) for problem in caught.value.problems]


def test_of_mistakes_that_are_alike_three_are_told_and_the_others_counted(write):
    file = write("a.csv", "text,label\nfine,x\n" + "no label,\n" * 50 + "a,b,c\n" + "no label,\n")
    assert told("text", train=file) == [
        ("no label", "a.csv:3"),
        ("no label", "a.csv:4"),
        ("no label (and 48 more like these)", "a.csv:5"),
        ("3 columns where the first row has 2", "a.csv:53"),
    ]


def test_tags_of_no_scheme_are_alike(write):
    file = write("a.conll", "a B-X\n\n" + "".join(f"b Q-{i}\n\n" for i in range(30)))
    (*_, (last, _)) = told("words", train=file, scheme="IOB2")
    assert last == "`Q-2` is no tag of the scheme IOB2 (and 27 more like these)"


def test_after_twenty_different_ones_reading_stops_and_it_is_said(write, monkeypatch):
    monkeypatch.setattr("lmfit.data.mistakes.SHOWN_ALIKE", 100)
    file = write("a.csv", "text,label\nfine,x\n" + "no label,\n" * 50)
    found = told("text", train=file)
    assert len(found) == 20
    assert found[-1][0] == "no label (the 20th mistake; reading stops here)"


def test_what_reading_cannot_survive_comes_after_the_rest(write):
    file = write("a.csv", 'text,label\nno label,\nfine,x\n"never closed,y\n')
    assert places("text", train=file) == ["a.csv:2", "a.csv:4"]


def test_unlabelled_input_stops_at_once(write):
    from lmfit.data.sources import read_input

    with pytest.raises(DataError) as caught:
        list(read_input(write("a.jsonl", '{"text": "a"}\nno json\nnone here\n'), "text"))
    assert [problem.where for problem in caught.value.problems] == ["a.jsonl:2"]
