"""JSON lines: one object a line."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from lmfit.data.columns import check_roles, choose
from lmfit.data.example import Example, Origin
from lmfit.data.files import TextLines
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.formats.json_stream import Located, objects_of_lines
from lmfit.data.notices import Notices
from lmfit.data.records import RecordBuilder

_SAMPLE_ROWS = 200


class JsonlReader(Reader[TextLines]):
    """Reads text and label (a text, a number, or a list of names), tokens and tags, or text and entities with offsets.

    Keys are found in the first rows; which key stands for what, data.columns says, else well-known names.
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
    chosen = choose(options, names, where, notices)
    builder = RecordBuilder(options, chosen, names, where, notices)
    for line, record in chain(head, rows):
        with notices.mistakes:
            yield builder.example(record, Origin(path, line))
