"""Tables: csv, tsv and their kin. Every field stays text as written; "NA" and "None" are words like any other."""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from lmfit.data.columns import TARGET, Chosen, check_roles, choose, flat
from lmfit.data.example import Example, Origin
from lmfit.data.files import TextLines, chomp
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.formats.table_layout import (
    SAMPLE_LINES,
    Dialect,
    Row,
    guess_label_column,
    judge_dialect,
    judge_header,
    sample_rows,
)
from lmfit.data.notices import Notices
from lmfit.data.records import RecordBuilder
from lmfit.errors import DataError

csv.field_size_limit(sys.maxsize)

Numbered = tuple[int, Row]


class TableReader(Reader[TextLines]):
    """Reads rows separated by a delimiter; a quoted field may hold line ends, and line numbers stay right.

    A row that is shorter or longer than the first is an error, except in a tab-separated file whose columns are all
    given in data.columns: there it is read if it has these columns, and counted.
    """

    plain = True

    def __init__(self, options: ReadOptions) -> None:
        check_roles(options)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per row."""
        lines = iter(file.lines())
        head = list(islice(lines, SAMPLE_LINES))
        dialect = judge_dialect(head, file.lines() if file.repeatable else head, self._options)
        parts: Counter[str] = Counter()
        rows = _rows(chain(head, lines), dialect, file.path, parts, notices)
        ragged = dialect.delimiter == "\t"
        table = Table(file.path, str(dialect), rows, sample_rows(head, dialect), parts, ragged=ragged)
        yield from table.examples(self._options, notices)
        notices.account(file.path, file.line_count, parts["rows"], parts)


@dataclass(frozen=True)
class Table:
    """Rows of text with their numbers, a sample of the first of them, and a word on how they were parted.

    parts: how many of the lines were what.
    ragged: whether rows may have more or fewer fields than the first, where data.columns says all that is read.
    uneven: what to do about a row with more or fewer fields.
    """

    path: str
    layout: str
    rows: Iterator[Numbered]
    sample: Sequence[Row]
    parts: Counter[str] = field(default_factory=Counter)
    ragged: bool = False
    uneven: str = "is the delimiter in a text (quote the field), or missing? See data.delimiter and data.quoting"

    def examples(self, options: ReadOptions, notices: Notices) -> Iterator[Example]:
        """One example per row. Raises DataError with the number of a row that cannot be read."""
        header = judge_header(self.sample, options)
        line, first = next(self.rows, (1, []))
        if not first:
            return
        where = f"{self.path}:{line}"
        names = _names(first, header, where)
        notices.say(f"{self.layout}, {'the first row names the columns' if header else 'no header'}", self.path)
        chosen = _choose(options, names, self.sample, header, where, notices)
        builder = RecordBuilder(options, chosen, names, where, notices)
        needed = _needed(options, chosen, names) if self.ragged else None
        body = self.rows if header else chain([(line, first)], self.rows)
        self.parts.update({"header line": int(header)})
        for line, row in body:
            self.parts["rows"] += 1
            with notices.mistakes:
                if len(row) != len(names):
                    self._check_width(len(row), len(names), needed, f"{self.path}:{line}", notices)
                yield builder.example(_record(names, row), Origin(self.path, line))

    def _check_width(self, fields: int, width: int, needed: int | None, where: str, notices: Notices) -> None:
        """Count a row that is longer or shorter than the first. Raises DataError where that hides what is read."""
        if needed is None or fields < needed:
            raise DataError(f"{fields} columns where the first row has {width}", where=where, fix=self.uneven)
        notices.count(f"rows with more or fewer columns than the first ({width}), read by data.columns", where)


def _choose(
    options: ReadOptions, names: Sequence[str], sample: Sequence[Row], header: bool, where: str, notices: Notices
) -> Chosen:
    """The columns of each role; a table of one column, or of two without names, explains itself."""
    if options.columns or header or options.kind != "text":
        alone = len(names) == 1 and not options.columns
        return {"text": [names[0]]} if alone else choose(options, names, where, notices)
    if len(names) == 1:
        return {"text": [names[0]]}
    label = guess_label_column(sample)
    if label is None:
        return {}
    notices.say(f"text is column {1 - label}, label column {label} (data.columns)", where.rpartition(":")[0])
    return {"text": [names[1 - label]], "label": [names[label]]}


def _needed(options: ReadOptions, chosen: Chosen, names: Sequence[str]) -> int | None:
    """How many fields a row must have where data.columns says all that is read; None: as many as the first row."""
    if options.kind == "record":
        return 1
    asked = flat(options.columns.values())
    given = TARGET[options.kind] in options.columns
    if not given or any(isinstance(column, int) and column < 0 for column in asked):
        return None
    return 1 + max(names.index(name) for found in chosen.values() for name in found)


def _rows(
    lines: Iterable[str], dialect: Dialect, path: str, parts: Counter[str], notices: Notices
) -> Iterator[Numbered]:
    """(line on which it begins, fields) of each row; blank lines are passed over and counted. parts: other lines."""
    for number, row in _quoted_rows(lines, dialect, path, parts) if dialect.quoted else _plain_rows(lines, dialect):
        if row:
            yield number, row
        else:
            parts["blank lines"] += 1
            notices.count("blank lines passed over", f"{path}:{number}")


def _plain_rows(lines: Iterable[str], dialect: Dialect) -> Iterator[Numbered]:
    for number, line in enumerate(map(chomp, lines), start=1):
        yield number, line.split(dialect.delimiter) if line.strip() else []


def _quoted_rows(lines: Iterable[str], dialect: Dialect, path: str, parts: Counter[str]) -> Iterator[Numbered]:
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _quoting_error(error, path, number, reader.line_num) from error
        if reader.line_num > number:
            parts["line ends inside quotes"] += reader.line_num - number
        yield number, row


def _quoting_error(error: csv.Error, path: str, begin: int, end: int) -> DataError:
    reason = str(error)
    if "new-line character" in reason:
        what, fix = "a carriage return inside a row", "end lines with \\n or \\r\\n, or put the field in quotes"
    elif "unexpected end" in reason:
        what, fix = "a quoted field is not closed before the end of the file", "close it, or set data.quoting: none"
    else:
        what = "text after the closing quote of a field"
        fix = 'double the quotes inside ("a ""b"" c"), or set data.quoting: none if quotes are plain text'
    return DataError(
        what + (f" (the row goes on to line {end})" if end > begin else ""), where=f"{path}:{begin}", fix=fix
    )


def _names(first: Row, header: bool, where: str) -> list[str]:
    """Names of the columns: the header's, else positions "0", "1" ..."""
    if not header:
        return [str(i) for i in range(len(first))]
    names = [name.strip() or str(i) for i, name in enumerate(first)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(
            f"two columns are named `{twice}`",
            where=where,
            fix="rename one; if this is a row, not a header: data.header: false",
        )
    return names


def _record(names: Sequence[str], row: Row) -> dict[str, str]:
    record = dict(zip(names, row, strict=False))
    record.update((str(i), row[i]) for i in range(len(names), len(row)))
    return record
