"""R-Drop (Wu et al. 2021): each row passes twice with other dropout; how far both answers differ joins the loss."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from lmfit.tasks.tensors import Tensors
from lmfit.training.trainer import Objective


class Comparing(Objective, Protocol):
    """An objective that can also tell how far two answers differ."""

    def divergence(self, first: torch.Tensor, second: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """How far two logits for one batch differ, summed over the targets."""


class RDrop:
    """An objective over each row twice, in one batch as in the paper's algorithm 1.

    Loss of a target: the mean of its two losses + weight * the symmetric divergence of the two answers. The paper sums
    the two losses; the mean keeps the loss, and what `weight` means beside it, comparable with training without R-Drop.
    """

    def __init__(self, objective: Comparing, weight: float) -> None:
        self.objective, self.weight = objective, weight

    def collate(self, rows: Sequence[Any]) -> Tensors:
        """Padded tensors, all rows and then all rows again."""
        return self.objective.collate([*rows, *rows])

    def targets(self, batch: Tensors) -> float:
        """Number of (weighted) targets of one pass."""
        return float(self.objective.targets(batch)) / 2

    def forward(self, model: Any, batch: Tensors) -> torch.Tensor:
        """The logits of both passes."""
        logits: torch.Tensor = self.objective.forward(model, batch)
        return logits

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """Summed over the targets of one pass."""
        first, second = logits.chunk(2)
        half = {name: tensor.chunk(2)[0] for name, tensor in batch.items()}
        return self.objective.loss(logits, batch) / 2 + self.weight * self.objective.divergence(first, second, half)
