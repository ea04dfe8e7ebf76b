"""One JSON document: a list of objects, or an object whose keys are the splits."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lmfit.data.columns import check_roles
from lmfit.data.example import Example
from lmfit.data.files import TextLines
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.formats.json_stream import ListItems, Located, begins_list, parse_json
from lmfit.data.formats.jsonl import read_records
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError, DataError, suggestion

_SAMPLE_LINES = 100
_PAIR = ("text", "label")


class JsonReader(Reader[TextLines]):
    """Reads a list of objects or of [text, label] pairs; `FILE.json#train+extra` takes these keys of an object.

    A line in a message is the row's number in its list, as JSON keeps no lines.
    """

    parts = True
    plain = True

    def __init__(self, options: ReadOptions) -> None:
        check_roles(options)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per row, list by list."""
        parts: Counter[str] = Counter()
        for path, rows in _parts(file, parts, notices):
            yield from read_records(_records(rows, path, parts, notices), path, self._options, notices)
        name = f"{file.path}#{file.part}" if file.part else file.path
        notices.account(name, parts.total(), parts["rows"], parts, unit="items")


def list_parts(file: TextLines) -> list[str]:
    """The keys of a document that is an object of lists; none for any other."""
    return [] if begins_list(file.head(_SAMPLE_LINES)) else list(_lists(file))


def _lists(file: TextLines) -> dict[str, list[Any]]:
    document = parse_json("".join(file.lines()), file.path, 1)
    content = document.items() if isinstance(document, dict) else ()
    return {key: value for key, value in content if isinstance(value, list)}


def _parts(file: TextLines, parts: Counter[str], notices: Notices) -> Iterator[tuple[str, Iterable[Any]]]:
    """(path#part, rows) of each list that was asked for. A list by itself is decoded row by row.

    parts: how many items are in lists that were not.
    """
    if begins_list(file.head(_SAMPLE_LINES)):
        if file.part:
            what = f"`{file.path}` is a list and has no part `{file.part}`"
            raise ConfigError(what, fix=f"leave out #{file.part}")
        yield file.path, ListItems(file.lines(), file.path)
        return
    lists = _lists(file)
    if not lists:
        raise DataError("no list of rows", where=file.path, fix='[{"text": "...", "label": "..."}, ...]')
    if not file.part and len(lists) > 1:
        fix = f"say which, e.g. {file.path}#{next(iter(lists))} (there are: {', '.join(lists)}; + joins several)"
        raise DataError("the file has parts", where=file.path, fix=fix)
    if not file.part:
        notices.say(f"the rows are the list `{next(iter(lists))}`", file.path)
    asked = file.part.split("+") if file.part else list(lists)
    if other := sum(len(items) for key, items in lists.items() if key not in asked):
        parts["in other parts"] += other
    for key in asked:
        if key not in lists:
            what = f"`{file.path}` has no part `{key}`"
            raise DataError(what, where=f"{file.path}#{file.part}", fix=suggestion(key, list(lists)))
        yield f"{file.path}#{key}", lists[key]


def _records(rows: Iterable[Any], path: str, parts: Counter[str], notices: Notices) -> Iterator[Located]:
    for number, row in enumerate(rows, start=1):
        parts["rows"] += 1
        with notices.mistakes:
            yield number, _record(row, f"{path}:{number}")


def _record(row: object, where: str) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    if isinstance(row, Sequence) and not isinstance(row, str) and len(row) == len(_PAIR):
        return dict(zip(_PAIR, row, strict=True))
    raise DataError("no row", where=where, fix='a row is {"text": "...", "label": "..."} or ["...", "..."]')
