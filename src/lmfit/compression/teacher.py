"""What a teacher says of training rows, computed once and kept in the cache under a fingerprint."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from lmfit import console
from lmfit.data.batching import split_by_tokens
from lmfit.data.cache import Entry
from lmfit.data.rows import Row, Rows
from lmfit.models.freeze import layers_of
from lmfit.models.modeling_pruned import blocks_of
from lmfit.tasks.tensors import Tensors, forward

_VERSION = 1
_BATCH_TOKENS = 2048
_META = "meta.json"


class Collating(Protocol):
    """Makes a batch of rows."""

    def collate(self, rows: Sequence[Any]) -> Tensors:
        """Padded tensors."""


@dataclass(slots=True)
class NumberedRow(Row):
    """A row that knows its place among the rows."""

    number: int = 0


class NumberedRows(Rows):
    """Rows that know their places."""

    def __getitem__(self, index: int) -> NumberedRow:
        row = super().__getitem__(index)
        return NumberedRow(row.tokens, row.values, int(index))


def numbered(rows: Rows) -> NumberedRows:
    """The same rows, which know their places."""
    return NumberedRows(rows.starts, rows.lengths, rows.tokens, rows.values, rows.stats)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a teacher besides logits: hidden states of layers, counted from 1; relations of the last one."""

    hidden: tuple[int, ...] = ()
    relations: bool = False

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return ["logits", *(f"hidden.{layer}" for layer in self.hidden), *(["relations"] if self.relations else [])]


class Taps:
    """Reads hidden states after layers, and the last layer's queries, keys and values side by side, as they pass by.

    training_only: what passes by in evaluation mode is not kept.
    """

    def __init__(self, model: Any, wanted: Wanted, *, training_only: bool = False) -> None:
        self.seen: dict[str, torch.Tensor] = {}
        self.wanted, self._only = wanted, training_only
        layers = layers_of(model)
        self._handles = [self._tap(layers[number - 1], f"hidden.{number}") for number in wanted.hidden]
        if wanted.relations:
            last = next(block for block in reversed(blocks_of(model)) if block.part == "heads" and block.units)
            self._parts = [f"relations.{i}" for i in range(3)]
            paths = last.anatomy.heads_in
            self._handles += [
                self._tap(last.layer.get_submodule(path), name) for path, name in zip(paths, self._parts, strict=True)
            ]

    def _tap(self, module: torch.nn.Module, name: str) -> Any:
        def hook(called: torch.nn.Module, _: Any, output: Any) -> None:
            if called.training or not self._only:
                self.seen.setdefault(name, output[0] if isinstance(output, tuple) else output)

        return module.register_forward_hook(hook)

    def take(self) -> dict[str, torch.Tensor]:
        """What passed by since the last time: name -> (B, L, D)."""
        seen, self.seen = self.seen, {}
        if self.wanted.relations:
            seen["relations"] = torch.cat([seen.pop(part) for part in self._parts], -1)
        return seen

    def remove(self) -> None:
        """Read no more."""
        for handle in self._handles:
            handle.remove()


@dataclass(frozen=True)
class Outputs:
    """arrays: name -> (T, ...) for each token or (R, ...) for each row, in the order of the rows."""

    arrays: dict[str, np.ndarray]
    starts: np.ndarray
    lengths: np.ndarray
    by_row: frozenset[str]

    def of(self, name: str, numbers: Sequence[int]) -> torch.Tensor:
        """(B, L, ...) padded with zeros, or (B, ...), float32."""
        array = self.arrays[name]
        if name in self.by_row:
            return torch.from_numpy(np.asarray(array[list(numbers)], np.float32))
        made = np.zeros((len(numbers), int(self.lengths[list(numbers)].max()), *array.shape[1:]), np.float32)
        for place, number in enumerate(numbers):
            begin, length = int(self.starts[number]), int(self.lengths[number])
            made[place, :length] = array[begin : begin + length]
        return torch.from_numpy(made)


