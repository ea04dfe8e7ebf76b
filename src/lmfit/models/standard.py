"""Numbers are learnt in standard units, (y - mean) / deviation; outside of training weights speak the user's units.

So the optimizer sees the same problem whatever the labels measure, and whoever loads the saved model gets its numbers.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from lmfit.models.grow import label_layer

Units = tuple[float, float]
"""Mean and standard deviation of the numbers that are learnt."""
_OWN: Units = (0.0, 1.0)


def begin_at_mean(model: Any, units: Units) -> None:
    """New weights of the head, drawn for standard units, in the user's: the first answers lie around the mean."""
    _fold(_layer(model), units)


@contextmanager
def standard_weights(model: Any, units: Units | None) -> Iterator[None]:
    """Inside the block the weights of the head answer in standard units; None: they stay as they are."""
    layer = None if units is None else _layer(model)
    if units is None or layer is None:
        yield
        return
    mean, deviation = _fitting(layer, units)
    with torch.no_grad():
        layer.weight.div_(deviation)
        if layer.bias is not None:
            layer.bias.sub_(mean).div_(deviation)
    try:
        yield
    finally:
        _fold(layer, units)


@contextmanager
def answers_in_units(model: Any, units: Sequence[Units | None], *, device: torch.device) -> Iterator[None]:
    """Inside the block the logits of a model with `standard_weights` are in the user's units, a column per task.

    units: of the model's own task, then of those learnt beside it. Computed in float32 at least.
    """
    if units[0] is None:
        yield
        return
    layer = _layer(model)
    own = _OWN if layer is None else _fitting(layer, units[0])
    table = torch.tensor([own, *(one or _OWN for one in units[1:])], device=device)
    handle = model.register_forward_hook(_Answering(*table.T))
    try:
        yield
    finally:
        handle.remove()


class _Answering:
    """A forward hook: logits (B, C) times `deviation`, plus `mean`, the first C of both."""

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        self.mean, self.deviation = mean, deviation

    def __call__(self, model: torch.nn.Module, arguments: Any, output: Any) -> Any:
        logits, count = output.logits, output.logits.shape[-1]
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        output.logits = wide * self.deviation[:count] + self.mean[:count]
        return output


def _layer(model: Any) -> torch.nn.Linear | None:
    """The linear layer that answers; None where the model has none that could be scaled."""
    found = label_layer(model, 1)
    return None if found is None else found[2]


def _fitting(layer: torch.nn.Linear, units: Units) -> Units:
    """A layer without bias (of decoders) cannot hold the mean: zero stays zero, the unit is the size of the numbers."""
    return units if layer.bias is not None else (0.0, math.hypot(*units))


@torch.no_grad()
def _fold(layer: torch.nn.Linear | None, units: Units) -> None:
    if layer is None:
        return
    mean, deviation = _fitting(layer, units)
    layer.weight.mul_(deviation)
    if layer.bias is not None:
        layer.bias.mul_(deviation).add_(mean)
