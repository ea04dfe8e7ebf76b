import gzip
import io
import json
import os
from itertools import chain
from types import SimpleNamespace

import pytest

from lmfit.config.data import DataConfig
from lmfit.data import sources
from lmfit.data.example import Example, Origin
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.source import Source
from lmfit.data.sources import load_splits, read_input
from lmfit.errors import ConfigError, DataError, InputError

ROWS = "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(200))


@pytest.fixture
def table(write):
    return write("t.csv", "text,label\n" + ROWS)


def load(kind="text", **keys):
    return load_splits(DataConfig(**keys), kind)


def test_a_source_is_read_again_from_the_start(table):
    train = load(train=table).train
    assert [e.text for e in train] == [e.text for e in train]
    assert (len(train), train.name, train.files) == (200, "train", ["t.csv"])


def test_large_files_are_streamed_with_the_same_result(table, monkeypatch):
    small = load(train=table, validation={"split": 0.2}, limit_per_class=7)
    monkeypatch.setattr(sources, "SMALL", 0)
    large = load(train=table, validation={"split": 0.2}, limit_per_class=7)
    for name in ("train", "validation"):
        a, b = getattr(small, name), getattr(large, name)
        assert list(a) == list(b) == list(b)
        assert (len(a), a.fingerprint) == (len(b), b.fingerprint)


def test_splits_share_the_rows(table):
    splits = load(train=table, validation={"split": 0.2}, test={"split": 0.1})
    parts = [[e.text for e in part] for part in (splits.train, splits.validation, splits.test)]
    assert sorted(chain.from_iterable(parts)) == sorted(f"text {i}" for i in range(200))


def test_a_split_that_takes_nothing_is_an_error(write):
    with pytest.raises(DataError, match="validation split has no example"):
        load(train=write("a.csv", "text,label\nx,a\n"), validation={"split": 0.001})


def test_shares_that_leave_nothing(table):
    with pytest.raises(ConfigError, match="nothing to train on"):
        load(train=table, validation={"split": 0.5}, test={"split": 0.5})


def test_limit_and_limit_per_class(table):
    splits = load(train=table, test=table, limit=50)
    assert (len(splits.train), len(splits.test)) == (50, 50)
    few = load(train=table, test=table, limit_per_class=3)
    assert sorted(e.label for e in few.train) == ["a"] * 3 + ["b"] * 3
    assert len(few.test) == 200


def test_fingerprint_follows_contents_and_settings_not_names(write, table):
    same = write("u.csv", "text,label\n" + ROWS)
    other = write("v.csv", "text,label\n" + ROWS + "x,a\n")
    prints = [load(train=name).train.fingerprint for name in (table, same, other)]
    assert prints[0] == prints[1] != prints[2]
    assert load(train=table, limit=10).train.fingerprint != prints[0]
    assert load(train=table, label_separator="b").train.fingerprint != prints[0]


def test_same_contents_in_train_and_test_are_said(table):
    assert any("test and train have the same contents" in notice for notice in load(train=table, test=table).notices)


def test_files_of_one_split_are_joined(write):
    names = [write(name, f"text,label\n{name},a\n") for name in ("a.csv", "b.csv")]
    assert [e.text for e in load(train=names).train] == names
    assert len(load(train="*.csv").train) == 2


def test_the_scheme_of_train_holds_for_all(write):
    train = write("a.conll", "a I-X\nb B-X\nc O\n\nd I-X\n")
    splits = load("words", train=train, test=write("b.conll", "e I-X\n"))
    assert splits.scheme == "IOB1"
    assert [e.tags for e in splits.train] == [["B-X", "B-X", "O"], ["B-X"]]
    assert [e.tags for e in splits.test] == [["B-X"]]
    assert "tags: IOB1, read as IOB2 (data.scheme)" in splits.notices


def test_broken_tags_are_counted_with_their_place(write):
    splits = load("words", train=write("a.conll", "a O\nb I-X\n"), scheme="IOB2")
    assert [(found.kind, found.count, found.places) for found in splits.doubts] == [("broken-tags", 1, ("a.conll:1",))]


def test_an_unknown_tag_names_its_sentence(write):
    with pytest.raises(DataError, match=r"not: PER\s+at: a.conll:3"):
        load("words", train=write("a.conll", "a B-X\n\nb PER\n"))
    with pytest.raises(DataError, match=r"`S-X` is no tag of the scheme IOB2\s+at: b.conll:1"):
        load("words", train=write("a.conll", "a B-X\n"), test=write("b.conll", "b S-X\n"))


@pytest.mark.parametrize(
    ("name", "content", "kind", "told"),
    [
        ("a.train", "x O\ny B-A\n", "words", "conll, one word a line"),
        ("a.txt", "good\tpos\nbad\tneg\nfine\tpos\ndull\tneg\n", "text", "tsv, for its lines hold tabs"),
        ("a.dev", "pos good\nneg bad\n", "text", "text, a label and a text a line"),
        ("a.json", '{"text": "x", "label": "a"}\n', "text", "jsonl, for it has one JSON object a line"),
    ],
)
def test_format_by_content_is_said(write, name, content, kind, told):
    notices = load(kind, train=write(name, content)).notices
    assert f"{name}: read as {told} (data.format)" in notices


