"""Gates that learn which heads and neurons a model can do without, while it is trained (L0, Louizos et al. 2018)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from lmfit.compression.importance import Curve, widths
from lmfit.models.modeling_pruned import Block, blocks_of

GATES = "lmfit_gates"
STRETCH_LOW, STRETCH_HIGH, TEMPERATURE = -0.1, 1.1, 2 / 3
FIRST_LOGIT = 4.0
SPEED = 1000.0
"""Gates and multipliers learn this many times as fast as weights (0.1 a step at a rate of 1e-4, as CoFi has it)."""


class Gates(torch.nn.Module):
    """A hard-concrete gate for each unit of each block; multiplies what the block's last matrix reads.

    In training gates are drawn anew in each pass from torch's generator; in evaluation they are most likely.

    first, second: the Lagrangian multipliers of the budget, which ascend (CoFi, Xia et al. 2022).
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.blocks = [block for block in blocks_of(model) if block.units]
        self.logits = torch.nn.ParameterList(
            torch.nn.Parameter(torch.full((block.units,), FIRST_LOGIT / SPEED)) for block in self.blocks
        )
        self.first, self.second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
        self.to(next(model.parameters()).device)
        multipliers: list[Any] = [self.first, self.second]
        for multiplier in multipliers:
            multiplier.register_hook(torch.neg)
        self._handles = [
            block.reader.register_forward_pre_hook(self._multiplying(number))
            for number, block in enumerate(self.blocks)
        ]

    def _multiplying(self, number: int) -> Any:
        size = self.blocks[number].size

        def hook(reader: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            gate = self.draw(number) if reader.training else self.most_likely(number)
            return (arguments[0] * gate.repeat_interleave(size).to(arguments[0].dtype), *arguments[1:])

        return hook

    def draw(self, number: int) -> torch.Tensor:
        """Gates of a block, (units,) in [0, 1]: equations 10 and 11."""
        logit = self.logits[number] * SPEED
        noise = torch.rand(len(logit), device=logit.device).clamp(1e-6, 1 - 1e-6)
        return _stretched(torch.sigmoid((noise.log() - (-noise).log1p() + logit) / TEMPERATURE))

    def most_likely(self, number: int) -> torch.Tensor:
        """Equation 13."""
        return _stretched(torch.sigmoid(self.logits[number] * SPEED))

    def open(self, number: int) -> torch.Tensor:
        """The probability that each gate of a block is not 0: equation 12."""
        shift = TEMPERATURE * math.log(-STRETCH_LOW / STRETCH_HIGH)
        return torch.sigmoid(self.logits[number] * SPEED - shift)

    def expected_cost(self, costs: Sequence[Mapping[int, float]]) -> torch.Tensor:
        """What the open units cost, a unit the mean of its block's table; of blocks that have units."""
        parts = [
            min(cost.values()) + self.open(i).mean() * (cost[block.units] - min(cost.values()))
            for i, (block, cost) in enumerate(zip(self.blocks, costs, strict=True))
        ]
        return torch.stack(parts).sum()

    def settle(self, costs: Sequence[Mapping[int, float]], allowed: float) -> None:
        """Before each step: what the open units may cost. These gates are led by the penalty alone."""

    def excess(self, cost: torch.Tensor, target: float) -> torch.Tensor:
        """l1 (c / t - 1) + l2 (c / t - 1)^2, with multipliers that gradient ascent moves."""
        over = cost / target - 1
        return (self.first * SPEED * over + self.second * SPEED * over.square()).squeeze()

    def curves(self) -> list[Curve]:
        """For the search of widths: the units that are least likely open go first, each at its probability."""
        made = []
        for number, block in enumerate(self.blocks):
            chance = self.open(number).detach().cpu().numpy()
            order = np.argsort(chance, kind="stable")
            sums = np.concatenate([[0.0], np.cumsum(chance[order])]) * (block.size if block.part == "heads" else 1)
            kept = widths(block)
            made.append(Curve(order.tolist(), kept, [float(sums[block.units - width]) for width in kept]))
        return made

    @torch.no_grad()
    def fold(self) -> list[Block]:
        """Multiply the gates into the matrices and let go of the model; the blocks that had gates."""
        for number, block in enumerate(self.blocks):
            block.reader.weight *= self.most_likely(number).repeat_interleave(block.size)
        for handle in self._handles:
            handle.remove()
        return self.blocks


def _stretched(gate: torch.Tensor) -> torch.Tensor:
    return (gate * (STRETCH_HIGH - STRETCH_LOW) + STRETCH_LOW).clamp(0, 1)


def cubic(step: int, begin: int, end: int) -> float:
    """How much of the way to the target is gone: 0 to 1, 1 - (1 - t)^3 (Zhu & Gupta 2017, equation 1)."""
    if end <= begin:
        return 1.0
    share = min(1.0, max(0.0, (step - begin) / (end - begin)))
    return float(1 - (1 - share) ** 3)
