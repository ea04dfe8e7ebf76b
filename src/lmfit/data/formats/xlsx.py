"""Excel workbooks: one sheet as a table of the texts that a user sees."""

import datetime
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import chain, islice
from math import isfinite
from typing import Any

from lmfit.config.section import Column
from lmfit.data.columns import check_roles
from lmfit.data.example import Example
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.formats.table import Numbered, Table
from lmfit.data.notices import Notices
from lmfit.data.stored import StoredFile
from lmfit.errors import ConfigError, DataError, MissingExtra, suggestion

_SAMPLE_ROWS = 1000
_FIXED = re.compile(r"(#,##)?(0+)(?:\.(0+))?(%)?")
_PLAIN = ("General", "@", "")
_EXACT = Context(prec=400)


class XlsxReader(Reader[StoredFile]):
    """Reads a sheet row by row: the first visible one, or that of data.sheet, or of FILE#SHEET.

    Numbers have the digits that their format shows, dates are written 2024-01-31 (what Excel shows hangs on the
    machine's language), empty cells are empty texts. The line of an origin is the row's number in the sheet.
    """

    takes = "binary"
    parts = True
    plain = True

    def __init__(self, options: ReadOptions) -> None:
        check_roles(options)
        self._options = options

    def read(self, file: StoredFile, notices: Notices) -> Iterator[Example]:
        """Yield one example per row. Raises DataError for a formula without a value, naming the cell."""
        book = _opened(file.path, values=True)
        try:
            sheet = _sheet(book, file.part or self._options.sheet, file.path, notices)
            parts: Counter[str] = Counter()
            rows = _rows(sheet, file.path, parts, notices)
            head = list(islice(rows, _SAMPLE_ROWS))
            left = min((i for _, row in head for i, cell in enumerate(row) if cell), default=0)
            width = len(head[0][1]) if head else 0
            table = Table(
                file.path,
                f"sheet `{sheet.title}`",
                _even(chain(head, rows), left, width),
                [row for _, row in _even(iter(head), left, width)],
                parts,
                uneven="a cell lies beside the table: name its column in the first row, or clear it",
            )
            yield from table.examples(self._options, notices)
            name = f"{file.path}#{file.part}" if file.part else file.path
            notices.account(name, parts.pop("there", 0), parts["rows"], parts, unit="rows of the sheet")
        finally:
            book.close()


def _opened(path: str, *, values: bool) -> Any:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtra("reading .xlsx files", "excel") from error
    try:
        return load_workbook(path, read_only=True, data_only=values, keep_links=False)
    except Exception as error:
        raise _damaged(path, error) from error


def _sheet(book: Any, asked: Column | None, path: str, notices: Notices) -> Any:
    names = [sheet.title for sheet in book.worksheets]
    if not names:
        raise DataError(f"`{path}` holds no sheet with cells", fix="save it anew as .xlsx")
    if asked is None:
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        if len(names) > 1:
            notices.say(f"of its {len(names)} sheets, `{visible[0].title}` (data.sheet)", path)
        return visible[0]
    if isinstance(asked, int) and -len(names) <= asked < len(names):
        return book.worksheets[asked]
    if asked not in names:
        what = f"`{path}` has no sheet `{asked}`"
        raise ConfigError(what, where="data.sheet", fix=suggestion(str(asked), names))
    return book[asked]


def _rows(sheet: Any, path: str, parts: Counter[str], notices: Notices) -> Iterator[Numbered]:
    """(number, texts) of the rows that are not blank, without empty cells at their ends.

    parts: how many rows are there, and how many of them are blank.
    """
    with closing(_Formulas(path, sheet.title)) as formulas:
        for number, cells in enumerate(_cells(sheet, path), start=1):
            parts["there"] = number
            row = [_shown(cell, path, number, notices) for cell in cells]
            if "" in row:
                formulas.check(number, row)
            while row and not row[-1]:
                row.pop()
            if row:
                yield number, row
            else:
                parts["blank rows"] += 1
                notices.count("blank rows passed over", f"{path}:{number}")


def _cells(sheet: Any, path: str, first: int = 1) -> Iterator[Sequence[Any]]:
    """The rows of a sheet from a number on; whatever a damaged file makes of the parser is a DataError."""
    try:
        sheet.reset_dimensions()
        yield from sheet.iter_rows(min_row=first)
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: str, error: Exception) -> DataError:
    what = f"`{path}` is no Excel workbook (.xlsx), or a damaged one: {error}"
    return DataError(what, fix="save it anew as .xlsx, without a password")


def _even(rows: Iterator[Numbered], left: int, width: int) -> Iterator[Numbered]:
    """The rows from the table's left border on, short ones filled with empty cells."""
    for number, row in rows:
        yield number, row[left:] + [""] * (width - max(len(row), left))


class _Formulas:
    """Tells formulas whose value was never computed from empty cells, by a second pass that begins where needed."""

    def __init__(self, path: str, sheet: str) -> None:
        self._path = path
        self._sheet = sheet
        self._book: Any = None
        self._rows: Iterator[tuple[int, Sequence[Any]]] = iter(())

    def check(self, number: int, row: Sequence[str]) -> None:
        """Raise DataError where one of the row's empty cells is a formula."""
        if self._book is None:
            self._book = _opened(self._path, values=False)
            self._rows = enumerate(_cells(self._book[self._sheet], self._path, number), start=number)
        cells = next((cells for at, cells in self._rows if at == number), ())
        for cell, text in zip(cells, row, strict=False):
            if not text and cell.data_type == "f":
                where = f"{self._path}:{number}, cell {cell.coordinate} of `{self._sheet}`"
                fix = "open the file in a spreadsheet program and save it, so that it holds the values"
                raise DataError("a formula without its value", where=where, fix=fix)

    def close(self) -> None:
        """Close the second pass."""
        if self._book is not None:
            self._book.close()


def _shown(cell: Any, path: str, number: int, notices: Notices) -> str:
    """The text that a user sees in a cell."""
    value = cell.value
    if value is None or isinstance(value, str):
        if cell.data_type == "e":
            notices.count(f"cells with the error {value}, read as text", f"{path}:{number}")
        return value or ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime.datetime):
        at_midnight = value.time() == datetime.time() and "h" not in cell.number_format.lower()
        return str(value.date() if at_midnight else value.replace(microsecond=0))
    if not isinstance(value, int | float):
        return str(value)
    text = number_text(value, cell.number_format)
    if text is None:
        notices.count(f"numbers in the format {cell.number_format}, read without it", f"{path}:{number}")
    return text or _general(value)


def number_text(value: int | float, form: str) -> str | None:
    """A number as Excel shows it in the formats General, 0.00, #,##0.00, 00000 and 0.0%; None for others."""
    if form in _PLAIN or not isfinite(value):
        return _general(value)
    match = _FIXED.fullmatch(form.split(";")[0])
    if not match:
        return None
    thousands, digits, decimals, percent = match.groups()
    exact = Decimal(repr(value)) * (100 if percent else 1)
    rounded = exact.quantize(Decimal(1).scaleb(-len(decimals or "")), ROUND_HALF_UP, _EXACT)
    least = len(digits) + (1 + len(decimals) if decimals else 0) + (rounded < 0)
    return f"{rounded:0{'' if thousands else least}{',' if thousands else ''}f}{percent or ''}"


def _general(value: int | float) -> str:
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else f"{value:.15g}"
