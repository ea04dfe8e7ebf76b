"""Which script a text is written in, judged by the Unicode blocks of its letters."""

from collections import Counter
from functools import cache

import numpy as np
from numpy.typing import NDArray

_BLOCKS = {
    "Latin": (
        (0x41, 0x5A),
        (0x61, 0x7A),
        (0xAA, 0xAA),
        (0xBA, 0xBA),
        (0xC0, 0x24F),
        (0x1E00, 0x1EFF),
        (0xA722, 0xA7FF),
        (0xFF21, 0xFF3A),
        (0xFF41, 0xFF5A),
    ),
    "Greek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "Cyrillic": ((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)),
    "Armenian": ((0x531, 0x58F),),
    "Hebrew": ((0x591, 0x5F4), (0xFB1D, 0xFB4F)),
    "Arabic": ((0x620, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)),
    "Devanagari": ((0x900, 0x97F), (0xA8E0, 0xA8FF)),
    "Bengali": ((0x980, 0x9FF),),
    "Gurmukhi": ((0xA00, 0xA7F),),
    "Gujarati": ((0xA80, 0xAFF),),
    "Tamil": ((0xB80, 0xBFF),),
    "Telugu": ((0xC00, 0xC7F),),
    "Kannada": ((0xC80, 0xCFF),),
    "Malayalam": ((0xD00, 0xD7F),),
    "Sinhala": ((0xD80, 0xDFF),),
    "Thai": ((0xE01, 0xE5B),),
    "Lao": ((0xE80, 0xEFF),),
    "Tibetan": ((0xF00, 0xFFF),),
    "Burmese": ((0x1000, 0x109F),),
    "Georgian": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)),
    "Hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3)),
    "Ethiopic": ((0x1200, 0x139F), (0x2D80, 0x2DDF)),
    "Khmer": ((0x1780, 0x17FF),),
    "Mongolian": ((0x1800, 0x18AF),),
    "Kana": ((0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
    "Han": ((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
}
_NOT_LETTERS = (0xD7, 0xF7)

NAMES = ("none", *_BLOCKS)
"""The scripts that are told apart, by number; `none`: a text without letters, or in another script."""


def main_scripts(codes: NDArray[np.uint32], rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The number of the script that most letters of each row have: (count,) indices into NAMES.

    codes: code points of all rows; rows: the row of each code point, both (T,). Kana beside Han is Kana (Japanese).
    """
    scripts = _table()[codes].astype(np.int64)
    letters = np.bincount(rows * len(NAMES) + scripts, minlength=count * len(NAMES)).reshape(count, len(NAMES))
    kana, han = NAMES.index("Kana"), NAMES.index("Han")
    letters[:, kana] += np.where(letters[:, kana] > 0, letters[:, han], 0)
    letters[:, 0] = 0
    most: NDArray[np.int64] = letters.argmax(axis=1)
    return most


def script_of(text: str) -> str:
    """The script that most letters of a text have, one of NAMES."""
    codes = _codes(text)
    return NAMES[int(main_scripts(codes, np.zeros(len(codes), np.int64), 1)[0])]


def count_scripts(text: str) -> Counter[str]:
    """Letters of a text by script; those of scripts that are not told apart are left out."""
    counts = np.bincount(_table()[_codes(text)], minlength=len(NAMES)).tolist()
    return Counter({name: n for name, n in zip(NAMES[1:], counts[1:], strict=True) if n})


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), np.uint32)


@cache
def _table() -> NDArray[np.uint8]:
    table = np.zeros(0x110000, np.uint8)
    for number, blocks in enumerate(_BLOCKS.values(), start=1):
        for first, last in blocks:
            table[first : last + 1] = number
    table[list(_NOT_LETTERS)] = 0
    return table
