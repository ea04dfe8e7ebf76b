"""Choose which weights are trained."""

from typing import Any

import torch

from lmfit.errors import ConfigError


def encoder_of(model: Any) -> torch.nn.Module:
    """The encoder below the task head."""
    encoder: torch.nn.Module = getattr(model, model.base_model_prefix, model)
    return encoder


def layers_of(model: Any) -> list[torch.nn.Module]:
    """The encoder's layers, first to last: its longest ModuleList."""
    lists = [m for m in encoder_of(model).modules() if isinstance(m, torch.nn.ModuleList)]
    return list(max(lists, key=len, default=[]))


def embeddings_of(model: Any) -> torch.nn.Module:
    """The embedding block: the encoder's child that holds the input embeddings (position and type embeddings too)."""
    table: torch.nn.Module = model.get_input_embeddings()
    for child in encoder_of(model).children():
        if any(module is table for module in child.modules()):
            return child
    return table


def freeze(model: Any, what: str | int) -> int:
    """Switch off gradients for `embeddings`, the `encoder`, or the embeddings and the first n layers.

    Returns the number of weights left to train. Raises ConfigError where there are fewer layers than asked for.
    """
    frozen: list[torch.nn.Module] = []
    if what == "encoder":
        frozen = [encoder_of(model)]
    elif what == "embeddings":
        frozen = [embeddings_of(model)]
    elif isinstance(what, int):
        layers = layers_of(model)
        if what > len(layers):
            raise ConfigError(f"{what} layers cannot be frozen: the model has {len(layers)}", where="model.freeze")
        frozen = [embeddings_of(model), *layers[:what]] if what else []
    for module in frozen:
        module.requires_grad_(False)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
