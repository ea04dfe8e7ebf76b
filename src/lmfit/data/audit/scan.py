"""One pass over a split: of each row a hash, a sketch and a place are kept (76 bytes, on disk), and no text."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmfit.data.audit.sketch import BANDS, LETTERS, SIGNS, Bands, Codes, Hashes, band_keys
from lmfit.data.column import Column
from lmfit.data.example import Example
from lmfit.data.findings import SHOWN_PLACES
from lmfit.data.normal import digest, normal_text
from lmfit.data.scripts import NAMES, main_scripts

LabelsOf = Callable[[Example], Iterable[str]]

_CHUNK_CHARACTERS = 250_000
_UNSEEN = re.compile("[\u00ad\u180e\u200b\u2060\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_SIGN_SCRIPTS = [NAMES.index(name) for name in ("Han", "Kana", "Hangul")]


@dataclass(frozen=True)
class Profile:
    """What a split looks like, in counts of rows: by label, by script, by length (bins of half an octave)."""

    rows: int
    labels: dict[str, int]
    scripts: dict[str, int]
    lengths: dict[str, int]
    characters: dict[str, int]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Profile":
        """The profile as kept in JSON."""
        return cls(**told)


@dataclass
class Scan:
    """Everything kept of a split. R rows: hashes, answers, places and bands of each (bands only where asked for).

    The arrays are memory-mapped files (`Column`).
    """

    profile: Profile
    hashes: Hashes
    answers: NDArray[np.int64]
    bands: Bands
    width: int
    label_places: dict[str, list[str]]
    oddities: dict[str, tuple[int, list[str]]]
    _files: list[str]
    _file_of: NDArray[np.int32]
    _lines: NDArray[np.int64]

    def place(self, row: int) -> str:
        """file:line of a row."""
        return f"{self._files[self._file_of[row]]}:{self._lines[row]}"


class _Gathered:
    """What is kept while the rows pass by."""

    def __init__(self, bands: int) -> None:
        self.labels: Counter[str] = Counter()
        self.label_places: dict[str, list[str]] = {}
        self.oddities: dict[str, tuple[int, list[str]]] = {}
        self.files: dict[str, int] = {}
        self.lengths: Counter[int] = Counter()
        self.scripts = np.zeros(len(NAMES), np.int64)
        self.hashes, self.answers = Column(np.uint64), Column(np.int64)
        self.file_of, self.lines = Column(np.int32), Column(np.int64)
        self.bands = Column(np.uint32, bands)

    def odd(self, kind: str, example: Example) -> None:
        count, places = self.oddities.get(kind, (0, []))
        if count < SHOWN_PLACES:
            places.append(str(example.origin))
        self.oddities[kind] = (count + 1, places)


def scan(examples: Iterable[Example], labels_of: LabelsOf, *, sketched: bool, width: int | None = None) -> Scan:
    """Read a split once. `width`: characters a shingle; without it the scripts of the first rows decide."""
    kept = _Gathered(BANDS if sketched else 0)
    for chunk, texts in _chunks(examples):
        codes = Codes.of(texts)
        scripts = main_scripts(codes.points, codes.rows, len(texts))
        width = width or (SIGNS if np.isin(scripts, _SIGN_SCRIPTS).mean() > 0.5 else LETTERS)
        _keep(kept, chunk, texts, labels_of)
        kept.scripts += np.bincount(scripts, minlength=len(NAMES))
        if sketched:
            kept.bands.append(band_keys(codes, width))
    return Scan(
        profile=_profile(kept),
        hashes=kept.hashes.array(),
        answers=kept.answers.array(),
        bands=kept.bands.array(),
        width=width or LETTERS,
        label_places=kept.label_places,
        oddities=kept.oddities,
        _files=list(kept.files),
        _file_of=kept.file_of.array(),
        _lines=kept.lines.array(),
    )


def _keep(kept: _Gathered, chunk: Sequence[Example], texts: Sequence[str], labels_of: LabelsOf) -> None:
    """Add the rows of a chunk and what is odd about them."""
    for example, text in zip(chunk, texts, strict=True):
        for label in labels_of(example):
            kept.labels[label] += 1
            places = kept.label_places.setdefault(label, [])
            if len(places) < SHOWN_PLACES:
                places.append(str(example.origin))
        for side in (example.text, example.text_pair or ""):
            _look(kept, example, side)
        if not text.strip("\0"):
            kept.odd("blank", example)
    answers = [hash(e.label if e.tags is None else tuple(e.tags)) for e in chunk]
    files = [kept.files.setdefault(e.origin.file, len(kept.files)) for e in chunk]
    kept.hashes.append(np.frombuffer(b"".join(map(digest, texts)), "<u8"))
    kept.answers.append(np.array(answers, np.int64))
    kept.file_of.append(np.array(files, np.int32))
    kept.lines.append(np.array([e.origin.line for e in chunk], np.int64))
    kept.lengths.update(len(e.text) + len(e.text_pair or "") for e in chunk)


def _look(kept: _Gathered, example: Example, text: str) -> None:
    """Count characters that hide in a text or stand for lost ones."""
    if not text.isprintable():
        if _UNSEEN.search(text):
            kept.odd("unseen", example)
        if _CONTROL.search(text):
            kept.odd("control", example)
    if "\ufffd" in text:
        kept.odd("lost", example)


def _profile(kept: _Gathered) -> Profile:
    lengths = np.array(sorted(kept.lengths), np.int64)
    counts = np.array([kept.lengths[n] for n in lengths.tolist()], np.int64)
    bins = Counter[int]()
    for b, n in zip(np.floor(2 * np.log2(lengths + 1.0)).astype(int).tolist(), counts.tolist(), strict=True):
        bins[b] += n
    return Profile(
        rows=int(counts.sum()),
        labels=dict(kept.labels.most_common()),
        scripts={name: int(n) for name, n in zip(NAMES, kept.scripts, strict=True) if n},
        lengths={str(int(2 ** (b / 2))): n for b, n in bins.items()},
        characters={
            "median": _quantile(lengths, counts, 0.5),
            "p95": _quantile(lengths, counts, 0.95),
            "longest": int(lengths.max(initial=0)),
        },
    )


def _quantile(values: NDArray[np.int64], counts: NDArray[np.int64], share: float) -> int:
    """The value at the place nearest to `share` of all that `counts` stands for; values ascending."""
    if not len(values):
        return 0
    place = int(np.rint((counts.sum() - 1) * share))
    return int(values[np.searchsorted(np.cumsum(counts), place, side="right")])


def _chunks(examples: Iterable[Example]) -> Iterator[tuple[list[Example], list[str]]]:
    """Examples with their normal forms, some 250,000 characters at a time."""
    chunk: list[Example] = []
    texts: list[str] = []
    size = 0
    for example in examples:
        chunk.append(example)
        texts.append(normal_text(example))
        size += len(texts[-1])
        if size >= _CHUNK_CHARACTERS:
            yield chunk, texts
            chunk, texts, size = [], [], 0
    if chunk:
        yield chunk, texts
