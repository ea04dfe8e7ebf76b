"""When two texts count as the same: alike but for case, blanks, full-width forms and characters nobody sees."""

from hashlib import blake2b
from unicodedata import normalize

from lmfit.data.example import Example

_UNSEEN = dict.fromkeys(
    [
        0xAD,
        0x180E,
        0xFEFF,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),
    ]
)


def normal_form(text: str) -> str:
    """`text` in NFKC and without case, with single blanks and no zero-width characters."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(normalize("NFKC", text.translate(_UNSEEN)).casefold().split())


def normal_text(example: Example) -> str:
    """The normal form of an example's text, or of both its texts."""
    if example.text_pair is None:
        return normal_form(example.text)
    return f"{normal_form(example.text)}\0{normal_form(example.text_pair)}"


def digest(text: str) -> bytes:
    """8 bytes that stand for a text; the same on every machine."""
    return blake2b(text.encode(), digest_size=8).digest()
