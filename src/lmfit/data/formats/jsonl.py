"""JSON lines: one object a line."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from lmfit.data.columns import check_roles, choose
from lmfit.data.example import Example, Origin
from lmfit.data.files import TextLines, chomp
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.records import RecordBuilder
from lmfit.errors import DataError

_SAMPLE_ROWS = 200

Located = tuple[int, dict[str, Any]]


class JsonlReader:
    """Reads text and label (a text, a number, or a list of names), tokens and tags, or text and entities with offsets.

    Keys are found in the first rows; which key stands for what, data.columns says, else well-known names.
    """

    def __init__(self, options: ReadOptions) -> None:
        check_roles(options)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per line; blank lines are passed over and counted."""
        return read_records(_objects(file, notices), file.path, self._options, notices)


def read_records(records: Iterable[Located], path: str, options: ReadOptions, notices: Notices) -> Iterator[Example]:
    """The examples of JSON objects that stand at (line, object)."""
    rows = iter(records)
    head = list(islice(rows, _SAMPLE_ROWS))
    if not head:
        return
    where = f"{path}:{head[0][0]}"
    names = list(dict.fromkeys(key for _, record in head for key in record))
    chosen = choose(options, names, where, notices)
    builder = RecordBuilder(options, chosen, names, where, notices)
    for line, record in chain(head, rows):
        with notices.mistakes:
            yield builder.example(record, Origin(path, line))


def _objects(file: TextLines, notices: Notices) -> Iterator[Located]:
    parts: Counter[str] = Counter()
    for number, line in enumerate(map(chomp, file.lines()), start=1):
        parts["rows" if line.strip() else "blank lines"] += 1
        if not line.strip():
            notices.count("blank lines passed over", f"{file.path}:{number}")
            continue
        with notices.mistakes:
            yield number, _object(line, file.path, number)
    notices.account(file, parts["rows"], parts)


def _object(line: str, path: str, number: int) -> dict[str, Any]:
    record = parse_json(line, path, number)
    if not isinstance(record, dict):
        fix = 'each line must be one JSON object such as {"text": "...", "label": "..."}'
        raise DataError("no JSON object", where=f"{path}:{number}", fix=fix)
    return record


def parse_json(text: str, path: str, line: int) -> Any:
    """The value of a JSON text that begins on `line`. Raises DataError with line and column; NaN is no JSON."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        what, where = f"no JSON: {error.msg} in column {error.colno}", f"{path}:{line + error.lineno - 1}"
        raise DataError(what, where=where, fix="repair the line, or correct data.format") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"no JSON: {error}", where=f"{path}:{line}", fix="repair it") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
