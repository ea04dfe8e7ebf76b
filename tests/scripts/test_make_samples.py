import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

import lmfit.data.samples

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
PACKAGED = Path(lmfit.data.samples.__file__).parent / "sample_files"
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module", autouse=True)
def scripts_on_the_path() -> Iterator[None]:
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


def module(name: str) -> ModuleType:
    return import_module(f"samples.{name}")


def test_regenerating_gives_identical_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPTS / "make_samples.py"), str(tmp_path)], check=True)
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert made == {file.name: file.read_bytes() for file in PACKAGED.iterdir()}


def test_no_sentence_pattern_is_shared_between_splits() -> None:
    template = module("template")
    patterns = [line for split in SPLITS for line in template.lines(f"ner.{split}.txt")]
    shapes = [template.SLOT.sub("_", line).lower() for line in patterns if template.SLOT.sub("", line).strip(" .:,")]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("kind", ["intents", "headlines"])
def test_no_template_is_shared_between_splits(kind: str) -> None:
    template = module("template")
    files = [template.templates_by_label(f"{kind}.{split}.yaml") for split in SPLITS]
    templates = [line.lower().rstrip(".?!") for labels in files for block in labels.values() for line in block]
    assert len(set(templates)) == len(templates)


def test_the_patterns_are_as_many_as_promised() -> None:
    counts = [len(module("template").lines(f"ner.{split}.txt")) for split in SPLITS]
    assert counts[0] >= 120
    assert min(counts[1:]) >= 40


def test_no_name_is_listed_twice() -> None:
    lists = module("template").word_lists("names.yaml")
    for kind, names in lists.items():
        assert len(set(names)) == len(names), kind
    assert not set(lists["first"]) & set(lists["last"])


def test_a_choice_takes_one_of_its_words_and_brackets_without_a_bar_stay() -> None:
    choose = module("template").choose
    assert {choose("(a|b b) ( c ) (d)", Random(seed)) for seed in range(20)} == {"a ( c ) (d)", "b b ( c ) (d)"}


def build(pattern: str) -> list[tuple[str, str]]:
    sentence: list[tuple[str, str]] = module("ner").build(pattern, module("names").Names("train"), Random(1))
    return sentence


def test_a_pattern_in_capitals_gives_a_sentence_in_capitals() -> None:
    assert " ".join(word for word, _ in build("{country} BEATS {country} .")).isupper()


def test_a_sentence_begins_with_a_capital() -> None:
    assert build("{role} {full} resigned .")[0][0][0].isupper()


def test_a_becomes_an_before_a_vowel_sound() -> None:
    articles = module("ner").with_articles
    for following, expected in {"Irish": "an", "European": "a", "8-0": "an", "university": "a", "Latvian": "a"}.items():
        assert articles([("a", "O"), (following, "O")])[0] == (expected, "O")


def test_a_leading_the_is_no_part_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module("names").Names, "formed", lambda self, kind, rng: "the River Ormel")
    assert build("Near {place}") == [("Near", "O"), ("the", "O"), ("River", "B-LOC"), ("Ormel", "I-LOC")]


def test_names_in_one_sentence_differ() -> None:
    names = module("names").Names("test")
    for seed in range(50):
        sentence = module("ner").build("{acro} {acro} {acro}", names, Random(seed))
        assert len({word for word, _ in sentence}) == 3


def test_a_typo_swaps_two_inner_letters_of_a_long_word() -> None:
    typo = module("tables").with_typo
    assert typo("is it here", Random(1)) == "is it here"
    changed = typo("my parcel", Random(1))
    assert changed != "my parcel"
    assert sorted(changed) == sorted("my parcel")
    assert changed.startswith("my p")
    assert changed.endswith("l")
