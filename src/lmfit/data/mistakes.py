"""Mistakes in rows, gathered where reading can go on after one, so that a user sees more than the first."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from lmfit.errors import DataError, Problem

T = TypeVar("T")

MOST = 20


class Mistakes:
    """A context in which a DataError is kept and passed over, up to 20; not gathering, it raises the first one."""

    def __init__(self, *, gather: bool) -> None:
        self._gather = gather
        self._kept: list[Problem] = []

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not self._gather or not isinstance(error, DataError):
            return False
        self._kept += error.problems
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
            self._kept += error.problems
        self.settle()

    def settle(self) -> None:
        """Raise DataError with all mistakes there are."""
        if self._kept:
            self._raise(more=False)

    def _raise(self, *, more: bool) -> None:
        problems, self._kept = self._kept[:MOST], []
        if more:
            last = problems[-1]
            problems[-1] = Problem(f"{last.what} (the {MOST}th mistake; reading stops here)", last.where, last.fix)
        raise DataError(problems[0].what, problems=problems)
