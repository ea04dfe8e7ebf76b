"""The files that `lmfit predict` writes: JSON lines or one JSON list, CSV, Parquet."""

import csv
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from lmfit.data.example import Example
from lmfit.errors import DataError, InputError

OUTPUT_FORMATS = ("jsonl", "csv", "parquet")
PARQUET_ROWS = 10_000

MakeRow = Callable[[Example, Any], Mapping[str, Any]]
"""What is written of a prediction."""


class Writer(Protocol):
    """Writes one prediction after the other."""

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example."""

    def close(self) -> None:
        """Write what is left."""


@contextmanager
def open_writer(out: Path | None, form: str, make_row: MakeRow) -> Iterator[Writer]:
    """A writer to `out` (None: stdout); the file appears when it is whole.

    form: jsonl, json (one list), csv or parquet; the tables have columns of their own. Raises InputError for others.
    """
    if out is None:
        if form == "parquet":
            raise InputError("parquet cannot go to stdout", fix="give a file with --output")
        writer = _text_writer(sys.stdout, form, make_row)
        yield writer
        writer.close()
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.writing")
    try:
        if form == "parquet":
            parquet = Parquet(temporary)
            yield parquet
            parquet.close()
        else:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                writer = _text_writer(file, form, make_row)
                yield writer
                writer.close()
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _text_writer(file: TextIO, form: str, make_row: MakeRow) -> Writer:
    if form == "csv":
        return Csv(file)
    return JsonList(file, make_row) if form == "json" else JsonLines(file, make_row)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, file: TextIO, make_row: MakeRow) -> None:
        self.file = file
        self._make_row = make_row

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example."""
        self.file.write(self.text(example, prediction) + "\n")

    def text(self, example: Example, prediction: Any) -> str:
        """The object of a prediction; what JSON has no type for, such as a date of a Parquet file, is text."""
        return json.dumps(self._make_row(example, prediction), ensure_ascii=False, default=str)

    def close(self) -> None:
        """Nothing is left."""


class JsonList(JsonLines):
    """One JSON list, an object a line."""

    _before = "[\n"

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example."""
        self.file.write(self._before + self.text(example, prediction))
        self._before = ",\n"

    def close(self) -> None:
        """End the list."""
        self.file.write("[]\n" if self._before == "[\n" else "\n]\n")


def table_row(example: Example, prediction: Any) -> dict[str, Any]:
    """Every input column, then `prediction` and `score`; entities and several labels as JSON."""
    row = prediction.row()
    answer = row.get("entities", row.get("label"))
    told = json.dumps(answer, ensure_ascii=False) if isinstance(answer, list) else answer
    columns = dict(example.columns) or {"id": example.id or str(example.origin.line), "text": example.text}
    scores = [entity["score"] for entity in row.get("entities", [])]
    return {**columns, "prediction": told, "score": row.get("score", min(scores, default=None))}


class Csv:
    """Every input column is kept; `prediction` and `score` are added."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self._writer: csv.DictWriter[str] | None = None

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example; the first one decides the columns."""
        row = table_row(example, prediction)
        if self._writer is None:
            self._writer = csv.DictWriter(self.file, list(row))
            self._writer.writeheader()
        _refuse_new_columns(row, self._writer.fieldnames, example)
        self._writer.writerow({name: _cell(value) for name, value in row.items()})

    def close(self) -> None:
        """Nothing is left."""


def _refuse_new_columns(row: Mapping[str, Any], known: Collection[str], example: Example) -> None:
    new = [name for name in row if name not in known]
    if new:
        raise DataError(
            f"this row has columns that the first row has not: {', '.join(new)}",
            where=str(example.origin),
            fix="write JSON lines: --format jsonl",
        )


def _cell(value: Any) -> Any:
    """A list or an object as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else value


class Parquet:
    """As CSV, in row groups of 10,000; lists and objects stay what they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[Mapping[str, Any]] = []
        self._names: list[str] = []
        self._file: Any = None

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example."""
        row = table_row(example, prediction)
        self._names = self._names or list(row)
        _refuse_new_columns(row, self._names, example)
        self._rows.append(row)
        if len(self._rows) >= PARQUET_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if self._file is None:
                inferred = pa.Table.from_pylist(self._rows).schema
                self._file = pq.ParquetWriter(self.path, pa.schema([_typed(field) for field in inferred]))
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=self._file.schema))
        except pa.ArrowException as error:
            raise DataError(f"a column changes its type: {error}", fix="write JSON lines: --format jsonl") from error
        self._rows = []

    def close(self) -> None:
        """Write what is left."""
        if self._rows or self._file is None:
            self._flush()
        self._file.close()


def _typed(field: Any) -> Any:
    """A field that was empty so far, as text; the score as a number."""
    import pyarrow as pa

    if field.name == "score":
        return field.with_type(pa.float64())
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field
