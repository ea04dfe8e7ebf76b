"""Punctuation left out, as in chats and in the output of speech recognition."""

from collections.abc import Sequence
from random import Random
from typing import ClassVar
from unicodedata import category

from lmfit.data.words import Mode
from lmfit.evaluation.robustness.perturbation import WordPerturbation, Words

_OUTSIDE = "O"


class Punctuation(WordPerturbation):
    """Without marks, but for those between two digits (3.14, 10:30).

    A word that is nothing but marks leaves; where words have tags, it does so with a tag O only: inside an entity, or
    where marks have a tag of their own (parts of speech), it stays.
    """

    name = "punctuation"
    about = "punctuation left out, but between digits"
    inapplicable = "texts without punctuation"
    split: ClassVar[Mode] = "whitespace"

    def touches(self, text: str) -> bool:
        """Whether there is a mark."""
        return any(map(_is_mark, text))

    def changed(self, words: Sequence[str], tags: Sequence[str] | None, random: Random) -> Words:
        """The words without their marks."""
        bare: list[str | None] = []
        for i, word in enumerate(words):
            left = word if word.isalnum() else _without_marks(word)
            stays = not left and tags is not None and tags[i] != _OUTSIDE
            bare.append(word if stays else left or None)
        return bare


def _without_marks(word: str) -> str:
    inside = zip(" " + word[:-1], word, word[1:] + " ", strict=True)
    return "".join(c for before, c, after in inside if not _is_mark(c) or (before.isdigit() and after.isdigit()))


def _is_mark(character: str) -> bool:
    return category(character)[0] == "P"


PUNCTUATION = (Punctuation(),)
