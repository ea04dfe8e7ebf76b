"""JSON piece by piece: the items of a list, the objects of JSON lines."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lmfit.data.files import TextLines, chomp
from lmfit.data.notices import Notices
from lmfit.errors import DataError

Located = tuple[int, dict[str, Any]]

_BLANKS = re.compile(r"[ \t\r\n]*")
_PIECE = 1 << 16


def parse_json(text: str, path: str, line: int) -> Any:
    """The value of a JSON text that begins on `line`. Raises DataError with line and column; NaN is no JSON."""
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_object_of)
    except json.JSONDecodeError as error:
        what, where = f"no JSON: {error.msg} in column {error.colno}", f"{path}:{line + error.lineno - 1}"
        raise DataError(what, where=where, fix="repair the line, or correct data.format") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"no JSON: {error}", where=f"{path}:{line}", fix="repair it") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs. Raises ValueError for a key that comes again: all but its last value would be lost."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key `{next(key for key in keys if keys.count(key) > 1)}` comes twice in one object")
    return made


def objects_of_lines(file: TextLines, parts: Counter[str], notices: Notices) -> Iterator[Located]:
    """(line, object) of JSON lines; blank lines are passed over and counted. parts: how many lines were what."""
    for number, line in enumerate(map(chomp, file.lines()), start=1):
        parts["rows" if line.strip() else "blank lines"] += 1
        if not line.strip():
            notices.count("blank lines passed over", f"{file.path}:{number}")
            continue
        with notices.mistakes:
            yield number, _object(line, file.path, number)


def _object(line: str, path: str, number: int) -> dict[str, Any]:
    record = parse_json(line, path, number)
    if not isinstance(record, dict):
        fix = 'each line must be one JSON object such as {"text": "...", "label": "..."}'
        raise DataError("no JSON object", where=f"{path}:{number}", fix=fix)
    return record


class ListItems:
    """The items of a JSON list, decoded one after the other; no more than a few are in memory."""

    def __init__(self, lines: Iterable[str], path: str) -> None:
        self._lines = iter(lines)
        self._path = path
        self._decoder = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_object_of)
        self._text = ""
        self._at = 0
        self._line = 1

    def __iter__(self) -> Iterator[Any]:
        self._take("[")
        if self._next_sign() == "]":
            self._at += 1
        else:
            yield self._value()
            while self._next_sign() == ",":
                self._at += 1
                self._next_sign()
                yield self._value()
            self._take("]")
        if self._next_sign():
            raise self._error("text after the end of the list", self._at)

    def _next_sign(self) -> str:
        """The next character that is no blank, or nothing at the end of the file."""
        while True:
            match = _BLANKS.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _take(self, sign: str) -> None:
        if self._next_sign() != sign:
            raise self._error(f"expected `{sign}`", self._at)
        self._at += 1

    def _value(self) -> Any:
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._text, self._at)
                return value
            except json.JSONDecodeError as error:
                read, cut_off = error.pos - self._at, error.pos >= len(self._text.rstrip())
                if not (cut_off and self._more(max(_PIECE, len(self._text) - self._at))):
                    raise self._error(error.msg, self._at + read) from error
            except (ValueError, RecursionError) as error:
                raise self._error(str(error), self._at) from error

    def _more(self, size: int = _PIECE) -> bool:
        """Append lines of at least `size` characters; the lines that lie behind are forgotten."""
        cut = self._text.rfind("\n", 0, self._at) + 1
        self._line += self._text.count("\n", 0, cut)
        self._at -= cut
        pieces = [self._text[cut:]]
        before = len(pieces[0])
        for line in self._lines:
            pieces.append(line)
            size -= len(line)
            if size <= 0:
                break
        self._text = "".join(pieces)
        return len(self._text) > before

    def _error(self, what: str, position: int) -> DataError:
        line = self._line + self._text.count("\n", 0, position)
        column = position - self._text.rfind("\n", 0, position)
        fix = "repair the line, or correct data.format"
        return DataError(f"no JSON: {what} in column {column}", where=f"{self._path}:{line}", fix=fix)


def begins_list(head: Sequence[str]) -> bool:
    """Whether a text begins with a JSON list."""
    first = next((line for line in head if line.strip()), "")
    return first.lstrip().startswith("[")


def first_record(head: Sequence[str]) -> dict[str, Any] | None:
    """The first object of JSON lines or of a list that these lines begin; None where there is none."""
    try:
        if begins_list(head):
            value = next(iter(ListItems(head, "")), None)
        else:
            value = json.loads(next((line for line in head if line.strip()), "null"))
    except (ValueError, RecursionError, DataError):
        return None
    return value if isinstance(value, dict) else None


def objects_of_list(file: TextLines, parts: Counter[str], notices: Notices) -> Iterator[Located]:
    """(row, object) of one JSON list. parts: how many rows there are. Raises DataError for items of other kinds."""
    for number, item in enumerate(ListItems(file.lines(), file.path), start=1):
        parts["rows"] += 1
        with notices.mistakes:
            if not isinstance(item, dict):
                fix = "the list holds one object per row"
                raise DataError("no JSON object", where=f"{file.path}:{number}", fix=fix)
            yield number, item
