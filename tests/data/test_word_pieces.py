"""Words from the table are tokenised as whole texts are."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lmfit.config.model import ModelConfig
from lmfit.data.framing import Framer
from lmfit.data.word_pieces import splitter
from lmfit.models.load import find_model, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(find_model(ModelConfig()))


def straight(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    return ids


ALPHABET = st.characters(max_codepoint=127) | st.sampled_from("éß中\u200b\u00a0\U0001f600")
TEXTS = st.lists(
    st.text(ALPHABET) | st.sampled_from(["[SEP]", "[mask]", "don't", "U.S.", "x" * 120, " ", "\t"]), max_size=8
)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_words_give_what_the_tokeniser_gives(tokenizer: Any, parts: list[str]) -> None:
    framer = Framer(tokenizer, 64)
    text = "".join(parts)
    assert framer.encode_texts([text, "a b"]) == [straight(tokenizer, text), straight(tokenizer, "a b")]


@pytest.mark.parametrize(
    "text", ["Plain text, with marks: it's 1,000.50$!", "tabs\tand\r\nlines", "UPPER lower MiXed", "under_score~`^"]
)
def test_plain_text_takes_the_quick_way(tokenizer: Any, text: str) -> None:
    split = splitter(tokenizer.backend_tokenizer)
    assert split is not None
    assert split(text) is not None
    assert Framer(tokenizer, 64).encode_texts([text]) == [straight(tokenizer, text)]


@pytest.mark.parametrize("text", ["café", "a [SEP] b", "nul\x00", "bell\x07", "form\x0cfeed", "中文"])
def test_other_text_is_left_to_the_tokeniser(tokenizer: Any, text: str) -> None:
    split = splitter(tokenizer.backend_tokenizer)
    assert split is not None
    assert split(text) is None


def test_case_is_kept_where_the_tokeniser_keeps_it(tokenizer: Any) -> None:
    from tokenizers.normalizers import BertNormalizer

    cased = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    cased.normalizer = BertNormalizer(lowercase=False)
    split = splitter(cased)
    assert split is not None
    assert split("Ada's") == ["Ada", "'", "s"]


def test_other_tokenisers_have_no_such_words(tokenizer: Any) -> None:
    from tokenizers.pre_tokenizers import Whitespace

    other = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    other.pre_tokenizer = Whitespace()
    assert splitter(other) is None
