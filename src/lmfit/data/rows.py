"""Tokenised rows as flat arrays on disk: written once as a stream, read back memory-mapped, cached by fingerprint."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

TOKEN_DTYPE = np.int32


@dataclass(slots=True)
class Row:
    """One model input. `tokens`: arrays as long as the input (input_ids, labels, ...); `values`: numbers of the row."""

    tokens: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens["input_ids"])


@dataclass(frozen=True)
class Rows:
    """Many rows. starts: (R + 1,) token offsets; tokens: name -> (T,) int32; values: name -> (R, ...) float64."""

    starts: np.ndarray
    tokens: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]
    stats: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, (R,)."""
        return np.diff(self.starts)

    def __getitem__(self, index: int) -> Row:
        begin, end = self.starts[index], self.starts[index + 1]
        return Row(
            {name: array[begin:end] for name, array in self.tokens.items()},
            {name: array[index] for name, array in self.values.items()},
        )


def cache_folder() -> Path:
    """$LMFIT_CACHE, or the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lmfit"
    return Path(os.environ.get("LMFIT_CACHE", default))


def cached_rows(key: Mapping[str, Any], rows: Iterable[Row], stats: Callable[[], Mapping[str, Any]]) -> Rows:
    """The rows stored under `key`, written from the stream `rows` first where they are not there yet.

    `stats` is called after the stream ended; what it gives is kept with the rows. Safe for two processes: each writes
    a folder of its own, the first one to finish wins. An entry whose files lost their size is written anew.
    """
    name = sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:32]
    folder = cache_folder() / "rows" / name
    if _is_whole(folder):
        return read_rows(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{name[:8]}-", dir=folder.parent))
    try:
        _write(temporary, rows, stats)
        try:
            temporary.rename(folder)
        except OSError:
            if not _is_whole(folder):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return read_rows(folder)


def read_rows(folder: Path) -> Rows:
    """Memory-map the rows of a folder written by `cached_rows`."""
    meta = json.loads((folder / "meta.json").read_text())

    def array(name: str, dtype: Any, shape: tuple[int, ...] = (-1,)) -> np.ndarray:
        path = folder / f"{name}.bin"
        if path.stat().st_size == 0:
            return np.zeros((0, *shape[1:]), dtype)
        return np.memmap(path, dtype=dtype, mode="r").reshape(shape)

    starts = np.concatenate([[0], np.cumsum(array("lengths", np.int64))])
    tokens = {name: array(f"token.{name}", TOKEN_DTYPE) for name in meta["tokens"]}
    values = {name: array(f"value.{name}", np.float64, (-1, *shape)) for name, shape in meta["values"].items()}
    return Rows(starts, tokens, values, meta["stats"])


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

        lengths = stack.enter_context(open(folder / "lengths.bin", "wb"))
        for chunk in _chunks(rows, 1000):
            lengths.write(np.array([len(row) for row in chunk], np.int64).tobytes())
            tokens = list(chunk[0].tokens)
            for name in tokens:
                put(f"token.{name}", np.concatenate([np.asarray(row.tokens[name], TOKEN_DTYPE) for row in chunk]))
            for name in chunk[0].values:
                array = np.array([row.values[name] for row in chunk], np.float64)
                values[name] = list(array.shape[1:])
                put(f"value.{name}", array)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    meta = {"tokens": tokens, "values": values, "bytes": sizes, "stats": dict(stats())}
    (folder / "meta.json").write_text(json.dumps(meta, ensure_ascii=False))


def _chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