def outputs(teacher: Any, rows: Rows, objective: Collating, wanted: Wanted) -> Outputs:
    """A teacher's outputs for all rows, from the cache or written to it; logits in float32, the rest in float16."""
    digest = hash_of_weights(teacher)
    digest.update(json.dumps([_VERSION, wanted.names]).encode())
    for array in (rows.lengths, rows.tokens["input_ids"]):
        digest.update(np.ascontiguousarray(array).tobytes())
    entry = Entry(f"teacher-{digest.hexdigest()[:32]}", _is_whole)

    def read(folder: Path) -> Outputs:
        return _read(folder, rows)

    found = entry.read(read)
    return found or entry.write(lambda folder: _write(folder, _batches(teacher, rows, objective, wanted), rows), read)


def hash_of_weights(model: Any) -> Any:
    """A sha256 over names and values, to be gone on with."""
    digest = sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    return digest


def _batches(
    teacher: Any, rows: Rows, objective: Collating, wanted: Wanted
) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, torch.Tensor]]]:
    """Row numbers, mask (B, L) and outputs, shortest rows first."""
    order = np.argsort(rows.lengths, kind="stable")
    pieces = split_by_tokens(order, np.asarray(rows.lengths)[order], _BATCH_TOKENS)
    device = next(teacher.parameters()).device
    with _tapped(teacher, wanted) as taps, torch.inference_mode():
        for numbers in console.progress(pieces, total=len(pieces), what="asking the teacher"):
            batch = objective.collate([rows[int(i)] for i in numbers])
            logits = forward(teacher, {name: tensor.to(device) for name, tensor in batch.items()})
            yield numbers, batch["attention_mask"].bool().numpy(), {"logits": logits, **taps.take()}


@contextmanager
def _tapped(teacher: Any, wanted: Wanted) -> Iterator[Taps]:
    training = teacher.training
    teacher.eval()
    taps = Taps(teacher, wanted)
    try:
        yield taps
    finally:
        taps.remove()
        teacher.train(training)


def _write(folder: Path, batches: Iterator[tuple[np.ndarray, np.ndarray, dict[str, torch.Tensor]]], rows: Rows) -> None:
    files: dict[str, np.ndarray] = {}
    shapes: dict[str, tuple[str, list[int], bool]] = {}
    for numbers, mask, found in batches:
        for name, tensor in found.items():
            array = tensor.cpu().numpy().astype(np.float32 if name == "logits" else np.float16)
            by_row = array.ndim == 2
            if name not in files:
                shape = (len(rows) if by_row else int(rows.lengths.sum()), *array.shape[1 if by_row else 2 :])
                files[name] = np.memmap(folder / f"{name}.bin", array.dtype, "w+", shape=shape)
                shapes[name] = (str(array.dtype), list(shape), by_row)
            for place, number in enumerate(numbers):
                if by_row:
                    files[name][number] = array[place]
                else:
                    begin = int(rows.starts[number])
                    files[name][begin : begin + int(rows.lengths[number])] = array[place][mask[place]]
    for file in files.values():
        file.flush()  # type: ignore[attr-defined]
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    (folder / _META).write_text(json.dumps({"arrays": shapes, "bytes": sizes}))


def _read(folder: Path, rows: Rows) -> Outputs:
    shapes = json.loads((folder / _META).read_text())["arrays"]
    arrays: dict[str, np.ndarray] = {
        name: np.memmap(folder / f"{name}.bin", dtype, "r", shape=tuple(shape))
        for name, (dtype, shape, _) in shapes.items()
    }
    by_row = frozenset(name for name, (_, _, whole) in shapes.items() if whole)
    return Outputs(arrays, rows.starts, rows.lengths, by_row)


def _is_whole(folder: Path) -> bool:
    try:
        sizes = json.loads((folder / _META).read_text())["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False
