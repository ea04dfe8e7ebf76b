"""How a model lies on the ranks that train it: whole on each, as here, or in parts (`sharding`)."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from lmfit.training.checkpoint import Checkpoints, TrainState, load_optimizer, optimizer_tensors, weights
from lmfit.training.distributed import Ranks
from lmfit.training.ema import averaged, exchange_average
from lmfit.training.transfer import receive, send


class Replicas:
    """Each rank holds the whole model and makes the same steps.

    trained: what is trained; a rank's loss counts `factor` times, as the sum of gradients wants it.
    """

    factor = 1.0
    scales_late = True
    """Whether the fused optimizer may scale the gradient while it reads it."""

    def __init__(self, model: Any, ranks: Ranks) -> None:
        self.trained, self.ranks = model, ranks

    def gradient(self, backward: Callable[[], float]) -> float:
        """Add the gradient of `backward`, summed over all ranks, to what is there; returns the sum of its results."""
        return self.ranks.gradient(self.trained.parameters(), backward)

    def judged(self, optimizer: torch.optim.Optimizer, *, average: bool = True) -> AbstractContextManager[None]:
        """Rank 0: inside the block the model holds the weights that are judged: their average, where one is kept."""
        return averaged(self.trained, optimizer) if average else nullcontext()

    def settle(self, optimizer: torch.optim.Optimizer) -> None:
        """After training: the model holds these weights for good."""
        exchange_average(self.trained, optimizer)

    def save(self, checkpoints: Checkpoints, optimizer: torch.optim.Optimizer, state: TrainState) -> Path:
        """Rank 0: write a checkpoint."""
        return checkpoints.save(self.trained, optimizer, state)

    def restore(self, checkpoints: Checkpoints, optimizer: torch.optim.Optimizer) -> TrainState | None:
        """Model and optimizer from the newest whole checkpoint, which rank 0 reads and hands on; None without one."""
        if self.ranks.rank > 0:
            return self._take_over(optimizer)
        state = checkpoints.restore(self.trained, optimizer)
        if self.ranks.count > 1:
            send(self.ranks, state and (state, weights(self.trained), optimizer_tensors(optimizer)))
        return state

    def _take_over(self, optimizer: torch.optim.Optimizer) -> TrainState | None:
        found: tuple[TrainState, dict[str, torch.Tensor], dict[str, torch.Tensor]] | None = receive(self.ranks)
        if found is None:
            return None
        self.trained.load_state_dict(found[1], strict=False)
        load_optimizer(optimizer, found[2])
        return found[0]

    def serve(self, order: Any, optimizer: torch.optim.Optimizer) -> None:
        """Other ranks: do what rank 0 asks for between two steps, which is nothing here."""
        raise AssertionError(f"replicas take no orders: {order}")


def here(tensor: torch.Tensor) -> torch.Tensor:
    """The part of a tensor that lies on this rank: all of it, unless it is shared out."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor
