import time

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.formats import hub
from lmfit.data.sources import load_splits
from lmfit.errors import ConfigError, DataError, InputError


def words_data(rows):
    from datasets import ClassLabel, Dataset, Features, List, Value

    features = Features(
        {
            "tokens": List(Value("string")),
            "pos_tags": List(ClassLabel(names=["NN", "VB"])),
            "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"])),
        }
    )
    content = {"tokens": [["Al", "Bo", "ran"]], "pos_tags": [[0, 0, 1]], "ner_tags": [[1, 2, 0]]}
    return Dataset.from_dict({key: value * rows for key, value in content.items()}, features=features)


def text_data(labels):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"sentence": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    texts = [f"text {i}" for i in range(len(labels))]
    return Dataset.from_dict({"sentence": texts, "label": labels}, features=features)


@pytest.fixture
def on_hub(monkeypatch):
    """Put splits in place of what the Hub would give."""

    def give(**splits):
        monkeypatch.setattr(hub, "load_hub", lambda name, subset, revision: splits)

    return give


def hub_config(**keys):
    return DataConfig(format="hub", name="org/set", **keys)


def test_class_numbers_in_lists_become_names(on_hub):
    on_hub(train=words_data(2), validation=words_data(1))
    splits = load_splits(hub_config(), "words")
    example = next(iter(splits.train))
    assert (example.text, example.tags, str(example.origin)) == (
        "Al Bo ran",
        ["B-PER", "I-PER", "O"],
        "org/set/train:1",
    )
    assert (len(splits.train), len(splits.validation), splits.test) == (2, 1, None)


def test_other_tags_by_columns(on_hub):
    on_hub(train=words_data(1))
    splits = load_splits(hub_config(columns={"labels": "pos_tags"}), "words")
    assert next(iter(splits.train)).tags == ["NN", "NN", "VB"]
    assert splits.scheme == "plain"


def test_class_numbers_become_names(on_hub):
    on_hub(train=text_data([1, 0]))
    assert [e.label for e in load_splits(hub_config(), "text").train] == ["pos", "neg"]


def test_hidden_test_labels_are_left_out_and_said(on_hub):
    on_hub(train=text_data([1, 0]), test=text_data([-1, -1]))
    splits = load_splits(hub_config(), "text")
    assert splits.test is None
    assert "org/set/test: left out, its labels are hidden" in splits.notices


def test_hidden_labels_asked_for_are_an_error(on_hub):
    on_hub(train=text_data([1, 0]), test=text_data([-1]))
    with pytest.raises(DataError, match=r"no label\s+at: org/set/test:1"):
        load_splits(hub_config(test="test"), "text")


def test_split_names_and_parts(on_hub):
    on_hub(one=text_data([0] * 60), two=text_data([1] * 3))
    splits = load_splits(hub_config(train="one", test="two", validation={"split": 0.3}), "text")
    assert len(splits.train) + len(splits.validation) == 60
    assert len(splits.test) == 3


def test_an_unknown_split_is_named(on_hub):
    on_hub(train=text_data([0]))
    with pytest.raises(ConfigError, match="has no split `trian`"):
        load_splits(hub_config(train="trian"), "text")


def test_fingerprint_follows_the_rows(on_hub):
    prints = []
    for labels in ([0, 1], [0, 1], [1, 1]):
        on_hub(train=text_data(labels))
        prints.append(load_splits(hub_config(), "text").train.fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_fingerprint_follows_the_names_of_classes(on_hub):
    from datasets import ClassLabel

    data = text_data([0, 1])
    prints = []
    for names in (["neg", "pos"], ["pos", "neg"]):
        on_hub(train=data.cast_column("label", ClassLabel(names=names)))
        prints.append(load_splits(hub_config(), "text").train.fingerprint)
    assert prints[0] != prints[1]


@pytest.mark.parametrize(("words", "tags"), [("auto", ["B-X", "I-X"]), ("whitespace", ["B-X"])])
def test_texts_with_entities_become_words_as_asked(on_hub, words, tags):
    from datasets import Dataset

    rows = {"text": ["北京"], "spans": [[{"start": 0, "end": 2, "label": "X"}]]}
    on_hub(train=Dataset.from_dict(rows))
    splits = load_splits(hub_config(words=words), "words")
    assert next(iter(splits.train)).tags == tags
    assert splits.words == ("characters" if words == "auto" else words)


def test_offline_says_so_at_once_and_names_what_is_here(monkeypatch, tmp_path):
    (tmp_path / "some___thing").mkdir()
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    began = time.monotonic()
    with pytest.raises(InputError, match=r"cannot be reached(.|\n)*on this machine: some/thing"):
        load_splits(hub_config(), "text")
    assert time.monotonic() - began < 2
