"""lmfit predict: unlabelled rows in, predictions out, as a stream that keeps their order."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from lmfit import console
from lmfit.data.example import Example
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.sources import read_input
from lmfit.errors import InputError
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
) -> int:
    """Predict the rows of `source`, write to `out` (None: stdout); returns their number. A file appears when whole.

    columns: which input columns hold text and text_pair, where that is not plain. Raises InputError, DataError.
    """
    predictor = load_predictor(chosen, device=device)
    options = ReadOptions(predictor.task.example_kind, input_form or "auto", dict(columns))
    notices = Notices()
    examples = read_input(source, predictor.task.example_kind, options, notices=notices)
    count = 0
    with _writer(out, form or _form(out)) as writer:
        for example, prediction in console.progress(predictor.stream(examples), total=None, what="predicting"):
            if count == 0:
                for notice in notices.sentences:
                    console.say(notice)
            writer.write(example, prediction)
            count += 1
    return count


def row_of(example: Example, prediction: Any) -> dict[str, Any]:
    """Input columns first, then what was predicted: {"id", "text", ...}."""
    predicted = prediction.row()
    kept = {name: value for name, value in example.columns.items() if name not in predicted}
    return {"id": example.id or str(example.origin.line), **kept, **predicted}


def _form(out: Path | None) -> str:
    if out is None or out.suffix not in (".csv", ".parquet"):
        return "jsonl"
    return out.suffix[1:]


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
            self._writer = csv.DictWriter(self.file, list(row), extrasaction="ignore")
            self._writer.writeheader()
        self._writer.writerow(row)


class Parquet:
    """As CSV, in row groups of 10,000."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[Mapping[str, Any]] = []
        self._file: Any = None

    def write(self, example: Example, prediction: Any) -> None:
        """Write the prediction of an example."""
        self._rows.append(table_row(example, prediction))
        if len(self._rows) >= PARQUET_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = None if self._file is None else self._file.schema
        table = pa.Table.from_pylist(self._rows, schema=schema)
        if self._file is None:
            self._file = pq.ParquetWriter(self.path, table.schema)
        self._file.write_table(table)
        self._rows = []

    def close(self) -> None:
        """Write what is left."""
        if self._rows or self._file is None:
            self._flush()
        self._file.close()
