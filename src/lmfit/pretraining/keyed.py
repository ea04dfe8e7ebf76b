"""Random numbers that are a function of (seed, purpose, row, place): whole arrays at once, in any order."""

import numpy as np

from lmfit.data.batching import key

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mixed(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014) of uint64 numbers."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: np.ndarray = values ^ (values >> np.uint64(31))
    return found


class Keyed:
    """A source of uniform numbers for one (seed, purpose)."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._key = np.uint64(key(seed, purpose))

    def uniform(self, rows: np.ndarray, width: int) -> np.ndarray:
        """Numbers of [0, 1): (B,) row numbers to (B, width) float64."""
        return self.bits(rows, width).astype(np.float64) / float(1 << 53)

    def bits(self, rows: np.ndarray, width: int) -> np.ndarray:
        """53-bit numbers: (B,) row numbers to (B, width) uint64."""
        with np.errstate(over="ignore"):
            starts = mixed(np.asarray(rows).astype(np.uint64) * _GOLDEN + self._key)
            places = (np.arange(1, width + 1, dtype=np.uint64) * _GOLDEN)[None, :]
            found: np.ndarray = mixed(starts[:, None] + places) >> np.uint64(11)
        return found

    def one(self, row: int, width: int) -> np.ndarray:
        """The numbers of one row, (width,)."""
        found: np.ndarray = self.uniform(np.array([row], np.uint64), width)[0]
        return found
