"""Examples on disk: read from their files once, then again and again without parsing anything."""

import os
import pickle
from collections.abc import Iterable, Iterator
from itertools import islice
from tempfile import TemporaryFile

from lmfit.data.cache import cache_folder
from lmfit.data.example import Example, Origin

CHUNK = 1000


class Spool:
    """Examples in a nameless file of the cache folder; it is gone with this object, at the latest with the process."""

    def __init__(self, examples: Iterable[Example]) -> None:
        cache_folder().mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=cache_folder())  # noqa: SIM115
        self._ends = [0]
        self._length = 0
        for chunk in _chunks(examples):
            data = pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)
            self._file.write(data)
            self._ends.append(self._ends[-1] + len(data))
            self._length += len(chunk)
        self._file.flush()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Example]:
        for begin, end in zip(self._ends, self._ends[1:], strict=False):
            data = os.pread(self._file.fileno(), end - begin, begin)
            for file, line, *rest in pickle.loads(data):
                yield Example(Origin(file, line), *rest)


def _chunks(examples: Iterable[Example]) -> Iterator[list[tuple[object, ...]]]:
    fields = map(_fields, examples)
    while chunk := list(islice(fields, CHUNK)):
        yield chunk


def _fields(e: Example) -> tuple[object, ...]:
    """What an example is made of, in the order of its fields."""
    origin = e.origin.file, e.origin.line
    return *origin, e.text, e.text_pair, e.label, e.words, e.tags, e.document, e.id, e.source, e.weight, e.columns
