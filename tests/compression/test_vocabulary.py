"""Trimmed vocabularies: kept text is tokenised and answered as before, other text never becomes unknown."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lmfit.compression.pieces import BytePairs, pieces_of
from lmfit.compression.vocabulary import choose, trim_embeddings, trim_tokenizer
from lmfit.errors import InputError
from lmfit.models.load import ModelSource, load_tokenizer
from tiny_models import FAMILIES, SENTENCES

KEPT, OTHER = SENTENCES[:4], SENTENCES[4:]


@pytest.mark.parametrize("family", FAMILIES)
def test_kept_text_is_answered_as_before(family: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    folder = str(tiny(family))
    tokenizer = load_tokenizer(ModelSource(folder, "folder", folder))
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=3).eval()
    used = np.unique(np.concatenate([tokenizer(text)["input_ids"] for text in KEPT]))
    trimming = choose(tokenizer, model.config, used, reserve=0)
    assert len(trimming.kept) < model.config.vocab_size
    smaller = trim_tokenizer(tokenizer, trimming)
    other = copy.deepcopy(model)
    trim_embeddings(other, trimming)
    for text in KEPT:
        before, after = (t(text, return_tensors="pt") for t in (tokenizer, smaller))
        assert np.array_equal(trimming.kept[after["input_ids"]], before["input_ids"])
        with torch.no_grad():
            assert torch.equal(model(**before).logits, other(**after).logits)
    other.save_pretrained(tmp_path)
    smaller.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    loaded = AutoModelForTokenClassification.from_pretrained(tmp_path)
    assert again(OTHER)["input_ids"] == smaller(OTHER)["input_ids"]
    assert loaded.get_input_embeddings().weight.shape[0] == len(trimming.kept) == len(again)
    padded = again(OTHER, padding=True, return_tensors="pt")
    assert padded["input_ids"].max() < len(trimming.kept)
    assert loaded.config.pad_token_id in (None, again.pad_token_id)


@pytest.mark.parametrize("family", FAMILIES)
def test_other_text_becomes_no_unknown_token(family: str, tiny: Callable[[str], Path]) -> None:
    from transformers import AutoConfig

    folder = str(tiny(family))
    tokenizer = load_tokenizer(ModelSource(folder, "folder", folder))
    trimming = choose(tokenizer, AutoConfig.from_pretrained(folder), np.array([], int), reserve=0)
    smaller = trim_tokenizer(tokenizer, trimming)
    for text in OTHER:
        before, after = tokenizer(text), smaller(text)
        unknown = before["input_ids"].count(tokenizer.unk_token_id)
        assert after["input_ids"].count(smaller.unk_token_id) <= unknown
        assert len(after["input_ids"]) > len(before["input_ids"])
        assert smaller.decode(after["input_ids"]) == tokenizer.decode(before["input_ids"])


def test_reserve_takes_the_most_frequent() -> None:
    pieces = pieces_of({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["ab", -5], ["abc", -2], ["a", -9]]})
    assert pieces.frequent() == [2, 1]


def test_merges_stay_with_their_parts() -> None:
    vocabulary = {piece: i for i, piece in enumerate(["a", "b", "c", "ab", "abc", "bc"])}
    pieces = BytePairs({"type": "BPE", "vocab": vocabulary, "merges": ["a b", ["ab", "c"], ["b", "c"]]})
    assert pieces.closure({vocabulary["abc"]}) == {0, 1, 2, 3, 4}
    state = pieces.renumbered({0: 0, 1: 1, 2: 2, 3: 3, 4: 4})
    assert state["merges"] == [["a", "b"], ["ab", "c"]]
    assert "bc" not in state["vocab"]


def test_piece_that_characters_cannot_spell_stays() -> None:
    vocabulary = {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3, "aq": 4}
    pieces = pieces_of({"type": "WordPiece", "vocab": vocabulary, "continuing_subword_prefix": "##"})
    assert pieces.indispensable() == {0, 1, 2, 4}


def test_language_model_and_unknown_kinds_are_refused(tiny: Callable[[str], Path]) -> None:
    from transformers import AutoModelForMaskedLM

    folder = str(tiny("bert"))
    model = AutoModelForMaskedLM.from_pretrained(folder)
    trimming = choose(load_tokenizer(ModelSource(folder, "folder", folder)), model.config, np.array([], int), 0)
    with pytest.raises(InputError, match="language model"):
        trim_embeddings(model, trimming)
    with pytest.raises(InputError, match="WordLevel"):
        pieces_of({"type": "WordLevel", "vocab": {}})
