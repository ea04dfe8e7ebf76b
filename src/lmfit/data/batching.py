"""Which rows form which optimizer step: length buckets, token budgets, an order that any step can be resumed from."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np

BUCKET_BATCHES = 50


def keyed_generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A generator that depends on nothing but (seed, purpose, numbers): no state to save, no order of calls."""
    return np.random.Generator(np.random.Philox(key=key(seed, purpose, *numbers)))


def key(seed: int, purpose: str, *numbers: int) -> int:
    """A 63-bit number made of (seed, purpose, numbers)."""
    text = "/".join(map(str, (seed, purpose, *numbers)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


class BatchPlan:
    """The batches of every epoch, known beforehand.

    Rows are shuffled, sorted by length within buckets of 50 batches, cut into batches, and the batches shuffled: equal
    lengths meet in a batch (little padding) while the order stays random. The plan is a function of (lengths, size,
    seed, epoch) alone.
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

    def _make_epoch(self, number: int) -> list[np.ndarray]:
        generator = keyed_generator(self.seed, "order", number)
        order = generator.permutation(len(self.lengths))
        per_batch = self.batch_size if self.batch_tokens is None else self._rows_per_token_batch()
        batches: list[np.ndarray] = []
        for begin in range(0, len(order), per_batch * BUCKET_BATCHES):
            bucket = order[begin : begin + per_batch * BUCKET_BATCHES]
            bucket = bucket[np.argsort(self.lengths[bucket], kind="stable")]
            batches += self._cut(bucket)
        generator.shuffle(batches)
        return batches

    def _rows_per_token_batch(self) -> int:
        return max(1, int((self.batch_tokens or 1) / max(1.0, float(self.lengths.mean()))))

    def _cut(self, bucket: np.ndarray) -> list[np.ndarray]:
        if self.batch_tokens is not None:
            return split_by_tokens(bucket, self.lengths[bucket], self.batch_tokens)
        return [bucket[i : i + self.batch_size] for i in range(0, len(bucket), self.batch_size)]

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of the first epoch (the same for each when batch_size rules)."""
        return len(self.epoch(0))

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
