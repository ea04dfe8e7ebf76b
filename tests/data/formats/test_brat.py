from pathlib import Path

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.sources import load_splits
from lmfit.errors import ConfigError, DataError

TEXT = "Anna Petrov joined\nNordwind in Oslo 😀.\n\nShe met Kofi.\n"
ANN = "T1\tPER 0 11\tAnna Petrov\nT2\tORG 19 27\tNordwind\nR1\tWorks Arg1:T1 Arg2:T2\n"
ANN += "T3\tLOC 31 35\tOslo\nT4\tPER 48 52\tKofi\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def examples(ann, text=TEXT, said=None, train="corpus", **keys):
        Path("corpus").mkdir(exist_ok=True)
        Path("corpus/a.txt").write_bytes(text.encode())
        if ann is not None:
            Path("corpus/a.ann").write_bytes(ann.encode())
        splits = load_splits(DataConfig(train=train, **keys), "words")
        if said is not None:
            said += [*splits.notices, *(doubt.sentence for doubt in splits.doubts)]
        return list(splits.train)

    return examples


def test_one_example_per_line(load):
    said = []
    found = load(ANN, said=said)
    assert [(e.text, e.origin.line) for e in found] == [
        ("Anna Petrov joined", 1),
        ("Nordwind in Oslo 😀.", 2),
        ("She met Kofi.", 4),
    ]
    assert [e.tags for e in found] == [
        ["B-PER", "I-PER", "O"],
        ["B-ORG", "O", "B-LOC", "O", "O"],
        ["O", "O", "B-PER", "O"],
    ]
    assert {e.document for e in found} == {"corpus/a.txt"}
    assert "relations, events and attributes passed over: 1, first at corpus/a.ann:3" in said
    assert "corpus: read as brat, for it holds .ann files (data.format)" in said


@pytest.mark.parametrize("train", ["corpus/a.ann", "corpus/*.ann"])
def test_one_file(load, train):
    assert len(load(ANN, train=train)) == 3


def test_an_entity_across_a_line_end_joins_the_lines(load):
    found = load("T1\tX 12 18;19 27\tjoined Nordwind\n")
    assert found[0].text == "Anna Petrov joined\nNordwind in Oslo 😀."
    assert found[0].tags[:5] == ["O", "O", "B-X", "I-X", "O"]


def test_a_discontinuous_entity_is_named_as_what_it_is(load):
    with pytest.raises(DataError, match=r"a discontinuous entity: 0 4 and 12 18 \(X\)\s+at: corpus/a\.ann:1"):
        load("T1\tX 0 4;12 18\tAnna joined\n")
    said = []
    load("T1\tX 0 4;12 18\tAnna joined\nT2\tX 19 27\tNordwind\n", said=said, unfit_spans="drop")
    assert "entities left out, for they are discontinuous: 1 (corpus/a.ann:1)" in said


def test_offsets_of_another_text(load):
    with pytest.raises(DataError, match=r"an entity says `Nordwind` but its offsets 0 to 8 cover `Anna Pet`"):
        load("T1\tORG 0 8\tNordwind\n")


def test_windows_line_ends_count_as_two(load):
    found = load("T1\tORG 20 28\tNordwind\n", text=TEXT.replace("\n", "\r\n"))
    assert [e.text for e in found][:2] == ["Anna Petrov joined", "Nordwind in Oslo 😀."]
    assert found[1].tags[0] == "B-ORG"


def test_a_broken_line(load):
    with pytest.raises(DataError, match=r"no entity(.|\n)*corpus/a\.ann:1"):
        load("T1 PER 0 4 Anna\n")


def test_annotation_without_its_text(load):
    Path("corpus").mkdir()
    Path("corpus/b.ann").write_text("")
    with pytest.raises(DataError, match=r"there is no `corpus/b\.txt`"):
        load(ANN)


def test_texts_without_annotation_are_counted(load):
    Path("corpus").mkdir()
    Path("corpus/b.txt").write_text("Nothing.")
    said = []
    assert len(load(ANN, said=said)) == 3
    assert "texts without an .ann file, left out: 1, first at corpus/b.txt" in said


def test_brat_holds_no_labels_of_texts(load):
    load(ANN)
    with pytest.raises(ConfigError, match="not texts with a label"):
        load_splits(DataConfig(train="corpus"), "text")
