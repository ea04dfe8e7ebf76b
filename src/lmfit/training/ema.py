"""Exponential moving average of the weights (Polyak & Juditsky 1992): kept as a third tensor of the optimizer's state.

So checkpoints hold it, a resumed run goes on with it, and a step that is left out does not touch it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

AVERAGE = "average"


def keep_average(optimizer: torch.optim.Optimizer, decay: float) -> None:
    """After each step t (from 1) the average moves by 1 - min(decay, (1 + t) / (10 + t)) towards the weights.

    The first steps count less, so that a short training does not end near its start.
    """

    def follow(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        trained = _trained(optimizer)
        for parameter in trained:
            optimizer.state[parameter].setdefault(AVERAGE, parameter.detach().clone())
        if trained:
            step = float(optimizer.state[trained[0]]["step"])
            averages = [optimizer.state[parameter][AVERAGE] for parameter in trained]
            now = [parameter.detach() for parameter in trained]
            torch._foreach_lerp_(averages, now, 1 - min(decay, (1 + step) / (10 + step)))

    optimizer.register_step_post_hook(follow)


@contextmanager
def averaged(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Inside the block the model holds the average of its weights, where one is kept; no copy is made."""
    exchange_average(model, optimizer)
    try:
        yield
    finally:
        exchange_average(model, optimizer)


def exchange_average(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Weights and average change places, where an average is kept. The model is in training mode afterwards, so that
    what it derives from its weights in evaluation mode is derived anew.
    """
    for parameter in _trained(optimizer):
        state = optimizer.state[parameter]
        if AVERAGE in state:
            parameter.data, state[AVERAGE] = state[AVERAGE], parameter.data
    model.train()


def _trained(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    """The parameters that have been moved by a step so far, in the order of the groups."""
    return [p for group in optimizer.param_groups for p in group["params"] if optimizer.state.get(p)]
