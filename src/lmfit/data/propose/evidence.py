"""Evidence about the columns of a file: counts and hashes of their values, gathered in one pass; no rows are kept."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lmfit.data.propose.language import Letters
from lmfit.data.records import from_json
from lmfit.data.spans import LABEL_KEYS

MOST_VALUES = 2000
SHOWN_VALUES = 6
SEPARATORS = (";", "|", "、", "，", ",")
NUMBERS = ("whole", "number")
_LONGEST_LABEL = 80
_LONGEST_SHOWN = 30
_PLURALS = {"addresses": "address", "dates": "date"}
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
_WHOLE = re.compile(r"[-+]?\d+")
_ADDRESS = re.compile(r"(?:https?|ftp)://\S+|\S+@\S+\.\S+")
_DATE = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*")


class Tally:
    """How often each value came, as long as there are at most 2,000 different ones."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.whole = True

    def add(self, values: Iterable[str]) -> None:
        """Count some values."""
        if self.whole:
            self.counts.update(values)
            if len(self.counts) > MOST_VALUES:
                self.whole = False
                self.counts.clear()


@dataclass
class Column:
    """What was seen in one column. kinds: text, number, whole, address, date, list, entities, object -> how often.

    lengths are in characters; several: lists of none or of several items. parts: what values are made of, by separator.
    """

    name: str
    rows: int = 0
    empty: int = 0
    shortest: int = 0
    longest: int = 0
    characters: int = 0
    several: int = 0
    lowest: float = math.inf
    highest: float = -math.inf
    kinds: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    items: Tally = field(default_factory=Tally)
    parts: Mapping[str, Tally] = field(default_factory=lambda: {separator: Tally() for separator in SEPARATORS})
    joined: Counter[str] = field(default_factory=Counter)
    letters: Letters = field(default_factory=Letters)
    item_letters: Letters = field(default_factory=Letters)
    _hashes: set[int] = field(default_factory=set)

    def add(self, value: Any) -> None:
        """One more value."""
        value = from_json(value)
        self.rows += 1
        if value is None or (isinstance(value, str) and not value.strip()):
            self.empty += 1
            return
        if isinstance(value, list):
            self._add_list(value)
            return
        text = value.strip() if isinstance(value, str) else str(value)
        kind = _kind(value, text)
        self.kinds[kind] += 1
        if kind in NUMBERS:
            number = float(text.replace(",", "."))
            self.lowest, self.highest = min(self.lowest, number), max(self.highest, number)
        self._hashes.add(hash(text))
        self.shortest = min(self.shortest, len(text)) if self.characters else len(text)
        self.longest = max(self.longest, len(text))
        self.characters += len(text)
        self.letters.add(text)
        if len(text) <= _LONGEST_LABEL:
            self.tally.add([text])
            self._add_parts(text)
        else:
            self.tally.whole = False

    def _add_list(self, value: Sequence[Any]) -> None:
        names = [str(item) for item in value if isinstance(item, str | int)]
        types = [str(label) for item in value if (label := _type_of(item)) is not None]
        self.kinds["entities" if types else "list" if len(names) == len(value) else "object"] += 1
        self.several += len(value) != 1
        self._hashes.add(hash(str(value)))
        self.items.add(types or names)
        self.item_letters.add(" ".join(names))

    def _add_parts(self, text: str) -> None:
        for separator, tally in self.parts.items():
            if separator in text:
                self.joined[separator] += 1
            tally.add(part for part in map(str.strip, text.split(separator)) if part)

    @property
    def filled(self) -> int:
        """Rows with a value."""
        return self.rows - self.empty

    @property
    def distinct(self) -> int:
        """Different values."""
        return len(self._hashes)

    @property
    def mean_length(self) -> float:
        """Characters of a value on average."""
        return self.characters / max(1, self.filled)

    def mostly(self, *kinds: str) -> bool:
        """Whether nine of ten values are of these kinds."""
        return self.filled > 0 and sum(self.kinds[kind] for kind in kinds) >= 0.9 * self.filled

    def only(self, *kinds: str) -> bool:
        """Whether all values are of these kinds."""
        return self.filled > 0 and sum(self.kinds[kind] for kind in kinds) == self.filled

    @property
    def seen(self) -> str:
        """The evidence in one line: values with their counts, or how many differ and how long they are."""
        gaps = f", empty in {self.empty:,}" if self.empty else ""
        if not self.filled:
            return "always empty"
        if self.mostly("entities", "list"):
            what = "entities" if self.kinds["entities"] else "lists"
            return f"{what}: {values(self.items.counts)}{gaps}" if self.items.whole else f"{what}{gaps}"
        if self.tally.whole and 2 * self.distinct <= self.filled and self.distinct <= 200:
            return f"{self.distinct} {'value' if self.distinct == 1 else 'values'}: {values(self.tally.counts)}{gaps}"
        distinct = f"{self.distinct:,} distinct"
        if self.only(*NUMBERS):
            kind = "whole numbers" if self.only("whole") else "numbers"
            return f"{distinct} {kind} of {self.filled:,}, {self.lowest:g} to {self.highest:g}{gaps}"
        kind = next((f" {told}" for told, name in _PLURALS.items() if self.mostly(name)), "")
        return f"{distinct}{kind} of {self.filled:,}, {self.shortest:,} to {self.longest:,} characters{gaps}"


def values(counts: Mapping[str, int]) -> str:
    """`positive 1,204, negative 988, ...`, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{_short(name)} {count:,}" for name, count in ordered[:SHOWN_VALUES])
    more = len(ordered) - SHOWN_VALUES
    return f"{shown}, and {more:,} more" if more > 0 else shown


def survey(records: Iterable[Mapping[str, Any]], most: int | None) -> list[Column]:
    """The columns of some records in their order; of the first `most` records only, unless it is None."""
    columns: dict[str, Column] = {}
    number = 0
    for number, record in enumerate(islice(records, most), start=1):
        for name, value in record.items():
            if name not in columns:
                columns[name] = Column(name, rows=number - 1, empty=number - 1)
            columns[name].add(value)
        if len(record) < len(columns):
            for name in columns.keys() - record.keys():
                columns[name].add(None)
    return list(columns.values())


def _kind(value: Any, text: str) -> str:
    if isinstance(value, dict):
        return "object"
    if isinstance(value, bool):
        return "text"
    if _WHOLE.fullmatch(text) and not isinstance(value, float):
        return "whole"
    if _NUMBER.fullmatch(text) or isinstance(value, float):
        return "number"
    if _ADDRESS.fullmatch(text):
        return "address"
    return "date" if _DATE.fullmatch(text) and len(text) <= 40 else "text"


def _type_of(item: Any) -> Any:
    """The label of an entity with offsets; None for anything else."""
    if isinstance(item, dict):
        return next((item[key] for key in LABEL_KEYS if key in item), None)
    return item[2] if isinstance(item, list) and len(item) == 3 else None


def _short(name: str) -> str:
    plain = " ".join(name.split())
    return plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}..."
