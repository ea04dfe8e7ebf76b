"""Documents on disk: the text of one file of the corpus, filtered, with a hash and a sketch of each document."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from lmfit import console
from lmfit.config.pretraining import CorpusConfig
from lmfit.data.cache import Entry
from lmfit.data.notices import Notices
from lmfit.data.source import fingerprint_of
from lmfit.errors import MissingExtra
from lmfit.pretraining.filters import count_words, refused
from lmfit.pretraining.readers import Part

PERMUTATIONS = 128
SHINGLE = 5
_VERSION = 2
_VERSIONS = {"warc": 3}
"""Of formats that are read otherwise than before."""

Sketch = Callable[[str], np.ndarray]


@dataclass(frozen=True)
class Stored:
    """The documents of one file. N documents; the arrays are memory-mapped.

    ends: (N,) where each text ends in text.bin; lines: (N,) the line of its origin; hashes: (N,) of its words;
    sketches: (N, 128) MinHash values, or (N, 0) where near duplicates are not looked for.
    """

    folder: Path
    path: str
    source: int
    ends: np.ndarray
    lines: np.ndarray
    hashes: np.ndarray
    sketches: np.ndarray
    facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.ends)

    def texts(self, numbers: Iterable[int]) -> list[str]:
        """The texts of documents, by their numbers."""
        found = []
        with open(self.folder / "text.bin", "rb") as file:
            for number in numbers:
                begin = int(self.ends[number - 1]) if number else 0
                file.seek(begin)
                found.append(file.read(int(self.ends[number]) - begin).decode())
        return found


def collect(part: Part, config: CorpusConfig) -> Stored:
    """The documents of a file as they pass the filters: read and stored once, then cached by content and rules."""
    near = config.duplicates == "near"
    key = [_VERSIONS.get(part.format, _VERSION), part.describe(), config.filters.model_dump(), config.limit, near]
    entry = Entry(fingerprint_of(["documents", *key])[:32], lambda folder: (folder / "meta.json").is_file())

    def read(folder: Path) -> Stored:
        return _read(folder, part)

    return entry.read(read) or entry.write(lambda folder: _write(folder, part, config, near=near), read)


def _write(folder: Path, part: Part, config: CorpusConfig, *, near: bool) -> None:
    notices, left_out = Notices(), Counter[str]()
    sketch = _sketcher() if near else None
    total = size = words = 0
    with ExitStack() as stack:
        names = ("text", "ends", "lines", "hashes", "sketches")
        files = {name: stack.enter_context(open(folder / f"{name}.bin", "wb")) for name in names}
        for document in console.progress(part.read(config.limit, notices), total=None, what=f"reading {part.path}"):
            total += 1
            if rule := refused(document.text, config.filters):
                left_out[rule] += 1
                continue
            written = document.text.encode("utf-8", "replace")
            size += len(written)
            parts = document.text.lower().split()
            words += count_words(document.text)
            files["text"].write(written)
            files["ends"].write(np.int64(size).tobytes())
            files["lines"].write(np.int64(document.origin.line).tobytes())
            files["hashes"].write(blake2b(" ".join(parts).encode("utf-8", "replace"), digest_size=8).digest())
            if sketch is not None:
                files["sketches"].write(sketch(document.text).tobytes())
    facts = {"documents": total, "left_out": dict(left_out), "bytes": size, "words": words}
    (folder / "meta.json").write_text(
        json.dumps(facts | {"near": near, "notices": notices.sentences, "path": part.path})
    )


def _read(folder: Path, part: Part) -> Stored:
    facts = json.loads((folder / "meta.json").read_text())
    facts["notices"] = [_renamed(told, facts.get("path", part.path), part.path) for told in facts["notices"]]
    width = PERMUTATIONS if facts["near"] else 0
    arrays = {name: mapped(folder / f"{name}.bin", dtype) for name, dtype in _TYPES.items()}
    sketches = mapped(folder / "sketches.bin", np.uint32).reshape(len(arrays["ends"]), width)
    return Stored(folder, part.path, part.source, **arrays, sketches=sketches, facts=facts)


def _renamed(sentence: str, before: str, now: str) -> str:
    """What was said of a file, of an equal one of another name."""
    return re.sub(rf"(^|, first at ){re.escape(before)}(?=:)", lambda found: found[1] + now, sentence)


_TYPES: dict[str, Any] = {"ends": np.int64, "lines": np.int64, "hashes": np.uint64}


def mapped(path: Path, dtype: Any) -> np.ndarray:
    """A file of numbers, memory-mapped."""
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype)


def shingles(text: str) -> Iterator[str]:
    """Runs of five words, lower-cased; of five characters in texts without blanks; a shorter text as a whole."""
    words = text.lower().split()
    units = words if len(words) >= SHINGLE or len(text) < SHINGLE else list(text.lower())
    joint = " " if units is words else ""
    for begin in range(max(1, len(units) - SHINGLE + 1)):
        yield joint.join(units[begin : begin + SHINGLE])


def _sketcher() -> Sketch:
    """MinHash (Broder 1997) of a text's shingles. Raises MissingExtra without datasketch."""
    from zlib import crc32

    try:
        from datasketch import MinHash
    except ImportError as error:
        raise MissingExtra("finding near duplicates (data.duplicates: near)", "corpus") from error
    base = MinHash(num_perm=PERMUTATIONS, hashfunc=crc32)

    def sketch(text: str) -> np.ndarray:
        found = base.copy()
        found.update_batch([shingle.encode("utf-8", "replace") for shingle in set(shingles(text))])
        values: np.ndarray = found.hashvalues.astype(np.uint32)
        return values

    return sketch
