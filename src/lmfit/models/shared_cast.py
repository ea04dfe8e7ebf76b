"""One cast of the hidden states for query, key and value under autocast, instead of three; only while training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

PROJECTIONS = ({"query", "key", "value"}, {"q_lin", "k_lin", "v_lin"}, {"q_proj", "k_proj", "v_proj"})


@contextmanager
def shared_cast(model: torch.nn.Module) -> Iterator[None]:
    """Inside the block modules that project one input three times take it in autocast's type.

    Their gradients then meet in that type, too: equal to three casts up to its rounding.
    """
    projecting = [m for m in model.modules() if any(names <= dict(m.named_children()).keys() for names in PROJECTIONS)]
    hooks = [module.register_forward_pre_hook(_cast_first, with_kwargs=True) for module in projecting]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _cast_first(
    module: torch.nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments, the hidden states cast: the first one, or the one of that name."""
    if arguments:
        return (_cast(arguments[0]), *arguments[1:]), dict(named)
    return arguments, {name: _cast(value) if name == "hidden_states" else value for name, value in named.items()}


def _cast(value: torch.Tensor) -> torch.Tensor:
    kind = value.device.type
    if torch.is_autocast_enabled(kind) and value.dtype == torch.float32:
        return value.to(torch.get_autocast_dtype(kind))
    return value
