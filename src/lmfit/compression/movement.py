"""Scores that are learnt beside the weights, after which heads and neurons go (movement pruning, Sanh et al. 2020)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from lmfit.compression.gates import SPEED, Gates
from lmfit.models.modeling_pruned import Block


class Movement(Gates):
    """Gates that are 0 or 1: the units of highest score are open, as many as the budget of the step allows.

    A score's gradient is that of its gate, as if it were open in part (straight through): dL/dS = sum w dL/dw over the
    unit's weights. So scores grow where training moves weights away from 0 (equation 3, summed over a unit as Lagunas
    et al. 2021 do).
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        with torch.no_grad():
            for scores in self.logits:
                scores.zero_()
        self.masks = [torch.ones(block.units) for block in self.blocks]

    def draw(self, number: int) -> torch.Tensor:
        """Gates of a block, (units,), with the gradient going to the scores."""
        scores = self.logits[number] * SPEED
        gates: torch.Tensor = self.most_likely(number) + scores - scores.detach()
        return gates

    def most_likely(self, number: int) -> torch.Tensor:
        """The open units' gates are 1."""
        return self.masks[number].to(self.logits[number].device)

    def open(self, number: int) -> torch.Tensor:
        """For the order in which units go: their scores, from 0 on."""
        scores = self.logits[number] * SPEED
        above: torch.Tensor = scores - torch.cat([one.detach() for one in self.logits]).min() * SPEED
        return above

    @torch.no_grad()
    def settle(self, costs: Sequence[Mapping[int, float]], allowed: float) -> None:
        """Close units of least score until the others cost no more than `allowed`; ties go by place."""
        scores = torch.cat([one.detach().cpu() for one in self.logits])
        each = torch.cat([_of_unit(block, cost) for block, cost in zip(self.blocks, costs, strict=True)])
        fixed = sum(min(cost.values()) for cost in costs)
        order = scores.argsort(descending=True, stable=True)
        within = each[order].cumsum(0) <= (allowed - fixed) * (1 + 1e-9)
        mask = torch.zeros(len(scores))
        mask[order[within]] = 1.0
        self.masks = list(torch.split(mask, [block.units for block in self.blocks]))

    def expected_cost(self, costs: Sequence[Mapping[int, float]]) -> torch.Tensor:
        """What the open units cost."""
        parts = zip(self.masks, self.blocks, costs, strict=True)
        return torch.stack([min(c.values()) + (mask * _of_unit(block, c)).sum() for mask, block, c in parts]).sum()

    def excess(self, cost: torch.Tensor, target: float) -> torch.Tensor:
        """Nothing: the budget is kept by closing units, not by a penalty."""
        return (self.first * 0).squeeze()

    def fold(self) -> list[Block]:
        """Let go of the model: closed units will be cut, and what stays is as it was."""
        for handle in self._handles:
            handle.remove()
        return self.blocks


def _of_unit(block: Block, cost: Mapping[int, float]) -> torch.Tensor:
    """What each unit of a block costs, (units,): the mean of its table."""
    each = (cost[block.units] - min(cost.values())) / block.units
    return torch.full((block.units,), each, dtype=torch.float64)
