"""Texts that stand more than once: with another label, or in the training data and in another split."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from lmfit.data.example import Example

SHOWN = 3


def find_repeats(splits: Mapping[str, Iterable[Example]]) -> list[str]:
    """Warnings for texts of the training data with several labels, and for texts of other splits that it holds too.

    Texts count as equal where they are alike but for case and blanks. Keeps 16 bytes and a place per training text.
    """
    seen: dict[bytes, tuple[bytes, str]] = {}
    unlike: list[str] = []
    for example in splits["train"]:
        answer = _digest(repr((example.label, example.tags)))
        first, place = seen.setdefault(_digest(_plain(example)), (answer, str(example.origin)))
        if first != answer:
            unlike.append(f"{example.origin} and {place}")
    told = [f"train: {len(unlike):,} rows repeat a text with another label{_first(unlike)}"] if unlike else []
    for name, examples in splits.items():
        if name != "train":
            told += _leaks(name, examples, seen)
    return told


def _leaks(name: str, examples: Iterable[Example], seen: Mapping[bytes, tuple[bytes, str]]) -> list[str]:
    rows, leaked = 0, []
    for example in examples:
        rows += 1
        found = seen.get(_digest(_plain(example)))
        if found is not None:
            leaked.append(f"{example.origin} is {found[1]}")
    return [f"{name}: {len(leaked):,} of {rows:,} texts are in the training data too{_first(leaked)}"] if leaked else []


def _first(cases: list[str]) -> str:
    return f" ({'; '.join(cases[:SHOWN])}{'; ...' if len(cases) > SHOWN else ''})"


def _plain(example: Example) -> str:
    return "\0".join(" ".join(text.casefold().split()) for text in (example.text, example.text_pair or ""))


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
