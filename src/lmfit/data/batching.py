"""Which rows form which optimizer step: length buckets, token budgets, an order that any step can be resumed from."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

BUCKET_BATCHES = 100
LARGE = 1_000_000
ROUNDS = 4


def keyed_generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A generator that depends on nothing but (seed, purpose, numbers): no state to save, no order of calls."""
    return np.random.Generator(np.random.Philox(key=key(seed, purpose, *numbers)))


def key(seed: int, purpose: str, *numbers: int) -> int:
    """A 63-bit number made of (seed, purpose, numbers)."""
    text = "/".join(map(str, (seed, purpose, *numbers)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


class BatchPlan:
    """The batches of every epoch, known beforehand.

    Rows are shuffled, sorted by length within buckets of 100 batches, cut into batches, and the batches shuffled: equal
    lengths meet in a batch (little padding) while the order stays random. The plan is a function of (lengths, size,
    seed, epoch) alone; that of over a million rows takes no memory per row.
    """

    def __init__(
        self, lengths: np.ndarray, seed: int, *, batch_size: int = 32, batch_tokens: int | None = None
    ) -> None:
        if len(lengths) == 0:
            raise ValueError("no rows to make batches of")
        self.lengths = np.asarray(lengths)
        self.seed = seed
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)
        self._steps: list[int] = []

    def epoch(self, number: int) -> Sequence[np.ndarray]:
        """The batches (arrays of row indices, shortest row first) of epoch `number`, counted from 0."""
        return self._epoch(number)

    def _make_epoch(self, number: int) -> Sequence[np.ndarray]:
        generator = keyed_generator(self.seed, "order", number)
        if len(self.lengths) > LARGE:
            return LargeEpoch(self, generator)
        order = self.order(number, generator)
        size = self.bucket_size()
        batches = [b for begin in range(0, len(order), size) for b in self.cut(order[begin : begin + size])]
        generator.shuffle(batches)
        return batches

    def order(self, number: int, generator: np.random.Generator) -> np.ndarray:
        """The rows of epoch `number` in random order."""
        return generator.permutation(len(self.lengths))

    def lengths_of(self, rows: np.ndarray) -> np.ndarray:
        """The lengths of rows of `batch`."""
        found: np.ndarray = self.lengths[rows]
        return found

    def bucket_size(self) -> int:
        """Rows that are sorted by length together: about 100 batches."""
        if self.batch_tokens is None:
            return self.batch_size * BUCKET_BATCHES
        return max(1, int(self.batch_tokens / max(1.0, float(self.lengths.mean())))) * BUCKET_BATCHES

    def cut(self, bucket: np.ndarray) -> list[np.ndarray]:
        """The batches of a bucket of rows, shortest rows first."""
        bucket = bucket[np.argsort(self.lengths[bucket], kind="stable")]
        if self.batch_tokens is not None:
            return split_by_tokens(bucket, self.lengths[bucket], self.batch_tokens)
        return [bucket[i : i + self.batch_size] for i in range(0, len(bucket), self.batch_size)]

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of the first epoch (the same for each when batch_size rules)."""
        return len(self.epoch(0))

    def steps_of_epochs(self, epochs: float) -> int:
        """The optimizer steps of so many passes over the rows, at least one."""
        if self.batch_tokens is None:
            return max(1, round(epochs * self.steps_per_epoch))
        whole = int(epochs)
        steps = sum(len(self.epoch(e)) for e in range(whole)) + round((epochs - whole) * len(self.epoch(whole)))
        return max(1, steps)

    def batch(self, step: int) -> np.ndarray:
        """The rows of optimizer step `step`, counted from 0 over all epochs."""
        epoch, index = self.locate(step)
        return self.epoch(epoch)[index]

    def locate(self, step: int) -> tuple[int, int]:
        """(epoch, index within it) of a step."""
        if self.batch_tokens is None:
            return divmod(step, self.steps_per_epoch)
        epoch = 0
        while step >= self._steps_of(epoch):
            step -= self._steps_of(epoch)
            epoch += 1
        return epoch, step

    def _steps_of(self, epoch: int) -> int:
        """Steps of an epoch; remembered, since finding a late step asks for all epochs before it."""
        for number in range(len(self._steps), epoch + 1):
            self._steps.append(len(self.epoch(number)))
        return self._steps[epoch]


class LargeEpoch(Sequence[np.ndarray]):
    """The batches of an epoch of over a million rows, each made when it is asked for: no order of rows is kept.

    Both orders, of rows and of batches, are keyed permutations (see `scramble`).
    """

    def __init__(self, plan: BatchPlan, generator: np.random.Generator) -> None:
        self._plan, self._size = plan, plan.bucket_size()
        self._keys = generator.integers(2**63, size=(2, ROUNDS), dtype=np.uint64)
        rows = len(plan.lengths)
        buckets = range(-(-rows // self._size))
        if plan.batch_tokens is None:
            counts = [-(-min(self._size, rows - b * self._size) // plan.batch_size) for b in buckets]
        else:
            counts = [len(self._cut(b)) for b in buckets]
        self._ends = np.cumsum(counts)
        self._bucket = lru_cache(maxsize=BUCKET_BATCHES)(self._cut)

    def _cut(self, bucket: int) -> list[np.ndarray]:
        rows = len(self._plan.lengths)
        places = np.arange(bucket * self._size, min((bucket + 1) * self._size, rows), dtype=np.uint64)
        return self._plan.cut(scramble(places, rows, self._keys[0]).astype(np.int64))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        place = int(scramble(np.array([index], np.uint64), len(self), self._keys[1])[0])
        bucket = int(np.searchsorted(self._ends, place, side="right"))
        before = int(self._ends[bucket - 1]) if bucket else 0
        return self._bucket(bucket)[place - before]


def scramble(places: np.ndarray, count: int, keys: np.ndarray) -> np.ndarray:
    """Where a keyed permutation of range(count) puts some places, without a table; all uint64.

    A Feistel network on the least even number of bits, walked on until the result is below `count` (Black & Rogaway
    2002, "Ciphers with arbitrary finite domains").
    """
    half = np.uint64(max(1, ((count - 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half)) - 1)

    def once(values: np.ndarray) -> np.ndarray:
        left, right = values >> half, values & mask
        for round_key in keys:
            mixed = (right + round_key) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
            left, right = right, left ^ ((mixed ^ (mixed >> np.uint64(32))) & mask)
        return (left << half) | right

    found = once(places)
    while (outside := found >= count).any():
        found[outside] = once(found[outside])
    return found


def draw_rows(generator: np.random.Generator, count: int, number: int) -> np.ndarray:
    """`number` of `count` rows (or all of them) in random order."""
    if count <= LARGE:
        return generator.permutation(count)[:number]
    return scramble(np.arange(number, dtype=np.uint64), count, generator.integers(2**63, size=ROUNDS, dtype=np.uint64))


def split_by_tokens(rows: np.ndarray, lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Cut `rows` (sorted by length, ascending) where the padded size, rows x longest, would pass `budget` tokens.

    A row longer than the budget stands alone.
    """
    pieces: list[np.ndarray] = []
    begin = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or (i + 1 - begin) * int(lengths[i]) > budget:
            pieces.append(rows[begin:i])
            begin = i
    return pieces
