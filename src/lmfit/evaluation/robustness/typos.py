"""Slips of the keyboard: one edit in a tenth of the longer words; in Han text signs swapped or typed twice."""

import re
from collections.abc import Sequence
from random import Random

from lmfit.data.words import is_han
from lmfit.evaluation.robustness.perturbation import WordPerturbation, Words

SHARE = 0.1
LEAST = 4
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LONG = re.compile(rf"[^\W\d_]{{{LEAST}}}")


class Typos(WordPerturbation):
    """One edit in a share of the words of four letters or more: letters swapped, dropped, doubled or hit beside.

    The first letter stays. Han signs, each a word, count as a quarter of one: a sign is swapped with the next (where
    both have the same tag, or go on the same entity) or typed twice.
    """

    name = "typos"
    about = f"one typing slip in {SHARE:.0%} of the words of {LEAST} letters or more; in Han text of {LEAST} signs"
    inapplicable = f"no word has {LEAST} letters or more"

    def touches(self, text: str) -> bool:
        """Whether there is a word long enough, or Han text."""
        return bool(_LONG.search(text)) or any(map(is_han, text))

    def changed(self, words: Sequence[str], tags: Sequence[str] | None, random: Random) -> Words:
        """The words with slips in some of them."""
        typed = list(words)
        i = 0
        while i < len(typed):
            if len(typed[i]) == 1 and is_han(typed[i]):
                if random.random() < SHARE / LEAST:
                    i += _slip_of_sign(typed, tags, i, random)
            elif len(_letters(typed[i])) >= LEAST and random.random() < SHARE:
                typed[i] = _slip(typed[i], random)
            i += 1
        return typed


def _slip_of_sign(words: list[str], tags: Sequence[str] | None, i: int, random: Random) -> int:
    """One slip at sign `i`, in place; how many of the signs behind it are done with too."""
    following = i + 1 < len(words) and len(words[i + 1]) == 1 and is_han(words[i + 1])
    alike = tags is None or (following and (tags[i] == tags[i + 1] or tags[i + 1][:2] == "I-"))
    if following and alike and words[i] != words[i + 1] and random.random() < 0.5:
        words[i], words[i + 1] = words[i + 1], words[i]
        return 1
    words[i] *= 2
    return 0


def _slip(word: str, random: Random) -> str:
    """The word with one edit at a letter behind the first one."""
    letters = _letters(word)[1:]
    swaps = [i for i in letters[:-1] if word[i + 1].isalpha() and word[i] != word[i + 1]]
    beside = [i for i in letters if _neighbours(word[i])]
    kind = random.choice(["drop", "double", *(["swap"] if swaps else []), *(["beside"] if beside else [])])
    i = random.choice({"swap": swaps, "beside": beside}.get(kind, letters))
    if kind == "swap":
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if kind == "beside":
        hit = random.choice(_neighbours(word[i]))
        return word[:i] + (hit.upper() if word[i].isupper() else hit) + word[i + 1 :]
    return word[:i] + word[i] * 2 * (kind == "double") + word[i + 1 :]


def _letters(word: str) -> list[int]:
    return [i for i, character in enumerate(word) if character.isalpha()]


def _neighbours(letter: str) -> str:
    """The keys beside a letter on a QWERTY keyboard; nothing for letters that it has not."""
    row = next((row for row in _ROWS if letter.lower() in row), "")
    at = row.find(letter.lower())
    return row[max(0, at - 1) : at] + row[at + 1 : at + 2] if row else ""


TYPOS = (Typos(),)
