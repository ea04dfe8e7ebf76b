"""Structured pruning without training: which heads and neurons go, cut for good, what is left fitted anew."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmfit.compression.importance import Curve, Scores, curves, parameters, widths
from lmfit.compression.refit import refit
from lmfit.compression.search import choose_widths
from lmfit.errors import InputError
from lmfit.models.modeling_pruned import Block, blocks_of
from lmfit.models.pruned import note_widths
from lmfit.tasks.tensors import Tensors
from lmfit.training.trainer import Objective

Costs = Sequence[Mapping[int, float]]
"""Of each block: width -> cost."""


@dataclass(frozen=True)
class Cut:
    """What became of each block, first to last: layer, part, units before and after; loss: the estimated increase."""

    layers: list[dict[str, Any]]
    loss: float
    cost: float
    budget: float

    @property
    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {"layers": self.layers, "estimated_loss": self.loss, "cost": self.cost, "budget": self.budget}


def blocks(model: Any) -> list[Block]:
    """The heads and neurons of each layer. Raises InputError where the encoder cannot be pruned."""
    try:
        return blocks_of(model)
    except ValueError as error:
        fix = "BERT, RoBERTa, XLM-R, ELECTRA, DistilBERT and DeBERTa and their like can be"
        raise InputError(str(error), where="compression.prune", fix=fix) from None


def weight_costs(model: Any) -> Costs:
    """The weights of each block at each width."""
    return [parameters(block) for block in blocks(model)]


def at_widths(model: Any, costs: Costs) -> Costs:
    """The same costs at the widths that the blocks can have now, after a cut: between widths that are known, a line."""
    found: list[dict[int, float]] = []
    for block, cost in zip(blocks(model), costs, strict=True):
        known = sorted(cost)
        between = np.interp(kept := widths(block), known, [cost[width] for width in known])
        found.append(dict(zip(kept, between.tolist(), strict=True)))
    return found


def full_cost(model: Any, costs: Costs) -> float:
    """What all blocks cost as they are."""
    return sum(cost[block.units] for block, cost in zip(blocks(model), costs, strict=True))


def least_cost(costs: Costs) -> float:
    """What all blocks cost without all that can go."""
    return sum(min(cost.values()) for cost in costs)


def prune(
    model: Any,
    objective: Objective,
    batches: Sequence[Tensors],
    *,
    costs: Costs,
    budget: float,
    scores: Scores = "reconstruction",
    refitted: bool = True,
) -> Cut:
    """Cut the model, in place, to the widths of least loss whose costs are within `budget`.

    batches: labelled ones, on the model's device. Raises InputError where the budget cannot be kept.
    """
    found = blocks(model)
    least = curves(model, objective, batches, scores)
    parent = copy.deepcopy(model) if refitted else None
    cut = cut_to(model, found, least, costs, budget)
    if parent is not None:
        refit(model, parent, batches)
    return cut


def cut_to(model: Any, found: Sequence[Block], least: Sequence[Curve], costs: Costs, budget: float) -> Cut:
    """Cut blocks, in place, to the widths of least loss within `budget`. Raises InputError where it cannot be kept."""
    chosen = choose_widths(least, costs, budget)
    layers = []
    for block, curve, width in zip(found, least, chosen, strict=True):
        layers.append({"layer": block.index, "part": block.part, "before": block.units, "after": width})
        if width < block.units:
            block.keep(curve.left(width))
    note_widths(model)
    loss = sum(curve.loss[curve.kept.index(width)] for curve, width in zip(least, chosen, strict=True))
    cost = sum(cost[width] for cost, width in zip(costs, chosen, strict=True))
    return Cut(layers, loss, cost, budget)
