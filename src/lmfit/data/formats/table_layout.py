"""What a table's first lines show: the delimiter, whether quotes enclose fields, whether a header names the columns."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lmfit.data.columns import WELL_KNOWN, flat
from lmfit.data.files import chomp
from lmfit.data.formats.base import ReadOptions
from lmfit.errors import ConfigError

SAMPLE_LINES = 1000
DELIMITER_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "blank": " ", "space": " "}
_LEAST_SHARE = 0.9
_LONGEST_NAME = 40
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?")

Row = list[str]


@dataclass(frozen=True)
class Dialect:
    """How a line becomes fields."""

    delimiter: str
    quoted: bool

    def __str__(self) -> str:
        name = DELIMITER_NAMES.get(self.delimiter, repr(self.delimiter))
        return f"{name} between columns, {'quotes enclose fields' if self.quoted else 'quotes are text'}"


def judge_dialect(head: Sequence[str], lines: Iterable[str], options: ReadOptions) -> Dialect:
    """The dialect asked for; what is `auto` is judged on the first lines, quotes among tabs on all."""
    delimiter = options.delimiter
    if delimiter == "auto":
        delimiter = "\t" if options.format == "tsv" else _judge_delimiter(head, quoted=options.quoting != "none")
    delimiter = _NAMED.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ConfigError(
            f"`{delimiter}` cannot separate columns", where="data.delimiter", fix="use one character or tab"
        )
    if options.quoting != "auto":
        return Dialect(delimiter, options.quoting == "standard")
    if options.format == "tsv":
        return Dialect(delimiter, quoted=False)
    return Dialect(delimiter, delimiter != "\t" or _quotes_enclose(lines, delimiter))


def _judge_delimiter(lines: Sequence[str], *, quoted: bool) -> str:
    """A tab where most lines have one, else the candidate that splits most rows into the same number (at least 2) of
    fields, else a comma."""
    content = [line for line in lines if line.strip()]
    if content and sum("\t" in line for line in content) >= _LEAST_SHARE * len(content):
        return "\t"
    best, best_share = ",", 0.0
    for delimiter in ",;|":
        rows = sample_rows(lines, Dialect(delimiter, quoted))
        widths = Counter(len(row) for row in rows)
        width, rows_of_width = widths.most_common(1)[0] if widths else (0, 0)
        share = rows_of_width / max(len(rows), 1)
        if width > 1 and share >= _LEAST_SHARE and share > best_share:
            best, best_share = delimiter, share
    return best


def _quotes_enclose(lines: Iterable[str], delimiter: str) -> bool:
    """Whether quotes enclose fields: by which reading gives more even rows, else by where the quotes stand."""
    widths: Counter[int] = Counter()
    well_quoted = True

    def watched() -> Iterator[str]:
        nonlocal well_quoted
        for line in lines:
            widths[line.count(delimiter) + 1] += bool(line.strip())
            well_quoted = well_quoted and _well_quoted(line, delimiter)
            yield line

    rows: Counter[int] = Counter()
    try:
        rows.update(len(row) for row in csv.reader(watched(), delimiter=delimiter, strict=True) if row)
    except csv.Error:
        return False
    uneven, uneven_as_text = (found.total() - max(found.values(), default=0) for found in (rows, widths))
    return well_quoted if uneven == uneven_as_text else uneven < uneven_as_text


def _well_quoted(line: str, delimiter: str) -> bool:
    """Whether every quote is one of those around a whole field, or doubled inside such a field."""
    for field in chomp(line).split(delimiter) if '"' in line else ():
        enclosed = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in field[1:-1].replace('""', "")
        if '"' in field and not enclosed:
            return False
    return True


def sample_rows(lines: Sequence[str], dialect: Dialect) -> list[Row]:
    """The rows of the first lines up to one that cannot be read, without blank lines.

    The last one is left out where its quotes may be cut off.
    """
    if not dialect.quoted:
        return [chomp(line).split(dialect.delimiter) for line in lines if line.strip()]
    rows: list[Row] = []
    with suppress(csv.Error):
        for row in csv.reader(lines, delimiter=dialect.delimiter):
            rows += [row] if row else []
    return rows[:-1] if len(lines) >= SAMPLE_LINES else rows


def judge_header(rows: Sequence[Row], options: ReadOptions) -> bool:
    """Whether the first row names the columns.

    It does where data.columns uses names, or where it holds the preferred ones. Else it does not where it holds a
    number, an empty or a long field. Else it does where it holds a well-known name that does not come again in its
    column, where a column is numbers from there on, or where a column repeats few values and the first is none of
    them. A name that comes twice says nothing.
    """
    if options.header != "auto":
        return options.header
    if any(isinstance(column, str) for column in flat(options.columns.values())):
        return True
    if not rows:
        return False
    first, rest = rows[0], rows[1:]
    preferred = flat(options.preferred.values())
    if preferred and {str(column) for column in preferred} <= {cell.strip() for cell in first}:
        return True
    if not all(_like_a_name(cell) for cell in first):
        return False
    below = [[row[i] for row in rest if i < len(row)] for i in range(len(first))]
    if any(cell in column for cell, column in zip(first, below, strict=True)):
        return False
    if any(cell.strip().lower() in WELL_KNOWN for cell in first):
        return True
    return any(_all_numbers(column) or 2 * len(set(column)) < len(column) for column in below)


def _like_a_name(cell: str) -> bool:
    return 0 < len(cell.strip()) <= _LONGEST_NAME and not _NUMBER.fullmatch(cell.strip())


def _all_numbers(column: Sequence[str]) -> bool:
    return bool(column) and all(_NUMBER.fullmatch(value.strip()) for value in column)


def guess_label_column(rows: Sequence[Row]) -> int | None:
    """Which of two columns without names is the label: the one with few values that come again and again."""
    if any(len(row) != 2 for row in rows) or len(rows) < 2:
        return None
    distinct = [len({row[i] for row in rows}) for i in range(2)]
    label = distinct.index(min(distinct))
    few = 2 * distinct[label] <= len(rows)
    return label if few and 2 * distinct[label] <= distinct[1 - label] else None
