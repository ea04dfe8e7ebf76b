"""Which tokens are hidden, and what stands in their place: a function of (seed, row number) for whole batches.

BERT's masking (Devlin et al. 2019, section 3.1), drawn anew in every epoch (RoBERTa, Liu et al. 2019, section 4.1);
whole words; spans of words with geometric lengths (SpanBERT, Joshi et al. 2020, section 3.1).
"""

from dataclasses import dataclass

import numpy as np

from lmfit.config.pretraining import MaskingConfig
from lmfit.pretraining.keyed import Keyed

Masked = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Vocabulary:
    """What masking knows of the tokenizer. size: V; mask: id of the mask token.

    special: (V,) which ids are special tokens; continues: (V,) which ids go on with a word.
    """

    size: int
    mask: int
    special: np.ndarray
    continues: np.ndarray


class Masking:
    """Hides `rate` of the tokens of each row: exactly round(rate * tokens) single tokens, or units until so many."""

    def __init__(self, config: MaskingConfig, vocabulary: Vocabulary, seed: int, purpose: str) -> None:
        self.config, self.vocabulary = config, vocabulary
        self._which, self._how = Keyed(seed, f"{purpose} which"), Keyed(seed, f"{purpose} how")
        self._spans, self._others = Keyed(seed, f"{purpose} spans"), Keyed(seed, f"{purpose} others")
        self._plain = np.flatnonzero(~vocabulary.special)

    def hide(self, ids: np.ndarray, real: np.ndarray, numbers: np.ndarray) -> Masked:
        """(B, L) ids, which of them are no padding, (B,) row numbers -> ids with some replaced; (B, L) which those are.

        Special tokens stay. A row has at least one hidden token, where it has any.
        """
        can = real & ~self.vocabulary.special[ids]
        chosen = self._chosen(ids, can, numbers)
        width = ids.shape[1]
        how = self._how.uniform(numbers, width)
        mask, other, _ = self.config.split
        replaced = np.where(chosen & (how < mask), self.vocabulary.mask, ids)
        random = chosen & (how >= mask) & (how < mask + other)
        if random.any():
            drawn = (self._others.uniform(numbers, width) * len(self._plain)).astype(np.int64)
            replaced = np.where(random, self._plain[drawn], replaced)
        return replaced, chosen

    def _chosen(self, ids: np.ndarray, can: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Units in the order of a random number each, up to the one in which the wanted number of tokens is reached."""
        draws = np.where(can, self._which.uniform(numbers, ids.shape[1]), np.inf)
        if self.config.unit != "token":
            first = self._first_of_unit(ids, can, numbers)
            draws = np.where(can, np.take_along_axis(draws, first, axis=1), np.inf)
        tokens = can.sum(axis=1)
        wanted = np.maximum(1, np.rint(self.config.rate * tokens).astype(np.int64))
        bound = np.take_along_axis(np.sort(draws, axis=1), (wanted - 1)[:, None], axis=1)
        chosen: np.ndarray = can & (draws <= bound)
        return chosen

    def _first_of_unit(self, ids: np.ndarray, can: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """(B, L) where the word, or span of words, of each token begins."""
        after = np.zeros_like(can)
        after[:, 1:] = can[:, :-1]
        begins = ~self.vocabulary.continues[ids] | ~after
        if self.config.unit == "span":
            go_on = self._spans.uniform(numbers, ids.shape[1]) >= 1 / self.config.mean_span
            begins &= ~(go_on & after)
        places = np.where(begins | ~can, np.arange(ids.shape[1]), 0)
        found: np.ndarray = np.maximum.accumulate(places, axis=1)
        return found
