"""Dates in a column: which of the common ways of writing them it follows, found out on all of its values."""

import re
from calendar import month_abbr, month_name
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from lmfit.errors import DataError

Moment = int
"""Seconds since 1970-01-01 UTC; a date without a zone counts as UTC."""

LEAST_READABLE = 0.9
MOST_CONTRADICTING = 0.05
_FIRST_YEAR, _LAST_YEAR = 1500, 2200
_PLACES = 3

_TIME = (
    r"(?:(?:T|,? +)(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]\d+)?)? ?(?P<half>[AaPp][Mm])?)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_WEEKDAY = r"(?:[A-Za-z]{3,9},? )?"
_PATTERNS = {
    "year-month-day": r"(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?" + _TIME,
    "yearmonthday": r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})" + _TIME,
    "day/month/year": r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})" + _TIME,
    "month/day/year": r"(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4})" + _TIME,
    "day month year": _WEEKDAY + r"(?P<d>\d{1,2})[ -](?P<name>[A-Za-z]{3,9})\.?,?[ -](?P<y>\d{4})" + _TIME,
    "month day, year": _WEEKDAY + r"(?P<name>[A-Za-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})" + _TIME,
    "year-month": r"(?P<y>\d{4})[-/年](?P<m>\d{1,2})月?",
    "year": r"(?P<y>\d{4})年?",
    "Unix seconds": r"(?P<seconds>\d{9,10})(?:\.\d+)?",
    "Unix milliseconds": r"(?P<seconds>\d{10})\d{3}",
}
KNOWN = tuple(_PATTERNS)
_MONTHS = {name.lower(): i for names in (month_abbr, month_name) for i, name in enumerate(names) if name}
_RIVALS = ("day/month/year", "month/day/year")

Read = Callable[[str], Moment | None]
"""A date as written to its moment; None where it cannot be read."""


def reading(name: str) -> Read:
    """The function that reads dates written in one of the known ways, or by a strptime format such as %d.%m.%y."""
    if name in _PATTERNS:
        pattern = re.compile(_PATTERNS[name])
        return lru_cache(1 << 16)(lambda text: _moment_of(pattern.fullmatch(text.strip())))
    return lru_cache(1 << 16)(lambda text: _by_format(text, name))


@dataclass
class Found:
    """How the dates of a column are written, how many rows were read, and how many cannot be."""

    name: str
    rows: int
    unreadable: int
    first: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = f"dates are read as {self.name}"
        if not self.unreadable:
            return told
        return f"{told}; {self.unreadable:,} of {self.rows:,} cannot be read and stay in train: {', '.join(self.first)}"


def find_reading(values: Iterable[tuple[str, object]], column: str, names: Collection[str] = KNOWN) -> Found:
    """Which of the ways called `names` the dates of a column are written in; `values` are dates with their places.

    Raises DataError where no way reads 90 % of them, and where day and month cannot be told apart.
    """
    readers = {name: reading(name) for name in names}
    kinds: Counter[frozenset[str]] = Counter()
    cases: dict[frozenset[str], list[str]] = {}
    ways = lru_cache(1 << 16)(lambda text: frozenset(n for n, read in readers.items() if read(text) is not None))
    for text, place in values:
        fitting = ways(text)
        kinds[fitting] += 1
        kept = cases.setdefault(fitting, [])
        if len(kept) < _PLACES:
            kept.append(f"`{text:.40}` ({place})")
    read = Counter({name: sum(n for fitting, n in kinds.items() if name in fitting) for name in names})
    best, rows = max(names, key=lambda name: read[name]), kinds.total()
    left_out = [case for fitting, kept in cases.items() if best not in fitting for case in kept][:_PLACES]
    if read[best] < LEAST_READABLE * rows:
        what = f"column `{column}` holds no dates of one kind: at best {read[best]:,} of {rows:,} rows as {best}"
        raise DataError(f"{what}; others: {', '.join(left_out)}", fix="write YYYY-MM-DD, or set date_format")
    if best in _RIVALS:
        _refuse_ambiguous(kinds, cases, column)
    return Found(best, rows, rows - read[best], left_out)


def _refuse_ambiguous(
    kinds: Mapping[frozenset[str], int], cases: Mapping[frozenset[str], list[str]], column: str
) -> None:
    """Day and month are told apart by dates with a number above 12, as good as all of which must agree."""
    day_first, month_first = (frozenset({name}) for name in _RIVALS)
    shown = {first: kinds.get(first, 0) for first in (day_first, month_first)}
    fix = 'say which: date_format: "%d/%m/%Y" or "%m/%d/%Y"'
    if not any(shown.values()):
        case = cases[frozenset(_RIVALS)][0]
        what = f"column `{column}`: every date can be read as day/month/year and as month/day/year, e.g. {case}"
        raise DataError(what, fix=fix)
    if min(shown.values()) > MOST_CONTRADICTING * max(shown.values()):
        what = f"column `{column}` mixes day/month/year, e.g. {cases[day_first][0]}, with month/day/year"
        raise DataError(f"{what}, e.g. {cases[month_first][0]}", fix="write YYYY-MM-DD everywhere")


def shown(moment: Moment) -> str:
    """A moment for people: the date, and the time where it is not midnight."""
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(" 00:00:00")


def _moment_of(match: re.Match[str] | None) -> Moment | None:
    if match is None:
        return None
    parts = match.groupdict()
    if parts.get("seconds"):
        return int(parts["seconds"])
    year = int(parts["y"])
    month = _MONTHS.get(parts["name"].lower(), 0) if parts.get("name") else int(parts.get("m") or 1)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    day, minute, second = (int(parts.get(name) or least) for name, least in (("d", 1), ("M", 0), ("S", 0)))
    try:
        moment = datetime(year, month, day, _hour(parts), minute, second, tzinfo=_zone(parts.get("zone")))
    except ValueError:
        return None
    return int(moment.timestamp())


def _hour(parts: Mapping[str, str | None]) -> int:
    """0 to 23; -1, which is no hour, for 13 pm."""
    hour, half = int(parts.get("H") or 0), (parts.get("half") or "").lower()
    if not half:
        return hour
    return hour % 12 + 12 * (half == "pm") if 1 <= hour <= 12 else -1


def _zone(text: str | None) -> timezone:
    if text is None or text[0] not in "+-":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _by_format(text: str, form: str) -> Moment | None:
    try:
        moment = datetime.strptime(text.strip(), form)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
