import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lmfit.config.model import ModelConfig
from lmfit.data.framing import Framer, cut
from lmfit.errors import ConfigError
from lmfit.models.load import find_model, load_tokenizer

Tiny = Callable[[str], Path]


def framer_of(folder: Path, max_length: int = 32) -> Framer:
    return Framer(load_tokenizer(find_model(ModelConfig(name=str(folder)))), max_length)


LENGTHS = [(length, budget) for budget in (4, 5, 7, 8, 30, 61) for length in (*range(1, 140), 1000)]


@pytest.mark.parametrize("with_words", [False, True])
def test_windows_own_every_token_once_and_fit(with_words: bool) -> None:
    generator = np.random.default_rng(0)
    for length, budget in LENGTHS:
        starts = np.union1d([0], np.flatnonzero(generator.random(length) < 0.4)) if with_words else None
        windows = cut(length, budget, starts)
        assert [w.owned_begin for w in windows] == [0, *(w.owned_end for w in windows[:-1])]
        assert windows[-1].owned_end == length
        assert all(w.begin <= w.owned_begin < w.owned_end <= w.end for w in windows)
        assert all(w.end - w.begin <= budget for w in windows)


def test_a_text_that_fits_is_one_window() -> None:
    assert [(w.begin, w.end) for w in cut(8, 8)] == [(0, 8)]


def test_no_token_has_less_context_than_the_overlap_allows() -> None:
    windows = cut(1000, 64)
    for before, after in itertools.pairwise(windows):
        assert min(before.end - before.owned_end, after.owned_begin - after.begin) >= 64 // 4 // 2 - 1


def test_windows_begin_at_words() -> None:
    starts = np.arange(0, 100, 3)
    assert all(w.begin in starts for w in cut(100, 40, starts))


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta-v2", "xlm-roberta", "albert", "modernbert"])
def test_framing_equals_the_tokenizers_own(family: str, tiny: Tiny) -> None:
    framer = framer_of(tiny(family))
    first, second = framer.encode_texts(["the lamp broke", "I love it"])
    single, pair = framer.tokenizer("the lamp broke"), framer.tokenizer("the lamp broke", "I love it")
    assert framer.frame(first)[0] == single["input_ids"]
    ids, types = framer.frame(first, second)
    assert ids == pair["input_ids"]
    assert "token_type_ids" not in pair or types == pair["token_type_ids"]


def test_budget_counts_special_tokens(tiny: Tiny) -> None:
    framer = framer_of(tiny("roberta"), 20)
    assert (framer.budget(), framer.budget(pair=True)) == (18, 16)


def test_a_length_without_room_for_text_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match="max_length 8"):
        framer_of(tiny("bert"), 8)


def test_words_are_tokenised_once_and_alike(tiny: Tiny) -> None:
    framer = framer_of(tiny("bert"))
    sentences = [["Oslo", "kettle"], ["kettle", "Oslo", "Oslo"]]
    pieces = framer.encode_words(sentences)
    assert pieces[1] == [pieces[0][1], pieces[0][0], pieces[0][0]]
    assert pieces[0][0] == framer.encode_texts(["Oslo"])[0]


def test_long_texts_are_not_truncated_by_the_tokenizer(tiny: Tiny, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    tokenizer.backend_tokenizer.enable_truncation(16)
    tokenizer.backend_tokenizer.enable_padding(length=16)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((tiny("bert") / "config.json").read_bytes())
    framer = framer_of(tmp_path)
    assert [len(ids) for ids in framer.encode_texts(["kettle " * 400, "kettle"])] == [400, 1]
