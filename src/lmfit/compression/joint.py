"""L = L_fine + L_distill + L_prune + L_quant in one training: objectives around distillation, one for each phase.

While the budget falls heads and neurons go, in cuts or behind gates; then what is left recovers, and learns under
rounding.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from lmfit.compression.distill import Distilling
from lmfit.compression.fake_quant import set_rounding
from lmfit.compression.gates import Gates, cubic
from lmfit.tasks.tensors import Tensors, forward
from lmfit.training.hooks import QuietHook
from lmfit.training.trainer import StepResult, Trainer


class Around:
    """Distillation, knowing the step it is at; what is added to it comes around it."""

    def __init__(self, objective: Distilling) -> None:
        self.objective, self.step = objective, 0
        self.collate, self.targets, self.forward = objective.collate, objective.targets, objective.forward

    def at(self, step: int) -> None:
        """The step that comes next."""
        self.step = step

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """Summed over the targets."""
        return self.objective.loss(logits, batch)


class Stepwise(Protocol):
    """Something that changes with the steps."""

    def at(self, step: int) -> None:
        """The step that comes next."""


class Pruning(Around):
    """L_prune: the expected cost of the open gates may not exceed a budget that falls cubically to the target.

    costs: of each block, width -> weights or milliseconds; full: what they cost whole; target: what they may cost.
    """

    def __init__(
        self,
        objective: Distilling,
        gates: Gates,
        costs: Sequence[Mapping[int, float]],
        *,
        full: float,
        target: float,
        ramp: tuple[int, int],
    ) -> None:
        super().__init__(objective)
        self.gates, self.costs, self.full, self.target, self.ramp = gates, costs, full, target, ramp

    @property
    def allowed(self) -> float:
        """What the open gates may cost at this step."""
        return self.full + (self.target - self.full) * cubic(self.step, *self.ramp)

    def at(self, step: int) -> None:
        """The step that comes next, and its budget."""
        super().at(step)
        self.gates.settle(self.costs, self.allowed)

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """Distillation, and the excess once for each target."""
        excess = self.gates.excess(self.gates.expected_cost(self.costs), self.allowed)
        return self.objective.loss(logits, batch) + self.objective.added("prune", excess, batch)


class Rounding(Around):
    """L_quant: weight * mean squared distance between the logits with rounding and those without, of real tokens."""

    def __init__(self, objective: Distilling, model: Any, *, weight: float, begin: int) -> None:
        super().__init__(objective)
        self.model, self.weight, self.begin = model, weight, begin

    def at(self, step: int) -> None:
        """Rounding sets in at step `begin`."""
        super().at(step)
        set_rounding(self.model, step >= self.begin)

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """Distillation of the rounded model, and its distance from itself in full precision, once for each target."""
        loss = self.objective.loss(logits, batch)
        if self.step < self.begin or not self.weight:
            return loss
        set_rounding(self.model, False)
        with torch.no_grad():
            exact = forward(self.model, batch)
        set_rounding(self.model, True)
        self.objective.taps.take()
        apart = (logits - exact).square()
        if apart.dim() == 3:
            apart = apart[batch["attention_mask"].bool()]
        return loss + self.objective.added("quant", self.weight * apart.mean(), batch)


class TellStep(QuietHook):
    """Tells an objective which step comes next."""

    def __init__(self, objective: Stepwise) -> None:
        self.objective = objective

    def on_start(self, trainer: Trainer) -> None:
        """Also of a resumed training."""
        self.objective.at(trainer.state.step)

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """The next one."""
        self.objective.at(trainer.state.step)


@contextmanager
def without_dropout(model: Any) -> Iterator[None]:
    """Inside the block nothing is dropped out: two passes over a batch differ by rounding alone."""
    rates = {module: module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    for module in rates:
        module.p = 0.0
    try:
        yield
    finally:
        for module, rate in rates.items():
            module.p = rate
