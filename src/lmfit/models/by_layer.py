"""The layers of an encoder computed in another way while it is trained: compiled, or with fewer activations kept."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from lmfit import console
from lmfit.device import Device
from lmfit.models.freeze import layers_of

Forward = Callable[..., Any]


def checkpointed(model: Any) -> AbstractContextManager[None]:
    """Inside the block only the input of each layer is kept for the gradient (Chen et al. 2016); the rest is computed
    again, with the same dropout.
    """
    return _each_layer(model, lambda forward: partial(checkpoint, forward, use_reentrant=False))


def compiled(model: Any) -> AbstractContextManager[None]:
    """Inside the block each layer is compiled by torch.compile, once for all layers of a kind and all lengths."""
    return _each_layer(model, lambda forward: torch.compile(forward, dynamic=True))


def can_compile(device: Device) -> bool:
    """Whether torch.compile works here, found out on a sum; it needs a C++ compiler. One warning where it does not."""
    try:
        torch.compile(torch.neg)(torch.ones(2, device=device.torch_device))
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[:1]
        console.warn(f"training.compile: torch.compile does not work here; training goes on without it ({reason})")
        return False
    return True


@contextmanager
def _each_layer(model: Any, change: Callable[[Forward], Forward]) -> Iterator[None]:
    """Inside the block, in training mode, the forward function of each layer's class is `change` of what it was.

    The class is changed, as `quick_dropout` does it: copies of the model work, and the names of weights stay.
    """
    layers = layers_of(model)
    kinds = {id(layer): type(layer) for layer in layers}
    changed = {kind: _changed(kind, change) for kind in set(kinds.values())}
    for layer in layers:
        layer.__class__ = changed[kinds[id(layer)]]
    try:
        yield
    finally:
        for layer in layers:
            layer.__class__ = kinds[id(layer)]


def _changed(kind: type[Any], change: Callable[[Forward], Forward]) -> type[Any]:
    plain, other = kind.forward, change(kind.forward)

    def forward(self: torch.nn.Module, *arguments: Any, **named: Any) -> Any:
        return (other if self.training else plain)(self, *arguments, **named)

    return type(kind.__name__, (kind,), {"forward": forward})
