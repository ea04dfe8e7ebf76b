"""Documents that occur twice: equal ones by hash, nearly equal ones by locality-sensitive hashing of their sketches.

Sketches stay on disk; in memory are some numbers a document at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmfit.pretraining.keyed import mixed
from lmfit.pretraining.store import PERMUTATIONS, Stored

_MISSES_WEIGH = 0.98
_PIECE = 1 << 16


@dataclass(frozen=True)
class Kept:
    """keep: (N,) which documents stay, over all files one after the other; how many were exact and near duplicates."""

    keep: np.ndarray
    exact: int
    near: int


def without_duplicates(stored: Sequence[Stored], duplicates: str, threshold: float) -> Kept:
    """The first of each group of (nearly) equal documents stays."""
    count = sum(map(len, stored))
    keep = np.ones(count, bool)
    if duplicates == "keep" or not count:
        return Kept(keep, 0, 0)
    hashes = np.concatenate([np.asarray(part.hashes) for part in stored])
    _, first = np.unique(hashes, return_index=True)
    keep[:] = False
    keep[first] = True
    exact = count - int(keep.sum())
    if duplicates == "near":
        for later in _nearly_equal(stored, keep, threshold):
            keep[later] = False
    return Kept(keep, exact, count - exact - int(keep.sum()))


def _nearly_equal(stored: Sequence[Stored], keep: np.ndarray, threshold: float) -> Iterator[np.ndarray]:
    """Documents that share a band of their sketch with an earlier one, and at least `threshold` of the whole sketch."""
    from datasketch import MinHashLSH

    bands = MinHashLSH(threshold, PERMUTATIONS, weights=(1 - _MISSES_WEIGH, _MISSES_WEIGH))
    starts = np.cumsum([0, *map(len, stored)])
    for band in range(bands.b):
        columns = slice(band * bands.r, (band + 1) * bands.r)
        values = np.concatenate([_band(part.sketches, columns) for part in stored])
        live = np.flatnonzero(keep)
        order = live[np.argsort(values[live], kind="stable")]
        same = values[order[1:]] == values[order[:-1]]
        leader = np.maximum.accumulate(np.where(np.r_[False, same], 0, np.arange(len(order))))
        pairs = np.flatnonzero(np.r_[False, same])
        for begin in range(0, len(pairs), _PIECE):
            later, earlier = order[pairs[begin : begin + _PIECE]], order[leader[pairs[begin : begin + _PIECE]]]
            alike = (_rows(stored, starts, later) == _rows(stored, starts, earlier)).mean(axis=1)
            yield later[alike >= threshold]


def _band(sketches: np.ndarray, columns: slice) -> np.ndarray:
    """One number for a band of each sketch, (N,)."""
    found = np.zeros(len(sketches), np.uint64)
    with np.errstate(over="ignore"):
        for begin in range(0, len(sketches), _PIECE):
            piece = found[begin : begin + _PIECE]
            for column in np.asarray(sketches[begin : begin + _PIECE, columns]).T:
                piece[:] = mixed(piece * np.uint64(31) + column.astype(np.uint64) + np.uint64(1))
    return found


def _rows(stored: Sequence[Stored], starts: np.ndarray, documents: np.ndarray) -> np.ndarray:
    files = np.searchsorted(starts, documents, side="right") - 1
    found = np.empty((len(documents), PERMUTATIONS), np.uint32)
    for file in np.unique(files):
        mine = files == file
        found[mine] = stored[file].sketches[documents[mine] - starts[file]]
    return found
