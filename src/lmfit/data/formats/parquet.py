"""Parquet: tables with typed columns, read by row groups."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lmfit.data.columns import check_roles
from lmfit.data.example import Example
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.formats.features import Decoder, decoder
from lmfit.data.formats.json_stream import Located
from lmfit.data.formats.jsonl import read_records
from lmfit.data.notices import Notices
from lmfit.data.stored import StoredFile
from lmfit.errors import DataError

_BATCH = 1000


class ParquetReader(Reader[StoredFile]):
    """Reads one example per row: a text and a label, lists of words and tags, or a text and entities.

    Class numbers become names where the file comes from a Hugging Face data set, which says them.
    """

    takes = "binary"
    plain = True

    def __init__(self, options: ReadOptions) -> None:
        check_roles(options)
        self._options = options

    def read(self, file: StoredFile, notices: Notices) -> Iterator[Example]:
        """Yield one example per row; the line of its origin is the row's number from 1."""
        parts: Counter[str] = Counter()
        yield from read_records(_rows(file.path, parts), file.path, self._options, notices)
        notices.account(file.path, parts.pop("stored", 0), parts["rows"], parts, unit="stored rows")


def _rows(path: str, parts: Counter[str]) -> Iterator[Located]:
    """(number, row). parts: how many rows the file says it has (`stored`), and how many were read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            parts["stored"] = file.metadata.num_rows
            decoders = _decoders(file.schema_arrow)
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    parts["rows"] += 1
                    yield number, row | {name: decode(row[name]) for name, decode in decoders.items()}
    except (pa.ArrowException, OSError, ValueError) as error:
        what = f"no Parquet file, or a damaged one: {error}"
        raise DataError(what, where=f"{path}:{number + 1}", fix="get the file again, or correct data.format") from error


def _decoders(schema: Any) -> dict[str, Decoder]:
    """What decodes the columns of a file that `datasets` wrote; nothing for other files."""
    if b"huggingface" not in (schema.metadata or {}):
        return {}
    from datasets import Features

    return {name: decoder(feature) for name, feature in Features.from_arrow_schema(schema).items()}
