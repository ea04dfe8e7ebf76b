"""Whole layers that a model can do without: found one after the other by the loss without each."""

import copy
from collections.abc import Sequence
from typing import Any

import torch

from lmfit.compression.distill import keep_layers
from lmfit.models.modeling_pruned import layers_of
from lmfit.tasks.tensors import Tensors, forward
from lmfit.training.trainer import Objective


def fewer_layers(
    model: Any, objective: Objective, batches: Sequence[Tensors], count: int
) -> tuple[Any, list[dict[str, Any]]]:
    """A copy in evaluation mode with `count` layers, and those that went: [{"layer": from 0, "loss": without it}].

    Again and again that layer goes without which the mean loss over labelled batches is least: greedy, since what a
    layer is worth hangs on the others that are left (Sajjad et al. 2023 compare such choices).
    """
    made = copy.deepcopy(model).eval()
    left, gone = list(range(len(layers_of(made)))), []
    while len(left) > count:
        losses = [_loss_without(made, place, objective, batches) for place in range(len(left))]
        going = min(range(len(left)), key=losses.__getitem__)
        keep_layers(made, [place for place in range(len(left)) if place != going])
        gone.append({"layer": left.pop(going), "loss": round(losses[going], 6)})
    return made, gone


@torch.inference_mode()
def _loss_without(model: Any, place: int, objective: Objective, batches: Sequence[Tensors]) -> float:
    """The mean loss of a target where one of the layers is passed over."""
    layers = layers_of(model)
    taken = layers.pop(place)
    try:
        losses = [float(objective.loss(forward(model, batch), batch)) for batch in batches]
    finally:
        layers.insert(place, taken)
    targets: float = sum(objective.targets(batch) for batch in batches)
    return sum(losses) / max(1e-12, targets)