def test_running_text_is_not_taken_for_labels(write):
    words = [f"{chr(97 + i % 26)}{i} begins this line\n" for i in range(300)]
    with pytest.raises(ConfigError, match=r"format of `a\.txt` cannot be told"):
        load(train=write("a.txt", "".join(words)))


@pytest.mark.parametrize("name", ["a.xls", "a.arrow", "a.zip"])
def test_files_that_are_no_text(write, name):
    with pytest.raises(ConfigError, match="files are not read"):
        load(train=write(name, b"PK\0"))


def test_a_rare_label_that_a_split_takes_off_the_training_data_is_told(write):
    rows = [f"text {i},{'pos' if i == 7 else 'neg'}\n" for i in range(60)]
    file = write("a.csv", "text,label\n" + "".join(rows))
    with pytest.raises(DataError) as caught:
        load(train=file, test={"split": 0.3}, split_seed=1)
    assert "every training row has the label `neg`; rows of all others went to test: pos (1)" in str(caught.value)
    assert "by: stratified" in str(caught.value)
    load(train=file, test={"split": 0.3, "by": "stratified"}, split_seed=1)


def test_folders_of_images(write, tmp_path):
    (tmp_path / "d/cats").mkdir(parents=True)
    for name in ("1.jpg", "2.PNG", "notes.txt"):
        write(f"d/cats/{name}", "x")
    with pytest.raises(ConfigError, match=r"`d` holds images \(2\)"):
        load(train="d")
    write("d/cats/more.txt", "x")
    assert load(train="d").train.files == ["d"]


def test_empty_files(write):
    with pytest.raises(DataError, match=r"`a\.csv` is empty"):
        load(train=write("a.csv", ""))
    with pytest.raises(DataError, match="no example"):
        load(train=write("b.csv", "text,label\n"))


@pytest.mark.parametrize(("escape", "told"), [("\\u0000", "NUL"), ("\\ud83d", "surrogate")])
def test_characters_that_json_smuggles_in(write, escape, told):
    content = json.dumps({"text": "ok", "label": "a"}) + f'\n{{"text": "x{escape}", "label": "a"}}\n'
    with pytest.raises(DataError, match=rf"{told}(.|\n)*a.jsonl:2"):
        load(train=write("a.jsonl", content))


def test_input_lines_keep_their_number(write):
    examples = list(read_input(write("a.txt", "one\n\nthree \u2028 x\r\n"), "text"))
    assert [(e.text, e.origin.line) for e in examples] == [("one", 1), ("", 2), ("three \u2028 x", 3)]


def test_input_table_without_labels_keeps_columns(write):
    (example,) = read_input(write("a.csv", "id,text\n1,NA\n"), "text")
    assert (example.text, example.columns) == ("NA", {"id": "1", "text": "NA"})


def test_input_for_words_ignores_labels_it_was_not_asked_for(write):
    (example,) = read_input(write("a.csv", "text,label\nAl ran,pos\n"), "words")
    assert (example.text, example.tags) == ("Al ran", None)


@pytest.mark.parametrize(("content", "texts"), [(b"one\ntwo", ["one", "two"]), (b'{"text": "x"}\n', ["x"]), (b"", [])])
def test_standard_input(monkeypatch, content, texts):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert [e.text for e in read_input("-", "text")] == texts


def test_a_pipe_is_read_once():
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\n")
    os.close(writer)
    assert [e.text for e in read_input(f"/dev/fd/{reader}", "text")] == ["one", "two"]
    os.close(reader)


def test_input_is_a_stream(write):
    examples = read_input(write("a.jsonl", '{"text": "x"}\n' * 300 + "broken\n"), "text")
    assert next(examples).text == "x"
    with pytest.raises(DataError, match=r"a\.jsonl:301"):
        list(examples)


CONLLU = """# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
2.1\tquiero\tquerer\tVERB\t_\t_\t_\t_\t_\t_
3\tal mar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_
"""


@pytest.mark.parametrize(("name", "content"), [("a.conllu", CONLLU), ("a.conllu.gz", gzip.compress(CONLLU.encode()))])
def test_conllu_files_have_their_own_columns_and_lines_that_are_no_words(write, name, content):
    splits = load("words", train=write(name, content))
    (example,) = splits.train
    assert (example.text, example.tags) == ("vamos nos al mar", ["VERB", "PRON", "NOUN"])
    assert f"{name}: words are column 1 (FORM), tags column 3 (UPOS) (data.columns)" in splits.notices
    assert f"ranges (1-2) and empty nodes (1.1) passed over: 2, first at {name}:2" in splits.notices


def test_conllu_columns_that_were_asked_for(write):
    splits = load("words", train=write("a.conllu", CONLLU), columns={"tokens": 2, "labels": 7}, scheme="plain")
    assert next(iter(splits.train)).tags == ["root", "obj", "obl"]
    assert not any("FORM" in notice for notice in splits.notices)


