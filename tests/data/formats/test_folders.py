from pathlib import Path

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.formats.base import ReadOptions
from lmfit.data.sources import load_splits, read_input
from lmfit.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {
        "pos/1.txt": "good\r\nfilm \n",
        "pos/deep/2.txt": "好片",
        "neg/1.txt": "bad",
        "neg/x.md": "?",
        "note.txt": "!",
    }
    for name, text in files.items():
        path = Path("data/train", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    Path("data/train/neg/.hidden.txt").write_text("no")
    return "data/train"


def test_a_folder_per_label(folder):
    splits = load_splits(DataConfig(train=folder), "text")
    assert [(e.text, e.label) for e in splits.train] == [("bad", "neg"), ("good\r\nfilm", "pos"), ("好片", "pos")]
    assert next(iter(splits.train)).origin.file == "data/train/neg/1.txt"
    assert "data/train: read as folders, a folder per label (data.format)" in splits.notices
    assert "files left out, for they do not end in .txt: 1, first at data/train/neg/x.md" in splits.notices
    assert "texts left out, for they lie in no label's folder: 1, first at data/train/note.txt" in splits.notices


def test_the_fingerprint_follows_names_and_contents(folder):
    def fingerprint():
        return load_splits(DataConfig(train=folder), "text").train.fingerprint

    before = fingerprint()
    assert fingerprint() == before
    Path(folder, "pos/1.txt").rename(Path(folder, "neg/0.txt"))
    assert fingerprint() != before


def test_texts_to_predict_may_lie_in_the_folder_itself(folder):
    found = list(read_input(folder, "text", ReadOptions("text")))
    assert [(e.id, e.text) for e in found][-3:] == [
        ("note.txt", "!"),
        ("pos/1.txt", "good\r\nfilm"),
        ("pos/deep/2.txt", "好片"),
    ]


def test_folders_hold_no_words(folder):
    with pytest.raises(ConfigError, match="not tagged words"):
        load_splits(DataConfig(train=folder), "words")


def test_a_folder_that_is_read_as_a_table(folder):
    with pytest.raises(DataError, match="is a folder"):
        load_splits(DataConfig(train=folder, format="csv"), "text")


def test_a_file_that_is_read_as_folders(folder):
    with pytest.raises(DataError, match="is no folder"):
        load_splits(DataConfig(train="data/train/note.txt", format="folders"), "text")
