"""Rows of several tasks in one plan: every row of the first, and of each other one its share, epoch by epoch."""

from collections.abc import Sequence

import numpy as np

from lmfit.data.batching import BatchPlan, keyed_generator
from lmfit.data.rows import Row, Rows


class MixedRows:
    """The rows of several tasks, one task after the other; each row tells its task as a value, `task` (from 0)."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self.parts = parts
        self.lengths = np.concatenate([part.lengths for part in parts])
        self.begins = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, number: int) -> Row:
        part = int(np.searchsorted(self.begins, number, side="right")) - 1
        row = self.parts[part][number - int(self.begins[part])]
        return Row(row.tokens, {**row.values, "task": part})

    def distinct(self, name: str) -> np.ndarray:
        """The values that occur in tokens `name`, ascending."""
        return np.unique(np.concatenate([part.distinct(name) for part in self.parts]))


class MixedPlan(BatchPlan):
    """Batches in which the tasks of `rows` meet.

    An epoch holds each row of the first task once, and of the others `weights` times as many, which go on where the
    epoch before ended: each row of a task comes once before any comes again. All of it is keyed by (seed, epoch).
    """

    def __init__(
        self, rows: MixedRows, weights: Sequence[float], seed: int, *, batch_size: int, batch_tokens: int | None
    ) -> None:
        self._counts = [len(part) for part in rows.parts]
        self._begins = rows.begins
        self._taken = [max(1, round(weight * self._counts[0])) for weight in weights]
        super().__init__(rows.lengths, seed, batch_size=batch_size, batch_tokens=batch_tokens)

    def order(self, number: int, generator: np.random.Generator) -> np.ndarray:
        """The rows of epoch `number` in random order."""
        others = [int(self._begins[part]) + self._turn(part, number) for part in range(1, len(self._counts))]
        return generator.permutation(np.concatenate([np.arange(self._counts[0]), *others]))

    def _turn(self, part: int, number: int) -> np.ndarray:
        """The rows of another task in epoch `number`: the next ones of its endless row of permutations."""
        count, taken = self._counts[part], self._taken[part - 1]
        first, last = number * taken, (number + 1) * taken
        passes = range(first // count, -(-last // count))
        drawn = [keyed_generator(self.seed, "turn", part, one).permutation(count) for one in passes]
        return np.concatenate(drawn)[first % count :][:taken]
