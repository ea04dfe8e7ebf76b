"""Train those rows of the embedding table that the training data use; the others stay as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch

WORTH_IT = 0.8
"""The share of rows in use up to which a smaller table is trained."""


class UsedRows(torch.nn.Module):
    """An embedding table of V rows, U of which are trained.

    weight: (U, D) the trained rows, the only ones with gradients and optimizer state; table: (V, D) all rows, frozen.
    In training mode only ids in use may come; in evaluation mode all may. Its state dict is that of the full table.
    """

    weight: torch.nn.Parameter

    def __init__(self, embedding: torch.nn.Embedding, ids: torch.Tensor) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(embedding.weight.detach(), requires_grad=False)
        self.weight = torch.nn.Parameter(self.table[ids].clone())
        self._ids = ids
        self._place = torch.full((len(self.table),), -1, dtype=torch.long, device=ids.device)
        self._place[ids] = torch.arange(len(ids), device=ids.device)
        padding = embedding.padding_idx
        self._padding = None if padding is None else int(self._place[padding])
        self._stale = self.training

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Rows (..., D) of ids (...)."""
        if not self.training:
            return torch.nn.functional.embedding(input, self.full())
        return torch.nn.functional.embedding(self._place[input], self.weight, padding_idx=self._padding)

    def full(self) -> torch.Tensor:
        """All rows (V, D) as they are now."""
        if self._stale:
            with torch.no_grad():
                self.table[self._ids] = self.weight
            self._stale = self.training
        return self.table.detach()

    def train(self, mode: bool = True) -> Self:
        """In training mode the table grows stale; a fused optimizer does not raise the version of what it changes."""
        self._stale = self._stale or mode
        return super().train(mode)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        destination[prefix + "weight"] = self.full()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any) -> None:
        with torch.no_grad():
            self.table.copy_(state_dict[prefix + "weight"])
            self.weight.copy_(self.table[self._ids])
            self._stale = self.training


@contextmanager
def used_rows(model: Any, ids: np.ndarray) -> Iterator[None]:
    """Inside the block only the rows `ids` of the input embeddings are trained, where that is worth it.

    Weights of other rows get no gradient in any case; what differs is that they do not decay. A table that something
    else shares (a language-model head) or that is frozen is left alone. After the block the model is as it was.
    """
    table = model.get_input_embeddings()
    owner, name = _place_of(model, table)
    if not _can_shrink(model, table) or len(ids) > WORTH_IT * table.num_embeddings:
        yield
        return
    padding = [] if table.padding_idx is None else [table.padding_idx]
    chosen = torch.from_numpy(np.union1d(ids, padding).astype(np.int64)).to(table.weight.device)
    used = UsedRows(table, chosen)
    setattr(owner, name, used)
    try:
        yield
    finally:
        used.full()
        setattr(owner, name, table)


def _can_shrink(model: Any, table: Any) -> bool:
    """Whether the table is a plain, trained embedding that nothing else shares."""
    if type(table) is not torch.nn.Embedding or not table.weight.requires_grad or table.max_norm is not None:
        return False
    named = [name for name, parameter in model.named_parameters(remove_duplicate=False) if parameter is table.weight]
    return len(named) == 1 and not table.scale_grad_by_freq


def _place_of(model: Any, table: torch.nn.Module) -> tuple[torch.nn.Module, str]:
    """The module that holds the table, and under which name."""
    path = next(name for name, module in model.named_modules() if module is table)
    parent, _, name = path.rpartition(".")
    return model.get_submodule(parent), name
