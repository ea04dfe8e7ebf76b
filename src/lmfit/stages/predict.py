"""lmfit predict: unlabelled rows in, predictions out, as a stream that keeps their order."""

import csv
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from lmfit import console
from lmfit.config.load import load_config
from lmfit.config.schema import Column
from lmfit.data.example import Example
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.sources import read_input
from lmfit.errors import DataError, InputError
from lmfit.inference.load import load_predictor
from lmfit.runs import Run

OUTPUT_FORMATS = ("jsonl", "csv", "parquet")
PARQUET_ROWS = 10_000


class Writer(Protocol):
    """Writes one prediction after the other."""

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example."""


def run(
    chosen: Run,
    source: str,
    out: Path | None,
    form: str | None,
    *,
    columns: Mapping[str, str],
    input_form: str | None,
    device: str,
    precision: str,
) -> int:
    """Predict the rows of `source`, write to `out` (None: stdout); returns their number. A file appears when whole.

    columns: which input columns hold text and text_pair, where that is not plain. Raises InputError, DataError.
    """
    form = form or _form(out)
    if out is not None and out.exists() and os.path.exists(source) and out.samefile(source):
        raise InputError(f"the output `{out}` is the input", where="--output", fix="give another name")
    predictor = load_predictor(chosen, device=device, precision=precision)
    kind = predictor.task.example_kind
    options = ReadOptions(kind, input_form or "auto", dict(columns), preferred=_columns_of_training(chosen))
    notices = Notices()
    examples = read_input(source, kind, options, notices=notices)
    count = 0
    with _writer(out, form) as writer:
        for example, prediction in console.progress(predictor.stream(examples), total=None, what="predicting"):
            if count == 0:
                for notice in (*notices.sentences, *_replaced(example, prediction, form)):
                    console.say(notice)
            writer.write(example, prediction)
            count += 1
    if cut := predictor.stats.counts["truncated"]:
        console.warn(f"{cut:,} rows are longer than the model takes and were cut (data.overflow of its training)")
    return count


def _columns_of_training(chosen: Run) -> dict[str, Column | list[Column]]:
    """Where the texts stood in the run's own files: taken where the input has these columns too."""
    path = chosen.path / "config.yaml"
    if not path.is_file():
        return {}
    try:
        columns = load_config("finetune", path).config.data.columns
    except InputError:
        return {}
    return {role: column for role, column in columns.items() if role in ("text", "text_pair")}


def row_of(example: Example, prediction: Any) -> dict[str, Any]:
    """Input columns first, then what was predicted: {"id", "text", ...}."""
    predicted = prediction.row()
    kept = {name: value for name, value in example.columns.items() if name not in predicted}
    return {"id": example.id or str(example.origin.line), **kept, **predicted}


def _form(out: Path | None) -> str:
    suffix = ".jsonl" if out is None else out.suffix.lower()
    if suffix[1:] not in OUTPUT_FORMATS:
        raise InputError(
            f"`{out}` does not tell the output format",
            where="--output",
            fix="end it in .jsonl, .csv or .parquet, or give --format",
        )
    return suffix[1:]


def _replaced(example: Example, prediction: Any, form: str) -> list[str]:
    """A notice where answers stand in columns of the input."""
    added = prediction.row() if form == "jsonl" else dict.fromkeys(("prediction", "score"))
    names = [name for name, value in example.columns.items() if name in added and value != added[name]]
    return [f"the prediction replaces input columns: {', '.join(names)}"] if names else []


@contextmanager
def _writer(out: Path | None, form: str) -> Iterator[Writer]:
    if form not in OUTPUT_FORMATS:
        raise InputError(f"unknown output format `{form}`", where="--format", fix=f"one of {', '.join(OUTPUT_FORMATS)}")
    if out is None:
        if form == "parquet":
            raise InputError("parquet cannot go to stdout", fix="give a file with --output")
        yield JsonLines(sys.stdout) if form == "jsonl" else Csv(sys.stdout)
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
                yield JsonLines(file) if form == "jsonl" else Csv(file)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example."""
        self.file.write(json.dumps(row_of(example, prediction), ensure_ascii=False) + "\n")


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
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


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
