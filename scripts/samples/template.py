"""Templates: {slot} is filled in, (a|b) is a choice. Templates and word lists are kept in texts/."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

import yaml

T = TypeVar("T")
Fillers = Mapping[str, Callable[[Random], str]]

SPLITS = ("train", "validation", "test")
TEXTS = Path(__file__).parent / "texts"
SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\(([^()|]*(?:\|[^()|]*)+)\)")


def pick(rng: Random, options: Sequence[T]) -> T:
    """One of the options. Only `rng.random()` is drawn from: Python promises its sequence across versions."""
    return options[int(rng.random() * len(options))]


def between(rng: Random, low: int, high: int) -> int:
    """A whole number, both ends included."""
    return low + int(rng.random() * (high - low + 1))


def shuffled(rng: Random, items: Sequence[T]) -> list[T]:
    """The items in random order."""
    keyed = sorted((rng.random(), position) for position in range(len(items)))
    return [items[position] for _, position in keyed]


def choose(template: str, rng: Random) -> str:
    """The template with every (a|b) decided."""
    return _CHOICE.sub(lambda match: pick(rng, match[1].split("|")), template)


def fill(template: str, fillers: Fillers, rng: Random) -> str:
    """The template with every slot that `fillers` knows filled in; other slots stay."""
    return SLOT.sub(lambda match: fillers[match[1]](rng) if match[1] in fillers else match[0], template)


def lines(file: str) -> list[str]:
    """The templates of a text file: one a line, without blank lines and # comments."""
    text = (TEXTS / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def templates_by_label(file: str) -> dict[str, list[str]]:
    """The templates of a YAML file: label -> one a line."""
    content = yaml.safe_load((TEXTS / file).read_text(encoding="utf-8"))
    return {label: block.splitlines() for label, block in content.items()}


def word_lists(file: str) -> dict[str, list[str]]:
    """The comma-separated lists of a YAML file."""
    content = yaml.safe_load((TEXTS / file).read_text(encoding="utf-8"))
    return {name: [word.strip() for word in words.split(",")] for name, words in content.items()}


def from_list(words: Sequence[str]) -> Callable[[Random], str]:
    """A filler that picks one of the words."""
    return lambda rng: pick(rng, words)


def _money(rng: Random) -> str:
    return pick(
        rng,
        (
            f"$ {between(rng, 11, 99) / 10} {pick(rng, ('million', 'billion'))}",
            f"{between(rng, 2, 900)} million {pick(rng, ('euros', 'dollars', 'crowns', 'pounds'))}",
            f"{between(rng, 101, 999)},000 {pick(rng, ('euros', 'dollars', 'francs'))}",
        ),
    )


NUMBERS: Fillers = {
    "n": lambda rng: str(between(rng, 2, 60)),
    "big": lambda rng: f"{between(rng, 1, 48)},{between(rng, 1, 9)}00",
    "pct": lambda rng: f"{between(rng, 1, 30)}.{between(rng, 0, 9)}",
    "age": lambda rng: str(between(rng, 17, 91)),
    "year": lambda rng: str(between(rng, 1988, 2031)),
    "dom": lambda rng: str(between(rng, 1, 28)),
    "mm": lambda rng: f"{between(rng, 1, 12):02}",
    "dd": lambda rng: f"{between(rng, 1, 28):02}",
    "score": lambda rng: f"{between(rng, 0, 5)}-{between(rng, 0, 4)}",
    "set": lambda rng: f"6-{between(rng, 0, 4)}",
    "time": lambda rng: f"{between(rng, 10, 59)}.{between(rng, 10, 99)}",
    "min": lambda rng: str(between(rng, 2, 59)),
    "sec": lambda rng: f"{between(rng, 0, 59)}.{between(rng, 0, 9)}",
    "money": _money,
}
