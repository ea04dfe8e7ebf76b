"""Several heads on one encoder while tasks are learnt together; only the first is answered with, and kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lmfit.device import seeded
from lmfit.errors import ConfigError
from lmfit.models.grow import label_layer


class JointHead(nn.Module):
    """A linear head and, beside it, the rows of other tasks' heads; in evaluation mode it is the first head alone."""

    def __init__(self, own: nn.Linear, rows: int, std: float) -> None:
        super().__init__()
        self.weight, self.bias = own.weight, own.bias
        self.beside = nn.Linear(own.in_features, rows, device=own.weight.device)
        nn.init.normal_(self.beside.weight, std=std)
        nn.init.zeros_(self.beside.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(..., D) to (..., C) logits, in training those of the other tasks behind them."""
        own = nn.functional.linear(features, self.weight, self.bias)
        return torch.cat([own, self.beside(features)], dim=-1) if self.training else own


@contextmanager
def joint_head(model: Any, labels: int, rows: int, seed: int) -> Iterator[None]:
    """Inside the block the head of `labels` rows has `rows` more in training, drawn from `seed`.

    Raises ConfigError where the model has no linear layer with a row per label.
    """
    found = label_layer(model, labels)
    if found is None:
        what = "this model's head has no row for each label, so that no other head fits beside it"
        raise ConfigError(what, where="transfer.mode", fix="transfer.mode=chain")
    holder, name, own = found
    with seeded(seed):
        setattr(holder, name, JointHead(own, rows, getattr(model.config, "initializer_range", 0.02)))
    try:
        yield
    finally:
        setattr(holder, name, own)
