"""Texts as short sketches: equal bands of MinHash values make two texts candidates for near duplicates.

MinHash: Broder 1997, "On the resemblance and containment of documents"; bands: Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", section 3.4. Two texts with Jaccard similarity s share a band with probability
1 - (1 - s^4)^12: 0.96 at 0.7, 0.998 at 0.8.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BANDS, _VALUES_A_BAND = 12, 4
NEAR = 0.8
LETTERS, SIGNS = 5, 3
"""Characters a shingle: in scripts of letters, and in Han, Kana and Hangul, where each sign says more."""
_LEAST_SHINGLES = {LETTERS: 30, SIGNS: 15}
_MOST_A_BAND = 4
_BOTTOM = 256
_MULTIPLIERS = np.random.default_rng(20231123).integers(1, 2**63, BANDS * _VALUES_A_BAND + LETTERS, np.uint64) * 2 + 1

Hashes = NDArray[np.uint64]
Bands = NDArray[np.uint32]


class Codes(NamedTuple):
    """Texts laid end to end: code points (T,) and the length of each text (R,)."""

    points: NDArray[np.uint32]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Codes":
        """The code points of texts."""
        points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        return cls(points, np.fromiter(map(len, texts), np.int64, len(texts)))

    @property
    def rows(self) -> NDArray[np.int64]:
        """The text of each code point, (T,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def shingles(codes: Codes, width: int) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes of all runs of `width` characters, text by text, and how many each text has."""
    counts = np.maximum(codes.lengths - (width - 1), 0)
    total = len(codes.points) - (width - 1)
    if total <= 0:
        return np.zeros(0, np.uint64), counts
    points = codes.points.astype(np.uint64)
    hashes = np.zeros(total, np.uint64)
    for place in range(width):
        hashes += (points[place : place + total] + np.uint64(1)) * _MULTIPLIERS[-1 - place]
    before = np.cumsum(codes.lengths) - codes.lengths
    starts = np.repeat(before - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    return _mixed(hashes[starts]), counts


def band_keys(codes: Codes, width: int) -> Bands:
    """(R, BANDS) keys; texts that share one are candidates. All 0 for a text too short to be judged."""
    hashes, counts = shingles(codes, width)
    keys = np.zeros((len(counts), BANDS), np.uint32)
    long = counts >= _LEAST_SHINGLES[width]
    if not long.any():
        return keys
    hashes = hashes[np.repeat(long, counts)]
    starts = np.cumsum(counts[long]) - counts[long]
    for band in range(BANDS):
        key = np.zeros(len(starts), np.uint64)
        for multiplier in _MULTIPLIERS[band * _VALUES_A_BAND : (band + 1) * _VALUES_A_BAND]:
            key = _mixed(key + np.minimum.reduceat(hashes * multiplier, starts))
        keys[long, band] = np.maximum(key >> np.uint64(32), 1)
    return keys


def candidates(known: Bands, asked: Bands) -> NDArray[np.int64]:
    """(P, 2): a row of `asked` and a row of `known` that share bands, most bands first.

    Of the known rows that share one band with an asked row, up to 4 are taken.
    """
    pairs = []
    for band in range(BANDS):
        order = np.argsort(known[:, band], kind="stable")
        ordered, keys = known[order, band], asked[:, band]
        left, right = np.searchsorted(ordered, keys, "left"), np.searchsorted(ordered, keys, "right")
        for step in range(_MOST_A_BAND):
            hit = np.flatnonzero((left + step < right) & (keys > 0))
            pairs.append(np.stack([hit, order[left[hit] + step]], axis=1))
    distinct, shared = np.unique(np.concatenate(pairs), axis=0, return_counts=True)
    return distinct[np.argsort(-shared, kind="stable")]


def smallest(hashes: Hashes) -> Hashes:
    """The smallest distinct hashes, sorted: a bottom-k sketch of up to 2 KB, whole for texts of up to 256 shingles."""
    return np.unique(hashes)[:_BOTTOM]


def similarity(first: Hashes, second: Hashes) -> float:
    """Jaccard similarity of two sets given by their `smallest` hashes (estimated where they have more than 256)."""
    either = np.union1d(first, second)[:_BOTTOM]
    both = np.intersect1d(first, second, assume_unique=True)
    return float(np.isin(either, both, assume_unique=True).sum() / max(1, len(either)))


def _mixed(hashes: Hashes) -> Hashes:
    """Bits stirred well (the finaliser of MurmurHash3)."""
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(multiplier)
    return hashes ^ (hashes >> np.uint64(33))
