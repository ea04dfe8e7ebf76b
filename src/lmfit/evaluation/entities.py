"""Entities in IOB2 tag sequences. Plain Python, no heavy imports."""

from collections.abc import Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """An entity: its type, and its words from `start` to `end` (half-open)."""

    label: str
    start: int
    end: int


def repair_iob2(tags: Sequence[str]) -> list[str]:
    """Turn each I-X that continues no X entity into B-X, so that predicted tags are valid IOB2."""
    repaired: list[str] = []
    previous = "O"
    for tag in tags:
        if tag.startswith("I-") and previous[2:] != tag[2:]:
            tag = "B-" + tag[2:]
        repaired.append(tag)
        previous = tag
    return repaired


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of an IOB2 sequence, in order. As in strict scoring, an I-X that continues no X entity is none."""
    found: list[Span] = []
    start: int | None = None
    label = ""
    for position, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{label}":
            found.append(Span(label, start, position))
            start = None
        if tag.startswith("B-"):
            start, label = position, tag[2:]
    return found
