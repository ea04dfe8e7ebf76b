"""Texts as short sketches: equal bands of MinHash values make two texts candidates for near duplicates.

MinHash: Broder 1997, "On the resemblance and containment of documents"; bands: Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", section 3.4. Two texts with Jaccard similarity s share a band with probability
1 - (1 - s^4)^12: 0.96 at 0.7, 0.998 at 0.8.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmfit.data.column import blocks

BANDS, _VALUES_A_BAND = 12, 4
NEAR = 0.8
LETTERS, SIGNS = 5, 3
"""Characters a shingle: in scripts of letters, and in Han, Kana and Hangul, where each sign says more."""
_LEAST_SHINGLES = {LETTERS: 30, SIGNS: 15}
_MOST_A_BAND = 4
_BOTTOM = 256
_ASKED = 100_000
_SIEVE_BITS = 24
_MULTIPLIERS = np.random.default_rng(20231123).integers(1, 2**63, BANDS * _VALUES_A_BAND + LETTERS, np.uint64) * 2 + 1

Hashes = NDArray[np.uint64]
Bands = NDArray[np.uint32]
Pairs = NDArray[np.int64]


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


def candidates(known: Bands, asked: Bands, skip: NDArray[np.bool_] | None = None, most: int = 2**62) -> Pairs:
    """(P, 2): a row of `asked` and a row of `known` that share bands, most bands first; not more than `most`.

    Of the known rows that share one band with an asked row, the first 4 are taken. skip (R,): asked rows to pass over.
    Goes through `known` once for each 100,000 rows of `asked`, and keeps nothing of it but the pairs.
    """
    pairs, shared = np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
    for begin in range(0, len(asked), _ASKED):
        block = np.array(asked[begin : begin + _ASKED])
        if skip is not None:
            block[skip[begin : begin + _ASKED]] = 0
        keys = [_pairs_of_band(known, block, band) for band in range(block.shape[1])]
        distinct, counts = np.unique(np.concatenate(keys), return_counts=True)
        found = np.stack([distinct // len(known) + begin, distinct % len(known)], axis=1)
        pairs, shared = np.concatenate([pairs, found]), np.concatenate([shared, counts])
        best = np.argsort(-shared, kind="stable")[:most]
        pairs, shared = pairs[best], shared[best]
    return pairs


def _pairs_of_band(known: Bands, asked: Bands, band: int) -> NDArray[np.int64]:
    """Pairs that share this band, as asked row times the number of known rows, plus known row."""
    wanted, which = np.unique(asked[:, band], return_inverse=True)
    maybe = np.zeros(1 << _SIEVE_BITS, bool)
    maybe[_sieve(wanted[wanted > 0])] = True
    first = np.full((len(wanted), _MOST_A_BAND), -1, np.int64)
    taken = np.zeros(len(wanted), np.int64)
    for begin, block in blocks(known):
        keys = block[:, band]
        rows = np.flatnonzero(maybe[_sieve(keys)] & (keys > 0))
        at = np.searchsorted(wanted, keys[rows]).clip(max=len(wanted) - 1)
        hit = wanted[at] == keys[rows]
        rows, at = rows[hit], at[hit]
        order = np.argsort(at, kind="stable")
        rows, at = rows[order], at[order]
        place = taken[at] + np.arange(len(at)) - np.searchsorted(at, at)
        few = place < _MOST_A_BAND
        first[at[few], place[few]] = rows[few] + begin
        taken += np.bincount(at, minlength=len(wanted))
    row, step = np.nonzero(first[which] >= 0)
    return row * len(known) + first[which[row], step]


def _sieve(keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return keys >> np.uint32(32 - _SIEVE_BITS)


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
