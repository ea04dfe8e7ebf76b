"""Tokenised rows as flat arrays on disk: written once as a stream, read back memory-mapped, cached by fingerprint."""

import gc
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lmfit.data.cache import Entry

TOKEN_DTYPE = np.int32
_PIECE = 1 << 22


@dataclass(slots=True)
class Row:
    """One model input. `tokens`: arrays as long as the input (input_ids, labels, ...); `values`: numbers of the row."""

    tokens: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens["input_ids"])


@dataclass(frozen=True)
class Rows:
    """Many rows, on disk as a rule.

    starts: (R,) offset of each row's first token; lengths: (R,) its tokens; tokens: name -> (T,) int32;
    values: name -> (R, ...) float64.
    """

    starts: np.ndarray
    lengths: np.ndarray
    tokens: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]
    stats: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Row:
        begin = int(self.starts[index])
        end = begin + int(self.lengths[index])
        return Row(
            {name: array[begin:end] for name, array in self.tokens.items()},
            {name: array[index] for name, array in self.values.items()},
        )

    def distinct(self, name: str) -> np.ndarray:
        """The values that occur in tokens `name`, ascending."""
        array = self.tokens[name]
        pieces = [np.unique(array[i : i + _PIECE]) for i in range(0, len(array), _PIECE)]
        return np.unique(np.concatenate([np.zeros(0, TOKEN_DTYPE), *pieces]))


def cached_rows(key: Mapping[str, Any], rows: Iterable[Row], stats: Callable[[], Mapping[str, Any]]) -> Rows:
    """The rows stored under `key`, written from the stream `rows` first where they are not there yet.

    `stats` is called after the stream ended; what it gives is kept with the rows. An entry whose files lost their size
    is written anew.
    """
    entry = Entry(sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:32], _is_whole)
    found = entry.read(read_rows)
    if found is not None:
        return found
    with _collector_paused():
        return entry.write(lambda folder: _write(folder, rows, stats), read_rows)


def read_rows(folder: Path) -> Rows:
    """Memory-map the rows of a folder written by `cached_rows`."""
    meta = json.loads((folder / "meta.json").read_text())

    def array(name: str, dtype: Any, shape: tuple[int, ...] = (-1,)) -> np.ndarray:
        path = folder / f"{name}.bin"
        if path.stat().st_size == 0:
            return np.zeros((0, *shape[1:]), dtype)
        return np.asarray(np.memmap(path, dtype=dtype, mode="r")).reshape(shape)

    tokens = {name: array(f"token.{name}", TOKEN_DTYPE) for name in meta["tokens"]}
    values = {name: array(f"value.{name}", np.float64, (-1, *shape)) for name, shape in meta["values"].items()}
    return Rows(array("starts", np.int64), array("lengths", np.int32), tokens, values, meta["stats"])


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No search for reference cycles: tokenising makes none, and looking for them costs a fifth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _is_whole(folder: Path) -> bool:
    """Whether every file of an entry is there with the size it was written with."""
    try:
        sizes = json.loads((folder / "meta.json").read_text())["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def _write(folder: Path, rows: Iterable[Row], stats: Callable[[], Mapping[str, Any]]) -> None:
    tokens: list[str] = []
    values: dict[str, list[int]] = {}
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}

        def put(name: str, array: np.ndarray) -> None:
            if name not in files:
                files[name] = stack.enter_context(open(folder / f"{name}.bin", "wb"))
            files[name].write(array.tobytes())

        written = 0
        for empty in ("starts", "lengths"):
            (folder / f"{empty}.bin").touch()
        for chunk in _chunks(rows, 1000):
            lengths = np.array([len(row) for row in chunk], np.int64)
            put("lengths", lengths.astype(np.int32))
            put("starts", written + np.cumsum(lengths) - lengths)
            written += int(lengths.sum())
            tokens = list(chunk[0].tokens)
            for name in tokens:
                put(f"token.{name}", _joined([row.tokens[name] for row in chunk]))
            for name in chunk[0].values:
                array = np.array([row.values[name] for row in chunk], np.float64)
                values[name] = list(array.shape[1:])
                put(f"value.{name}", array)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    meta = {"tokens": tokens, "values": values, "bytes": sizes, "stats": dict(stats())}
    (folder / "meta.json").write_text(json.dumps(meta, ensure_ascii=False))


def _joined(parts: list[Any]) -> np.ndarray:
    """Lists of whole numbers, bytearrays, or arrays, one after the other."""
    if all(isinstance(part, bytearray) for part in parts):
        return np.frombuffer(b"".join(parts), np.uint8).astype(TOKEN_DTYPE)
    if isinstance(parts[0], list | bytearray):
        return np.fromiter(chain.from_iterable(parts), TOKEN_DTYPE)
    return np.concatenate(parts, dtype=TOKEN_DTYPE)


def _chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
