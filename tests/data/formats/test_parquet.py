import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmfit.config.data import DataConfig
from lmfit.data.sources import load_splits
from lmfit.errors import DataError


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def examples(kind, schema=None, **columns):
        pq.write_table(pa.table(columns, schema=schema), "t.parquet", row_group_size=2)
        return list(load_splits(DataConfig(train="t.parquet"), kind).train)

    return examples


def test_texts_and_labels(load):
    rows = load("text", text=["好", "NA", "c"], label=[1, 0, 1])
    assert [(e.text, e.label, e.origin.line) for e in rows] == [("好", "1", 1), ("NA", "0", 2), ("c", "1", 3)]


def test_lists_of_words_and_tags(load):
    (row,) = load("words", tokens=[["Al", "Bo"]], ner_tags=[["B-PER", "O"]])
    assert (row.text, row.tags) == ("Al Bo", ["B-PER", "O"])


def test_entities(load):
    (row,) = load("words", text=["Al Bo"], entities=[[{"start": 0, "end": 2, "label": "PER"}]])
    assert row.tags == ["B-PER", "O"]


def test_class_numbers_of_a_data_set_are_names(tmp_path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    path = str(tmp_path / "t.parquet")
    Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features).to_parquet(path)
    assert [e.label for e in load_splits(DataConfig(train=path), "text").train] == ["good", "bad"]


def test_a_missing_label_names_the_row(load):
    with pytest.raises(DataError, match=r"no label\s+at: t\.parquet:2"):
        load("text", text=["a", "b"], label=["x", None])


def test_what_is_no_parquet_file(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"text,label\n")
    with pytest.raises(DataError, match="no Parquet file"):
        load_splits(DataConfig(train=str(tmp_path / "t.parquet")), "text")
