"""The words that BERT's tokeniser makes of plain English text, each of which is cut into pieces by itself.

A word met before need not be tokenised again, which is many times faster than tokenising whole texts.
"""

import json
import re
from collections.abc import Callable
from typing import Any

_PARTS = re.compile(r"[0-9A-Za-z]+|[^\s0-9A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
Splitter = Callable[[str], list[str] | None]
"""The words of a text; None for one that only the tokeniser itself can tell."""


def splitter(backend: Any) -> Splitter | None:
    """That of a `tokenizers.Tokenizer` which works as BERT's does; None for others.

    In ASCII without control characters its normaliser only lower-cases, if that, and its pre-tokeniser leaves runs of
    letters and digits, and single marks (Devlin et al. 2019; `tokenizers`: BertNormalizer, BertPreTokenizer). Added
    tokens such as [SEP] are taken out of a text before all else.
    """
    state = json.loads(backend.to_str())
    parts = (state["normalizer"], state["pre_tokenizer"], state["model"])
    if [part and part["type"] for part in parts] != ["BertNormalizer", "BertPreTokenizer", "WordPiece"]:
        return None
    lowercase = bool(state["normalizer"]["lowercase"])
    added = [token["content"] for token in state["added_tokens"]]

    def words(text: str) -> list[str] | None:
        if not text.isascii() or _CONTROL.search(text) or any(token in text for token in added):
            return None
        found: list[str] = _PARTS.findall(text.lower() if lowercase else text)
        return found

    return words
