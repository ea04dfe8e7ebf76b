"""Answers of a model: quick where rounding cannot change a decision, in full precision elsewhere."""

from collections.abc import Sequence

import numpy as np

from lmfit.data.batching import split_by_tokens
from lmfit.data.framing import Framer
from lmfit.inference.backend import Backend
from lmfit.tasks.base import Encoded, Task

SAMPLE = 64
SAFETY = 4.0
MOST_DOUBTFUL = 0.5

Answers = list[np.ndarray]
"""What the task reads off the logits of each row of one example."""


class Answerer:
    """Answers for one stream of examples.

    Chunks of more than SAMPLE examples are answered by the quick backend. A sample of the first one is answered in full
    precision too; the largest error seen so far, times SAFETY, is the margin that a decision must have to stand (two
    logits that err by as much can change places when they are twice that apart). Other examples are answered again in
    full precision, so that decisions are those of full precision; an error seen there may widen the margin. Where more
    than half of the sample would be answered again, the quick backend is not used.
    """

    def __init__(self, backend: Backend, task: Task, framer: Framer, *, quick: bool = True) -> None:
        self._backend, self._task, self._framer = backend, task, framer
        self._margin: float | None = None if quick else np.inf

    def answers(self, encoded: Sequence[Encoded]) -> list[Answers]:
        """The answers for each example, in order."""
        if len(encoded) <= SAMPLE or self._margin == np.inf or (quick := self._backend.quick) is None:
            return self._compute(encoded, self._backend)
        if self._margin is None:
            self._margin = self._needed_margin([encoded[i] for i in _spread(len(encoded))], quick)
            return self.answers(encoded)
        answers = self._compute(encoded, quick)
        margins = np.array([self._task.margin(answer) for answer in answers])
        exact = np.zeros(len(answers), bool)
        while doubtful := np.flatnonzero((margins <= self._margin) & ~exact).tolist():
            again = self._compute([encoded[i] for i in doubtful], self._backend)
            self._margin = max(self._margin, SAFETY * _largest_error([answers[i] for i in doubtful], again))
            for i, answer in zip(doubtful, again, strict=True):
                answers[i] = answer
            exact[doubtful] = True
        return answers

    def _needed_margin(self, sample: Sequence[Encoded], quick: Backend) -> float:
        coarse, exact = self._compute(sample, quick), self._compute(sample, self._backend)
        needed = SAFETY * _largest_error(coarse, exact)
        doubtful = np.mean([self._task.margin(answer) <= needed for answer in exact])
        return needed if doubtful <= MOST_DOUBTFUL else np.inf

    def _compute(self, encoded: Sequence[Encoded], backend: Backend) -> list[Answers]:
        """Answers by one backend; rows of like length are batched together."""
        rows = [row for item in encoded for row in item.rows]
        lengths = np.array([len(row) for row in rows], np.int64)
        order = np.argsort(lengths, kind="stable")
        found: dict[int, np.ndarray] = {}
        for piece in split_by_tokens(order, lengths[order], backend.batch_tokens):
            batch = self._task.collate([rows[i] for i in piece], self._framer)
            for i, answer in zip(piece, self._task.answers(backend.logits(batch), batch), strict=True):
                found[i] = answer
        each = (found[i] for i in range(len(rows)))
        return [[next(each) for _ in item.rows] for item in encoded]


def _largest_error(coarse: Sequence[Answers], exact: Sequence[Answers]) -> float:
    return max(
        float(np.abs(a - b).max(initial=0.0))
        for one, other in zip(coarse, exact, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def _spread(count: int) -> list[int]:
    return [int(i) for i in np.linspace(0, count - 1, SAMPLE)]
