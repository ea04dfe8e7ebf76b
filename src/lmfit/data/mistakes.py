"""Mistakes in rows, gathered where reading can go on after one, so that a user sees more than the first."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

from lmfit.errors import DataError, Problem

T = TypeVar("T")

MOST = 20
SHOWN_ALIKE = 3
_OWN = re.compile(r"`[^`]*`|'[^']*'|[-\d.,]+")
"""What a sentence says of one row alone: its numbers and what it quotes."""


class Mistakes:
    """A context in which a DataError is kept and passed over; not gathering, it raises the first one.

    Of mistakes that are alike but for numbers and quotes three are kept and the others are counted; after 20 kept ones
    nothing more is passed over.
    """

    def __init__(self, *, gather: bool) -> None:
        self._gather = gather
        self._kept: list[Problem] = []
        self._alike: Counter[str] = Counter()

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not self._gather or not isinstance(error, DataError):
            return False
        for problem in error.problems:
            self._keep(problem)
        if len(self._kept) >= MOST:
            self._raise(more=True)
        return True

    def settled(self, items: Iterable[T]) -> Iterator[T]:
        """The items up to the first mistake. Raises DataError with all mistakes, once `items` end or cannot go on."""
        try:
            for item in items:
                if not self._kept:
                    yield item
        except DataError as error:
            if not self._kept or error.problems[0] is self._kept[0]:
                raise
            for problem in error.problems:
                self._keep(problem)
        self.settle()

    def settle(self) -> None:
        """Raise DataError with the mistakes there are."""
        if self._kept:
            self._raise(more=False)

    def _keep(self, problem: Problem) -> None:
        alike = _alike(problem)
        self._alike[alike] += 1
        if self._alike[alike] <= SHOWN_ALIKE:
            self._kept.append(problem)

    def _raise(self, *, more: bool) -> None:
        problems, counts = self._kept[:MOST], self._alike
        self._kept, self._alike = [], Counter()
        last = {_alike(problem): number for number, problem in enumerate(problems)}
        for alike, number in last.items():
            if (others := counts[alike] - SHOWN_ALIKE) > 0:
                problems[number] = _adding(problems[number], f"and {others:,} more like these")
        if more:
            problems[-1] = _adding(problems[-1], f"the {MOST}th mistake; reading stops here")
        raise DataError(problems[0].what, problems=problems)


def _alike(problem: Problem) -> str:
    return _OWN.sub("", problem.what)


def _adding(problem: Problem, told: str) -> Problem:
    return replace(problem, what=f"{problem.what} ({told})")
