"""What a perturbation is: a pure function from Example to Example that keeps the labels right."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import ClassVar

from lmfit.data.example import Example
from lmfit.data.words import Mode, split_words

Words = Sequence[str | None]
Offsets = list[tuple[int, int]]


class Perturbation(ABC):
    """One way in which texts of users differ from those of a test set.

    A name of the catalogue (`PERTURBATIONS`) stands for a tuple of these: the variants that are measured one by one.
    """

    name: str
    """What its result is called: the catalogue's name, with the variant behind a dot where there are several."""
    about: str
    """What it does to a text, in a few words."""
    inapplicable: str
    """Why nothing can be measured where it fits no row."""
    kinds: ClassVar[tuple[str, ...]] = ()
    """The kinds of prediction that it makes sense for (`Task.kind`); none: all."""
    needs_training: ClassVar[bool] = False
    """Whether `fitted` looks at the training data."""

    def fitted(self, train: Iterable[Example], held: Iterable[Example]) -> "Perturbation":
        """Itself, having seen the training and the held-out examples where it needs them."""
        return self

    @property
    def remark(self) -> str:
        """What should be said of how it was fitted, if anything."""
        return ""

    @abstractmethod
    def fits(self, example: Example) -> bool:
        """Whether the example holds anything that this could ever change."""

    @abstractmethod
    def change(self, example: Example, random: Random) -> Example:
        """The example as it becomes, with its gold answer; `random` is its own, keyed by seed, name and row."""


class WordPerturbation(Perturbation):
    """Changes words one by one, in both texts of a pair; tags stay on their words."""

    split: ClassVar[Mode] = "unicode"
    """How a text without words is cut into them (data/words.py)."""

    @abstractmethod
    def changed(self, words: Sequence[str], tags: Sequence[str] | None, random: Random) -> Words:
        """Each word as it becomes, in order; None for one that leaves, with its tag."""

    @abstractmethod
    def touches(self, text: str) -> bool:
        """Whether a text holds anything that this could change."""

    def fits(self, example: Example) -> bool:
        """Whether one of its texts does."""
        return self.touches(example.text) or self.touches(example.text_pair or "")

    def change(self, example: Example, random: Random) -> Example:
        """The example with its words changed; a text that would become empty stays as it is."""
        if example.words is not None:
            words = self.changed([example.text[a:b] for a, b in example.words], example.tags, random)
            text, offsets = rewritten(example.text, example.words, words)
            if not offsets:
                return example
            kept = [i for i, word in enumerate(words) if word is not None]
            tags = None if example.tags is None else [example.tags[i] for i in kept]
            return replace(example, text=text, words=offsets, tags=tags)
        pair = None if example.text_pair is None else self._text(example.text_pair, random)
        return replace(example, text=self._text(example.text, random), text_pair=pair)

    def _text(self, text: str, random: Random) -> str:
        offsets = split_words(text, self.split)
        found, left = rewritten(text, offsets, self.changed([text[a:b] for a, b in offsets], None, random))
        return found if left else text


def rewritten(text: str, offsets: Sequence[tuple[int, int]], words: Words) -> tuple[str, Offsets]:
    """The text with other words in the places of the old ones, and where these stand; None leaves with its blanks."""
    parts: list[str] = []
    found: Offsets = []
    length = at = 0
    for (start, end), word in zip(offsets, words, strict=True):
        gap, at = text[at:start], end
        if word is None:
            continue
        parts += [gap, word]
        length += len(gap) + len(word)
        found.append((length - len(word), length))
    return "".join([*parts, text[at:]]), found
