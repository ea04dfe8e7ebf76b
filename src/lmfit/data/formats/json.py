"""One JSON document: a list of objects, or an object whose keys are the splits."""

from collections.abc import Iterator, Sequence
from typing import Any

from lmfit.data.columns import check_roles
from lmfit.data.example import Example
from lmfit.data.files import TextLines
from lmfit.data.formats.base import ReadOptions
from lmfit.data.formats.jsonl import parse_json, read_records
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError, DataError, suggestion

_PAIR = ("text", "label")


class JsonReader:
    """Reads a list of objects or of [text, label] pairs; `FILE.json#train+extra` takes these keys of an object.

    A line in a message is the row's number in its list, as JSON keeps no lines.
    """

    def __init__(self, options: ReadOptions) -> None:
        check_roles(options)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per row, list by list."""
        document = parse_json("".join(file.lines()), file.path, 1)
        for path, rows in _parts(document, file):
            records = ((number, _record(row, f"{path}:{number}")) for number, row in enumerate(rows, start=1))
            yield from read_records(records, path, self._options, notices)


def _parts(document: Any, file: TextLines) -> Iterator[tuple[str, list[Any]]]:
    """(path#part, rows) of each list that was asked for."""
    if isinstance(document, list):
        if file.part:
            what = f"`{file.path}` is a list and has no part `{file.part}`"
            raise ConfigError(what, fix=f"leave out #{file.part}")
        yield file.path, document
        return
    content = document.items() if isinstance(document, dict) else ()
    lists = {key: value for key, value in content if isinstance(value, list)}
    if not lists:
        raise DataError("no list of rows", where=file.path, fix='[{"text": "...", "label": "..."}, ...]')
    if not file.part:
        fix = f"say which, e.g. {file.path}#{next(iter(lists))} (there are: {', '.join(lists)}; + joins several)"
        raise DataError("the file has parts", where=file.path, fix=fix)
    for key in file.part.split("+"):
        if key not in lists:
            what = f"`{file.path}` has no part `{key}`"
            raise DataError(what, where=f"{file.path}#{file.part}", fix=suggestion(key, list(lists)))
        yield f"{file.path}#{key}", lists[key]


def _record(row: object, where: str) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    if isinstance(row, Sequence) and not isinstance(row, str) and len(row) == len(_PAIR):
        return dict(zip(_PAIR, row, strict=True))
    raise DataError("no row", where=where, fix='a row is {"text": "...", "label": "..."} or ["...", "..."]')
