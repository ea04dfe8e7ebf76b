"""Cut token sequences to a model's length: special tokens around them, overlapping windows for long ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import Any, Literal

import numpy as np

from lmfit.data.word_pieces import splitter
from lmfit.errors import ConfigError

_WORD_MEMORY = 500_000
_LEAST_ROOM = 8

Overflow = Literal["window", "truncate", "error"]


@dataclass(frozen=True)
class Window:
    """Tokens [begin, end) of an example, and which of them this window answers for: [owned_begin, owned_end)."""

    begin: int
    end: int
    owned_begin: int
    owned_end: int


def cut(length: int, budget: int, word_starts: np.ndarray | None = None) -> list[Window]:
    """Cover `length` tokens by windows of at most `budget` tokens that overlap by a quarter or more.

    Windows are spread evenly, so all are about equally long. A window begins at a word where one starts nearby
    (`word_starts`: sorted token positions). A token in two windows belongs to the one in which it has more context.
    """
    if length <= budget:
        return [Window(0, length, 0, length)]
    overlap = budget // 4
    count = -(-(length - overlap) // (budget - overlap))
    nominal = np.linspace(0, length - budget, count).round().astype(np.int64)
    begins = nominal.copy()
    if word_starts is not None and len(word_starts):
        at = np.searchsorted(word_starts, nominal).clip(max=len(word_starts) - 1)
        shift = word_starts[at] - nominal
        begins = np.where((shift > 0) & (shift <= overlap // 2), word_starts[at], nominal)
    ends = nominal + budget
    seams = (begins[1:] + ends[:-1] + 1) // 2
    owned = np.concatenate([[0], seams, [length]])
    return [Window(*map(int, w)) for w in zip(begins, ends, owned[:-1], owned[1:], strict=True)]


class Framer:
    """A tokenizer with the model's frame: which special tokens stand before, between and after the texts.

    Raises ConfigError where max_length leaves a pair of texts fewer than 8 tokens.
    """

    def __init__(self, tokenizer: Any, max_length: int, overflow: Overflow = "window") -> None:
        self.tokenizer = tokenizer
        self.backend = tokenizer.backend_tokenizer
        self.max_length = max_length
        self.overflow = overflow
        self.uses_types = "token_type_ids" in tokenizer.model_input_names
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.unknown_id: int | None = tokenizer.unk_token_id
        self._words: dict[str, list[int]] = {}
        self._split = splitter(self.backend)
        self._lock = Lock()
        single = self.backend.post_process(self._encode("a"))
        pair = self.backend.post_process(self._encode("a"), self._encode("a"))
        self._single = _parts(single)
        self._pair = _parts(pair)
        self._around = _plain_frame(self._single)
        self._specials = [sum(len(ids) for ids, _, special in p if special) for p in (self._single, self._pair)]
        short = _LEAST_ROOM - self.budget(pair=True)
        if short > 0:
            raise ConfigError(
                f"max_length {max_length} leaves no room beside the special tokens",
                where="data.max_length",
                fix=f"set data.max_length={max_length + short} or more",
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew in another process."""
        return Framer, (self.tokenizer, self.max_length, self.overflow)

    def _encode(self, text: str) -> Any:
        return self.backend.encode(text, add_special_tokens=False)

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        words = [self._split(text) if self._split else None for text in texts]
        others = [text for text, known in zip(texts, words, strict=True) if known is None]
        encoded = iter(self.backend.encode_batch_fast(others, add_special_tokens=False))
        pieces = iter(self.encode_words([known for known in words if known is not None]))
        return [next(encoded).ids if known is None else [*chain.from_iterable(next(pieces))] for known in words]

    def encode_words(self, sentences: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Token ids of each word of each sentence. A word is tokenised by itself, so each distinct one only once."""
        with self._lock:
            if len(self._words) > _WORD_MEMORY:
                self._words.clear()
            new = list(set[str]().union(*sentences).difference(self._words))
            encoded = self.backend.encode_batch_fast([[w] for w in new], is_pretokenized=True, add_special_tokens=False)
            self._words.update(zip(new, (encoding.ids for encoding in encoded), strict=True))
            return [list(map(self._words.__getitem__, sentence)) for sentence in sentences]

    def budget(self, *, pair: bool = False) -> int:
        """Tokens of text that fit beside the special tokens."""
        return self.max_length - self._specials[pair]

    def frame(self, first: Sequence[int], second: Sequence[int] | None = None) -> tuple[list[int], Sequence[int]]:
        """Token ids and segment ids of one model input; of an empty text without special tokens one of padding."""
        if second is None and self._around is not None:
            before, after = self._around
            ids = [*before, *first, *after] or [self.pad_id]
            return ids, bytearray(len(ids))
        texts = iter([first] if second is None else [first, second])
        ids = []
        types: list[int] = []
        for part, kind, special in self._single if second is None else self._pair:
            tokens = part if special else next(texts)
            ids.extend(tokens)
            types.extend([kind] * len(tokens))
        return (ids, types) if ids else ([self.pad_id], [0])

    @property
    def lead(self) -> int:
        """Special tokens before the first text."""
        part, _, special = self._single[0]
        return len(part) if special else 0


def _plain_frame(parts: list[tuple[list[int], int, bool]]) -> tuple[list[int], list[int]] | None:
    """The special tokens before and after a single text; None where segments other than 0 come in."""
    at = next(i for i, (_, _, special) in enumerate(parts) if not special)
    if any(kind for _, kind, _ in parts):
        return None
    return [t for ids, _, _ in parts[:at] for t in ids], [t for ids, _, _ in parts[at + 1 :] for t in ids]


def _parts(encoding: Any) -> list[tuple[list[int], int, bool]]:
    """Runs of equal kind in a framed encoding: (ids, segment id, special?). A text run is replaced when framing."""
    runs: list[tuple[list[int], int, bool]] = []
    previous: tuple[Any, ...] | None = None
    for token, kind, special, sequence in zip(
        encoding.ids, encoding.type_ids, encoding.special_tokens_mask, encoding.sequence_ids, strict=True
    ):
        key = (bool(special), sequence, kind)
        if key == previous:
            runs[-1][0].append(token)
        else:
            runs.append(([token], kind, bool(special)))
        previous = key
    return runs
