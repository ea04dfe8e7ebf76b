"""Training on embeddings that an adversary has moved, besides those that are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lmfit.config.training import TrainingConfig

Backward = Callable[[], float]
"""Adds the gradient of a whole step to what is there; returns the step's mean loss."""


class FastGradient:
    """The fast gradient method (Miyato et al. 2017, equation 5) on the table of input embeddings.

    r = epsilon * g / |g|, g the gradient of the whole step, so that micro-batches change nothing. The paper moves
    the embedded words of each text by themselves; here a word moves alike wherever it stands in the step's batch.
    """

    def __init__(self, model: Any, epsilon: float) -> None:
        self.model, self.epsilon = model, epsilon

    def __call__(self, backward: Backward) -> float:
        """The gradient of the loss plus that of the loss under attack; returns the loss without."""
        loss = backward()
        with self.moved():
            backward()
        return loss

    @contextmanager
    def moved(self) -> Iterator[None]:
        """Inside the block the table is moved along its gradient; afterwards it is as before, to the bit."""
        table = self.model.get_input_embeddings().weight
        before = table.detach().clone()
        with torch.no_grad():
            norm = table.grad.norm()
            table.add_(torch.where(norm.isfinite() & (norm > 0), table.grad * (self.epsilon / norm), 0.0))
        try:
            yield
        finally:
            with torch.no_grad():
                table.copy_(before)


def once(backward: Backward) -> float:
    """The gradient as it is."""
    return backward()


def gradient_of(model: Any, config: TrainingConfig) -> Callable[[Backward], float]:
    """How a step's gradient is made, as configured."""
    return once if config.adversarial is None else FastGradient(model, config.adversarial_epsilon)