def test_ranges_are_words_in_other_files(write):
    splits = load("words", train=write("a.conll", "1-2 O\n3.5 O\n"))
    assert next(iter(splits.train)).text == "1-2 3.5"


def test_the_suffix_that_decides_on_the_columns_is_in_the_fingerprint(write):
    prints = [
        load("words", train=write(name, CONLLU.partition("\n")[2]), scheme="plain").train.fingerprint
        for name in ("a.conllu", "a.conll")
    ]
    assert prints[0] != prints[1]


def spans_file(*rows):
    return "".join(json.dumps({"text": text, "spans": spans}) + "\n" for text, spans in rows)


def test_han_text_with_entities_becomes_characters(write):
    splits = load("words", train=write("a.jsonl", spans_file(("我在北京", [[2, 4, "LOC"]]))))
    assert next(iter(splits.train)).tags == ["O", "O", "B-LOC", "I-LOC"]
    assert "texts cut into words by characters (data.words)" in splits.notices


def test_the_training_texts_decide_how_all_texts_become_words(write):
    train = [
        write("a.jsonl", spans_file(("我在北京呢", [[2, 4, "LOC"]]))),
        write("b.jsonl", spans_file(("to Rome", []))),
    ]
    splits = load("words", train=train, test=write("t.jsonl", spans_file(("Al ran", [[0, 2, "PER"]]))))
    assert [len(example.words) for example in splits.train] == [5, 6]
    assert next(iter(splits.test)).tags == ["B-PER", "I-PER", "O", "O", "O"]
    assert splits.words == "characters"
    assert load("text", train=write("c.csv", "text,label\nx,a\n")).words is None


@pytest.mark.parametrize("small", [0, 2**20])
def test_what_reading_counts_is_counted_once(write, monkeypatch, small):
    monkeypatch.setattr(sources, "SMALL", small)
    name = write("a.csv", "text,label\n\n" + ROWS + "\n")
    notices = load(train=name, validation={"split": 0.2}, test={"split": 0.2}).notices
    assert "blank lines passed over: 2, first at a.csv:2" in notices


def test_a_hub_data_set_is_no_input_of_a_prediction():
    with pytest.raises(InputError, match="cannot be the input of a prediction"):
        list(read_input("org/set", "text", ReadOptions("text", "hub")))


def test_files_with_weights_and_sources(write):
    write("a.csv", "text,label\none,a\n")
    write("b.csv", "text,label\ntwo,b\n")
    given = ["a.csv", {"path": "b.csv", "weight": 0.5, "source": "web"}]
    splits = load(train=given, validation=["a.csv", {"path": "b.csv", "source": "shop"}])
    assert [(e.text, e.weight, e.source) for e in splits.train] == [("one", 1.0, ""), ("two", 0.5, "web")]
    assert [(e.weight, e.source) for e in splits.validation] == [(1.0, ""), (1.0, "shop")]
    other = load(train=["a.csv", {"path": "b.csv", "weight": 0.6, "source": "web"}])
    assert other.train.fingerprint != splits.train.fingerprint


def test_weights_act_in_training_only(write):
    write("a.csv", "text,label\none,a\n")
    with pytest.raises(ValueError, match="take it out of test"):
        load(train="a.csv", test=[{"path": "a.csv", "weight": 2.0}])


def test_a_part_of_a_file_without_parts_is_refused(table):
    with pytest.raises(ConfigError, match="a csv file has no parts"):
        load(train=f"{table}#train")


def test_a_binary_format_is_not_read_from_a_stream(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"x")))
    with pytest.raises(ConfigError, match="xlsx cannot be read from a stream"):
        list(read_input("-", "text", ReadOptions("text", format="xlsx")))


@pytest.mark.parametrize("indent", [None, 1])
def test_rows_of_one_list_in_an_object(write, indent):
    rows = {"version": 1, "data": [{"text": "x", "label": "a"}, {"text": "y", "label": "b"}]}
    splits = load(train=write("a.json", json.dumps(rows, indent=indent)))
    assert [e.text for e in splits.train] == ["x", "y"]
    assert any("the rows are the list `data`" in notice for notice in splits.notices)


def test_parts_are_read_off_in_one_pass_and_an_empty_one_is_an_error():
    read = 0

    def stream(_):
        nonlocal read
        read += 1
        return (Example(Origin("a", i), f"text {i}", label="x") for i in range(2500))

    for small in (True, False):
        read, whole = 0, Source("train", ["a"], "f", stream, small=small)
        made = whole.parted(
            lambda e: "test" if e.origin.line % 10 == 0 else None,
            {"train": (None, 1), "test": ("test", 2), "validation": ("validation", 3)},
        )
        assert read == 1
        assert [len(made[name]) for name in ("train", "test")] == [2250, 250]
        assert [e.origin.line for e in made["test"]] == list(range(0, 2500, 10))
        assert len({made[name].fingerprint for name in made}) == 3
        with pytest.raises(DataError, match="the validation split has no example"):
            made["validation"].load(Notices())
