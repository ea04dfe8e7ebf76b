"""Numbers of rows on disk: appended piece by piece, read back memory-mapped, so that they fill no memory."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lmfit.data.cache import cache_folder

Number = TypeVar("Number", bound=np.generic)

BLOCK = 1 << 20


class Column(Generic[Number]):
    """One number a row (or `width` of them) in a nameless file of the cache folder, gone with this object."""

    def __init__(self, kind: type[Number], width: int | None = None) -> None:
        cache_folder().mkdir(parents=True, exist_ok=True)
        self._kind, self._shape = kind, () if width is None else (width,)
        self._file = TemporaryFile(dir=cache_folder())  # noqa: SIM115

    def append(self, numbers: NDArray[Any]) -> None:
        """Add rows, (N,) or (N, width)."""
        self._file.write(np.ascontiguousarray(numbers, self._kind).tobytes())

    def array(self) -> NDArray[Number]:
        """All rows, (R,) or (R, width), read-only."""
        self._file.flush()
        if not self._file.tell():
            return np.zeros((0, *self._shape), self._kind)
        return np.memmap(self._file, self._kind, "r").reshape(-1, *self._shape)


def blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """An array in pieces of about a million rows, with the number of the first row of each."""
    for begin in range(0, len(array), BLOCK):
        yield begin, array[begin : begin + BLOCK]


def parts(hashes: NDArray[np.uint64], *others: NDArray[np.uint64]) -> Iterator[list[NDArray[np.int64]]]:
    """The rows of each array by ranges of their hashes, lowest first: equal hashes are in the same part.

    Each part has about a million rows of `hashes`, as long as they are spread evenly.
    """
    number = max(1, -(-len(hashes) // BLOCK))
    width = np.uint64(-(-(2**64) // number) if number > 1 else 2**64 - 1)
    for part in range(number):
        yield [
            np.concatenate(
                [np.flatnonzero(_part(block, width, number) == part) + begin for begin, block in blocks(one)]
            )
            if len(one)
            else np.zeros(0, np.int64)
            for one in (hashes, *others)
        ]


def _part(hashes: NDArray[np.uint64], width: np.uint64, number: int) -> NDArray[np.uint64]:
    found: NDArray[np.uint64] = np.minimum(hashes // width, np.uint64(number - 1))
    return found
