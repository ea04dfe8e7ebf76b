"""JSON lines: one object a line."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from lmfit.data.columns import check_roles, choose, flat
from lmfit.data.example import Example, Origin
from lmfit.data.files import TextLines
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.formats.json_stream import Located, objects_of_lines
from lmfit.data.notices import Notices
from lmfit.data.records import RecordBuilder

_SAMPLE_ROWS = 200


class JsonlReader(Reader[TextLines]):
    """Reads text and label (a text, a number, or a list of names), tokens and tags, or text and entities with offsets.

    Keys are found in the first rows; which key stands for what, data.columns says, else well-known names. A key of a
    nested object is named with its path, `data.text`.
    """

    plain = True

    def __init__(self, options: ReadOptions) -> None:
        check_roles(options)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per line; blank lines are passed over and counted."""
        parts: Counter[str] = Counter()
        yield from read_records(objects_of_lines(file, parts, notices), file.path, self._options, notices)
        notices.account(file.path, file.line_count, parts["rows"], parts)


def read_records(records: Iterable[Located], path: str, options: ReadOptions, notices: Notices) -> Iterator[Example]:
    """The examples of JSON objects that stand at (line, object)."""
    rows = iter(records)
    head = list(islice(rows, _SAMPLE_ROWS))
    if not head:
        return
    where = f"{path}:{head[0][0]}"
    names = list(dict.fromkeys(key for _, record in head for key in record))
    nested = [
        name for name in _asked(options) if name not in names and any(reach(r, name) is not None for _, r in head)
    ]
    chosen = choose(options, [*names, *nested], where, notices)
    builder = RecordBuilder(options, chosen, names, where, notices)
    for line, record in chain(head, rows):
        with notices.mistakes:
            if not nested:
                yield builder.example(record, Origin(path, line))
                continue
            example = builder.example(record | {name: reach(record, name) for name in nested}, Origin(path, line))
            example.columns = {name: value for name, value in example.columns.items() if name in record}
            yield example


def _asked(options: ReadOptions) -> list[str]:
    """Dotted names among the columns asked for."""
    asked = flat([*options.columns.values(), *options.preferred.values()])
    return list(dict.fromkeys(name for name in asked if isinstance(name, str) and "." in name))


def reach(record: Any, path: str) -> Any:
    """The value at a path (`data.text`, `turns.0.text`) into nested objects and lists; None where there is none."""
    for step in path.split("."):
        if isinstance(record, list):
            record = record[int(step)] if step.isdecimal() and int(step) < len(record) else None
        else:
            record = record.get(step) if isinstance(record, dict) else None
    return record
