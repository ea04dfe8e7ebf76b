"""Examples on disk: read from their files once, then again and again without parsing anything."""

import os
import pickle
from array import array
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile

from lmfit.data.cache import cache_folder
from lmfit.data.example import Example, Origin

CHUNK = 1000


class Spool:
    """Examples in a nameless file of the cache folder; it is gone with this object, at the latest with the process."""

    def __init__(self, examples: Iterable[Example] = ()) -> None:
        cache_folder().mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=cache_folder())  # noqa: SIM115
        self._ends = array("Q", [0])
        self._waiting: list[tuple[object, ...]] = []
        self._length = 0
        for example in examples:
            self.append(example)

    def append(self, example: Example) -> None:
        """Add an example at the end; not while somebody reads."""
        self._waiting.append(_fields(example))
        self._length += 1
        if len(self._waiting) >= CHUNK:
            self._write()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Example]:
        if self._waiting:
            self._write()
        for begin, end in zip(self._ends, self._ends[1:], strict=False):
            data = os.pread(self._file.fileno(), end - begin, begin)
            for file, line, *rest in pickle.loads(data):
                yield Example(Origin(file, line), *rest)

    def _write(self) -> None:
        data = pickle.dumps(self._waiting, pickle.HIGHEST_PROTOCOL)
        self._file.write(data)
        self._file.flush()
        self._ends.append(self._ends[-1] + len(data))
        self._waiting = []


def _fields(e: Example) -> tuple[object, ...]:
    """What an example is made of, in the order of its fields."""
    origin = e.origin.file, e.origin.line
    return *origin, e.text, e.text_pair, e.label, e.words, e.tags, e.document, e.id, e.source, e.weight, e.columns
