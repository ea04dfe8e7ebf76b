"""The task head: start it afresh."""

from typing import Any

import torch

from lmfit.models.freeze import encoder_of


def reset_head(model: Any) -> None:
    """Draw the weights outside the encoder anew (a head trained for other labels must not be taken for these)."""
    encoder = encoder_of(model)
    for child in model.children():
        if child is not encoder:
            child.apply(_draw(model))


def _draw(model: Any) -> Any:
    std = getattr(model.config, "initializer_range", 0.02)

    def draw(module: torch.nn.Module) -> None:
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)

    return draw
