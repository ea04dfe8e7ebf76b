import sys
from types import ModuleType, SimpleNamespace

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.sources import load_splits
from lmfit.errors import InputError


def test_without_spacy_the_way_is_told(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(InputError, match=r"needs spaCy(.|\n)*pip install spacy"):
        load_splits(DataConfig(train=write("a.spacy", b"\x00")), "words")


@pytest.fixture
def corpus(monkeypatch):
    """A stand-in for spaCy with the faces that the reader uses."""

    class Token(str):
        idx, ent_iob_, ent_type_ = 0, "O", ""

        @property
        def is_space(self):
            return self.isspace()

    class Document(list):
        text = "Anna  came"
        cats = {"good": 0.9, "bad": 0.1}

        def has_annotation(self, _):
            return True

    tokens = [Token("Anna"), Token(" "), Token("came")]
    for made, at in zip(tokens, (0, 5, 6), strict=True):
        made.idx = at
    tokens[0].ent_iob_, tokens[0].ent_type_ = "B", "PER"

    class DocBin:
        def from_disk(self, path):
            return self

        def get_docs(self, vocab):
            return iter([Document(tokens)])

    spacy, inner = ModuleType("spacy"), ModuleType("spacy.tokens")
    spacy.blank = lambda _: SimpleNamespace(vocab=None)
    inner.DocBin = DocBin
    monkeypatch.setitem(sys.modules, "spacy", spacy)
    monkeypatch.setitem(sys.modules, "spacy.tokens", inner)


@pytest.mark.usefixtures("corpus")
def test_tokens_with_entities(write):
    (row,) = load_splits(DataConfig(train=write("a.spacy", b"\x00")), "words").train
    assert (row.words, row.tags) == ([(0, 4), (6, 10)], ["B-PER", "O"])


@pytest.mark.usefixtures("corpus")
def test_categories(write):
    (row,) = load_splits(DataConfig(train=write("a.spacy", b"\x00")), "text").train
    assert row.label == ("good",)
