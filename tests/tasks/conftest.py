"""A framer of a tiny model, and the stitched answer of a made-up model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lmfit.config.model import ModelConfig
from lmfit.data.framing import Framer, Overflow
from lmfit.models.load import find_model, load_tokenizer, mark_words


@pytest.fixture
def framer(tiny: Callable[[str], Path]) -> Callable[..., Framer]:
    """`framer(max_length, overflow)` over the tiny BERT, or another family."""

    def make(max_length: int = 16, overflow: Overflow = "window", family: str = "bert") -> Framer:
        tokenizer = load_tokenizer(find_model(ModelConfig(name=str(tiny(family)))))
        mark_words(tokenizer)
        return Framer(tokenizer, max_length, overflow)

    return make
