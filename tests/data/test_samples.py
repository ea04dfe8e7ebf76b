import csv
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmfit.catalog import DATASETS, TASKS
from lmfit.config.data import DataConfig
from lmfit.data.samples import SAMPLE_HEADLINES, SAMPLE_INTENTS, SAMPLE_NER

SPLITS = ("train", "validation", "test")
TABLES = [SAMPLE_INTENTS, SAMPLE_HEADLINES]
Sentence = list[tuple[str, str]]


def sentences(split: str) -> list[Sentence]:
    blocks = Path(SAMPLE_NER[split]).read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    return [[(line.split(" ")[0], line.split(" ")[1]) for line in block.split("\n")] for block in blocks]


def entities(split: str) -> set[tuple[str, ...]]:
    """The names of a split, in small letters, each a tuple of words."""
    found: list[list[str]] = []
    for sentence in sentences(split):
        for word, tag in sentence:
            if tag.startswith("B-"):
                found.append([])
            if tag != "O":
                found[-1].append(word.lower())
    return {tuple(words) for words in found}


def rows(sample: Mapping[str, Any], split: str) -> list[tuple[str, str]]:
    with open(sample[split], encoding="utf-8", newline="") as file:
        columns = sample["columns"]
        return [(row[columns["text"]], row[columns["label"]]) for row in csv.DictReader(file)]


def texts(sample: Mapping[str, Any], split: str) -> list[str]:
    if sample is SAMPLE_NER:
        return [" ".join(word for word, _ in sentence) for sentence in sentences(split)]
    return [text for text, _ in rows(sample, split)]


@pytest.mark.parametrize("name", ["sample-ner", "sample-intents", "sample-headlines"])
def test_a_sample_is_a_data_section_and_names_a_task(name: str) -> None:
    sample = dict(DATASETS.load(name))
    assert sample.pop("task") in TASKS
    assert sample.pop("about")
    DataConfig(**sample)


@pytest.mark.parametrize("sample", [SAMPLE_NER, *TABLES])
def test_about_tells_the_rows_of_each_split(sample: Mapping[str, Any]) -> None:
    told = dict(re.findall(r"(train|validation|test) (\d+(?:,\d+)*)", sample["about"]))
    assert told == {split: f"{len(texts(sample, split)):,}" for split in SPLITS}


@pytest.mark.parametrize("sample", [SAMPLE_NER, *TABLES])
def test_no_text_occurs_twice_in_or_across_splits(sample: Mapping[str, Any]) -> None:
    everything = [text for split in SPLITS for text in texts(sample, split)]
    assert len(set(everything)) == len(everything)


def test_the_package_stays_small() -> None:
    assert sum(Path(sample[split]).stat().st_size for sample in (SAMPLE_NER, *TABLES) for split in SPLITS) < 400_000


@pytest.mark.parametrize("split", SPLITS)
def test_tags_are_iob2(split: str) -> None:
    for sentence in sentences(split):
        before = "O"
        for _, tag in sentence:
            assert re.fullmatch(r"O|[BI]-(PER|ORG|LOC|MISC)", tag)
            assert not tag.startswith("I-") or before[2:] == tag[2:], sentence
            before = tag


@pytest.mark.parametrize("split", SPLITS)
def test_every_kind_of_name_is_well_represented(split: str) -> None:
    starts = Counter(tag[2:] for sentence in sentences(split) for _, tag in sentence if tag.startswith("B-"))
    assert min(starts[kind] for kind in ("PER", "ORG", "LOC", "MISC")) > 0.1 * starts.total()


@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_no_name_of_a_held_out_split_is_in_train(held_out: str) -> None:
    assert not entities(held_out) & entities("train")


def test_no_word_of_a_persons_name_is_in_train() -> None:
    def words(split: str) -> set[str]:
        tagged = (pair for sentence in sentences(split) for pair in sentence)
        names = {word.capitalize() for word, tag in tagged if tag.endswith("PER") and word[0].isupper()}
        return {word for word in names if not word.endswith(".")}

    particles = {"Van", "Der", "Von", "De"}
    assert not words("test") & words("train") - particles


def test_some_words_are_names_of_two_kinds() -> None:
    kinds: dict[str, set[str]] = {}
    for sentence in sentences("test"):
        for word, tag in sentence:
            kinds.setdefault(word, set()).add(tag[2:])
    assert sum({"PER", "LOC"} <= found for found in kinds.values()) >= 3


@pytest.mark.parametrize("split", SPLITS)
def test_some_sentences_hold_no_name(split: str) -> None:
    without = sum(all(tag == "O" for _, tag in sentence) for sentence in sentences(split))
    assert 0.04 < without / len(sentences(split)) < 0.2


@pytest.mark.parametrize(("sample", "labels"), [(SAMPLE_INTENTS, 8), (SAMPLE_HEADLINES, 3)])
def test_labels_are_the_same_and_balanced_in_every_split(sample: Mapping[str, Any], labels: int) -> None:
    for split in SPLITS:
        counts = Counter(label for _, label in rows(sample, split))
        assert counts.keys() == {label for _, label in rows(sample, "train")}
        assert len(counts) == labels
        assert max(counts.values()) < 1.35 * min(counts.values())
