"""How raw text becomes words: by white space, by Unicode classes, or character by character."""

import re
from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Literal
from unicodedata import category

from lmfit.data.example import Example

Mode = Literal["whitespace", "unicode", "characters"]
MODES: tuple[Mode, ...] = ("whitespace", "unicode", "characters")

_SAMPLE = 1000
_HAN = "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_EMOJI = "\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_JOINERS = ".'’_·-"
_INVISIBLE = "\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_IS_HAN = re.compile(f"[{_HAN}]")


def is_han(text: str) -> bool:
    """Whether a Han character (Chinese, kanji, hanja) stands at the start."""
    return bool(_IS_HAN.match(text))


def split_words(text: str, mode: str) -> list[tuple[int, int]]:
    """(start, end) of each word in code points; between words lie white space and invisible marks of direction.

    whitespace: runs of anything but white space.
    unicode: runs of letters and digits, with . ' ’ - _ · inside them ("U.S.A", "don't", "al-Ain", "3.14"); each Han or
    Kana character, punctuation mark and emoji (joined emoji sequences whole) is a word. Scripts without blanks, such
    as Thai, stay whole runs.
    characters: every visible character.
    Combining marks stay with the character before them. Raises ValueError for another mode.
    """
    return [match.span() for match in _pattern(mode).finditer(text)]


def detect_mode(examples: Iterable[Example]) -> Mode:
    """`characters` where the first examples are mostly single Han characters (by their words, else by their texts)."""
    han = other = 0
    for example in islice(examples, _SAMPLE):
        spans = example.words if example.words is not None else split_words(example.text, "unicode")
        words = [example.text[start:end] for start, end in spans]
        han += sum(len(word) == 1 and is_han(word) for word in words)
        other += sum(word[0].isalpha() and not (len(word) == 1 and is_han(word)) for word in words)
    return "characters" if han > other else "unicode"


@cache
def _pattern(mode: str) -> re.Pattern[str]:
    if mode not in MODES:
        raise ValueError(f"unknown way to make words: {mode}")
    if mode == "whitespace":
        return re.compile(r"\S+")
    marks, visible = f"[{_marks()}]", rf"[^\s{_INVISIBLE}]"
    if mode == "characters":
        return re.compile(rf"{visible}{marks}*")
    letter = rf"(?:[^\W_{_HAN}{_KANA}]{marks}*)"
    run = rf"{letter}+(?:[{_JOINERS}]{letter}+)*"
    pictograph = rf"[{_EMOJI}][\ufe0f\u20e3\U0001f3fb-\U0001f3ff]*"
    flag = "[\U0001f1e6-\U0001f1ff]{2}"
    tagged = "[\U000e0020-\U000e007f]*"
    emoji = rf"{flag}|{pictograph}(?:\u200d{pictograph})*{tagged}"
    return re.compile(rf"{run}|{emoji}|{visible}{marks}*")


def _marks() -> str:
    """A regular-expression class body of all combining marks, variation selectors, joiners and soft hyphens."""
    points = [point for point in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)) if category(chr(point))[0] == "M"]
    ranges: list[list[int]] = [[0xAD, 0xAD], [0x200C, 0x200D]]
    for point in points:
        if point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
