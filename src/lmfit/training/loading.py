"""The micro-batches of a step; where a GPU computes, those of the next step are made meanwhile, in pinned memory."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from lmfit.tasks.tensors import Tensors

Made = list[Tensors]


class Ahead:
    """`make`, a function of a step's number and of how its rows are cut alone, called a step ahead by a thread.

    Pinned memory is copied to the GPU while the GPU computes.
    """

    def __init__(self, make: Callable[[int], Made]) -> None:
        self._make, self._thread = make, ThreadPoolExecutor(1, "lmfit-loading")
        self._waiting: tuple[int, int | None, Future[Made]] | None = None

    def __call__(self, number: int, cut: int | None) -> Made:
        """The micro-batches of step `number`; `cut`: the tokens that bound them."""
        waiting, self._waiting = self._waiting, None
        ready = waiting[2] if waiting and waiting[:2] == (number, cut) else None
        found = ready.result() if ready else self._pinned(number)
        self._waiting = number + 1, cut, self._thread.submit(self._pinned, number + 1)
        return found

    def _pinned(self, number: int) -> Made:
        return [{name: tensor.pin_memory() for name, tensor in batch.items()} for batch in self._make(number)]
