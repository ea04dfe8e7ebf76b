"""Rows for the trainer: number v is sequence v % S in epoch v // S; all that an epoch changes follows from v."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lmfit.data.batching import BatchPlan, keyed_generator
from lmfit.data.rows import Row
from lmfit.pretraining.keyed import Keyed
from lmfit.pretraining.tokens import Sequences

NO_PAIR = -1
_TRIES = 8


@dataclass(frozen=True)
class Frame:
    """The special tokens around a row: none where a model is causal."""

    begin: int | None
    end: int | None

    @property
    def single(self) -> int:
        """How many of them stand around one text."""
        return 0 if self.begin is None else 2

    @property
    def pair(self) -> int:
        """How many of them stand around two."""
        return 3


class PretrainRows:
    """The rows of a split. `lengths`: (S,) of the rows, special tokens included.

    A row holds `input_ids`, with a pair `token_type_ids`, and as values `number` (v) and `pair` (0 as it stands in the
    document, 1 changed, -1 not asked).
    """

    def __init__(
        self, sequences: Sequences, frame: Frame, pair: Literal["nsp", "sop"] | None, seed: int, purpose: str
    ) -> None:
        self.sequences, self.frame, self.pair = sequences, frame, pair
        self.lengths = np.asarray(sequences.lengths) + np.int32(frame.pair if pair else frame.single)
        self._keyed = Keyed(seed, f"{purpose} pairs")

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, number: int) -> Row:
        tokens = self.sequences.tokens(number % len(self))
        if self.pair is None:
            return Row({"input_ids": self._framed(tokens)}, {"number": number, "pair": NO_PAIR})
        draws = self._keyed.one(number, 3 + _TRIES)
        starts = self.sequences.sentence_starts(number % len(self))
        if not len(starts):
            return self._row(tokens, tokens[:0], number, NO_PAIR)
        cut = int(starts[int(draws[0] * len(starts))])
        first, second, changed = tokens[:cut], tokens[cut:], draws[1] < 0.5
        if changed and self.pair == "sop":
            first, second = second, first
        elif changed:
            second = self._elsewhere(number % len(self), len(second), draws[2:])
        return self._row(first, second, number, int(changed))

    def _elsewhere(self, mine: int, length: int, draws: np.ndarray) -> np.ndarray:
        """At most `length` tokens of another document, from the beginning of a sentence where there is one."""
        document = self.sequences.document
        others = (int(draw * len(self)) for draw in draws[1:])
        other = next((o for o in others if document[o] != document[mine]), None)
        if other is None:
            other = (0 if document[mine] else len(self) - 1) if len(self) else 0
        tokens, starts = self.sequences.tokens(other), self.sequences.sentence_starts(other)
        begin = int(starts[int(draws[0] * len(starts))]) if len(starts) else 0
        return tokens[begin : begin + length]

    def _row(self, first: np.ndarray, second: np.ndarray, number: int, pair: int) -> Row:
        assert self.frame.begin is not None
        assert self.frame.end is not None
        size = len(first) + len(second) + (self.frame.pair if len(second) else self.frame.single)
        ids, types = np.empty(size, np.int64), np.zeros(size, np.int64)
        ids[0], ids[-1] = self.frame.begin, self.frame.end
        ids[1 : 1 + len(first)] = first
        if len(second):
            ids[1 + len(first)] = self.frame.end
            ids[2 + len(first) : -1] = second
            types[2 + len(first) :] = 1
        return Row({"input_ids": ids, "token_type_ids": types}, {"number": number, "pair": pair})

    def _framed(self, tokens: np.ndarray) -> np.ndarray:
        if self.frame.begin is None or self.frame.end is None:
            return tokens.astype(np.int64)
        ids = np.empty(len(tokens) + 2, np.int64)
        ids[0], ids[1:-1], ids[-1] = self.frame.begin, tokens, self.frame.end
        return ids


class PretrainPlan(BatchPlan):
    """Batches of row numbers. shares: what each source gives to an epoch; a source may give some sequences twice.

    ramp: (share of the batch at first, steps until it is whole): small batches, joined more and more.
    """

    def __init__(
        self,
        rows: PretrainRows,
        seed: int,
        *,
        batch_size: int,
        batch_tokens: int | None,
        shares: Sequence[float] = (),
        ramp: tuple[float, int] | None = None,
    ) -> None:
        self._joined = 1
        self._ramp_steps = ramp[1] if ramp else 0
        if ramp:
            self._joined = max(1, round(1 / ramp[0]))
            batch_size = max(1, batch_size // self._joined)
            batch_tokens = None if batch_tokens is None else batch_tokens // self._joined
        self._shares, self._source = tuple(shares), np.asarray(rows.sequences.source)
        super().__init__(rows.lengths, seed, batch_size=batch_size, batch_tokens=batch_tokens)

    def lengths_of(self, rows: np.ndarray) -> np.ndarray:
        """The lengths of row numbers of any epoch."""
        return super().lengths_of(rows % len(self.lengths))

    def order(self, number: int, generator: np.random.Generator) -> np.ndarray:
        """All sequences in random order, or each source's share of as many."""
        if not self._shares:
            return super().order(number, generator)
        drawn = [self._draw(source, share, number) for source, share in enumerate(self._shares)]
        return generator.permutation(np.concatenate(drawn))

    def _draw(self, source: int, share: float, epoch: int) -> np.ndarray:
        """The next round(share * S) sequences of a source, whose passes are shuffled each by itself."""
        mine = np.flatnonzero(self._source == source)
        wanted = round(share * len(self.lengths))
        places = np.arange(epoch * wanted, (epoch + 1) * wanted)
        passes, inside = np.divmod(places, len(mine))
        order = {int(p): keyed_generator(self.seed, "mixture", source, int(p)).permutation(mine) for p in set(passes)}
        return np.array([order[int(p)][i] for p, i in zip(passes, inside, strict=True)], np.int64)

    def batch(self, step: int) -> np.ndarray:
        """The row numbers of a step: the small batches that it joins, shortest row first."""
        first, count = self._joined_at(step)
        parts = []
        for small in range(first, first + count):
            epoch, index = super().locate(small)
            parts.append(self.epoch(epoch)[index] + epoch * len(self.lengths))
        rows = np.concatenate(parts)
        return rows if count == 1 else rows[np.argsort(self.lengths_of(rows), kind="stable")]

    def _joined_at(self, step: int) -> tuple[int, int]:
        """The first small batch of a step, and how many it joins: 1 at first, all from the ramp's end on."""
        if self._joined == 1:
            return step, 1
        ramp = np.arange(min(step, self._ramp_steps) + 1)
        sizes = 1 + (self._joined - 1) * ramp // max(1, self._ramp_steps)
        before = int(sizes[:-1].sum()) + self._joined * max(0, step - self._ramp_steps)
        return before, int(sizes[-1])

    def locate(self, step: int) -> tuple[int, int]:
        """(epoch, small batch within it) where a step begins."""
        return super().locate(self._joined_at(step)[0])

    def steps_of_epochs(self, epochs: float) -> int:
        """The steps that pass over the data so often."""
        small = super().steps_of_epochs(epochs)
        step = 0
        while sum(self._joined_at(step)) < small and step < self._ramp_steps:
            step += 1
        begun, count = self._joined_at(step)
        return step + 1 + max(0, -(-(small - begun - count) // self._joined))


def row_values(rows: Sequence[Any], name: str) -> np.ndarray:
    """A value of each row, (B,)."""
    return np.array([row.values[name] for row in rows], np.int64)
