"""What pretraining minimises: the loss of masked or next tokens, and of the order of two segments."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lmfit.data.collate import IGNORED
from lmfit.models.freeze import encoder_of
from lmfit.pretraining.masking import Masking
from lmfit.pretraining.rows import NO_PAIR, row_values

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Answers:
    """Logits in fp32, fp64 where the model computes so.

    tokens (N, V) at the N places that are predicted; pair (B, 2) where pairs are asked.
    """

    tokens: torch.Tensor
    pair: torch.Tensor | None


class PretrainObjective:
    """The objective of `lmfit pretrain` as the trainer sees it.

    A batch holds, besides the model's inputs, `at` (N,) the flat places (b * L + l) that are predicted, `gold` (N,)
    their tokens, and with pairs `pair_gold` (B,): 0 in order, 1 not, -100 not asked.
    """

    def __init__(
        self, weights: Mapping[str, float], pad: int, masking: Masking | None, *, token_types: bool = False
    ) -> None:
        self.pad, self.masking, self.token_types = pad, masking, token_types
        self._weight = weights["clm" if masking is None else "mlm"]
        self._pair_weight = weights.get("nsp", weights.get("sop"))

    def collate(self, rows: Sequence[Any]) -> Tensors:
        """Padded, masked tensors."""
        lengths = np.array([len(row) for row in rows])
        real = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(real.shape, self.pad, np.int64)
        ids[real] = np.concatenate([row.tokens["input_ids"] for row in rows])
        batch = {"attention_mask": real.astype(np.int64)}
        if self.masking is None:
            chosen = np.zeros_like(real)
            chosen[:, :-1] = real[:, 1:]
            batch |= {"input_ids": ids, "gold": ids[:, 1:][real[:, 1:]]}
        else:
            replaced, chosen = self.masking.hide(ids, real, row_values(rows, "number"))
            batch |= {"input_ids": replaced, "gold": ids[chosen]}
        batch["at"] = np.flatnonzero(chosen)
        if self._pair_weight is not None:
            types = np.zeros_like(ids)
            types[real] = np.concatenate([row.tokens["token_type_ids"] for row in rows])
            pairs = row_values(rows, "pair")
            batch |= {"token_type_ids": types, "pair_gold": np.where(pairs == NO_PAIR, IGNORED, pairs)}
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def targets(self, batch: Tensors) -> torch.Tensor:
        """Predicted tokens; with pairs also rows that are asked: (1,) or (2,)."""
        counts = [len(batch["gold"])]
        if self._pair_weight is not None:
            counts.append(int((batch["pair_gold"] != IGNORED).sum()))
        return torch.tensor(counts, dtype=torch.float32)

    def forward(self, model: Any, batch: Tensors) -> Answers:
        """The model's answers; its language-model head sees the predicted places only."""
        names = ("input_ids", "attention_mask", "token_type_ids")
        with head_only_at(model, batch["at"]):
            found = model(**{name: batch[name] for name in names if name in batch})
        pair = getattr(found, "seq_relationship_logits", None)
        tokens = found.prediction_logits if "prediction_logits" in found else found.logits
        tokens = tokens.reshape(-1, tokens.shape[-1])
        return Answers(_exact(tokens), None if pair is None else _exact(pair))

    def loss(self, logits: Answers, batch: Tensors) -> torch.Tensor:
        """Weighted, summed cross entropies: (1,) or (2,)."""
        parts = [self._weight * cross_entropies(logits.tokens, batch["gold"]).sum()]
        if self._pair_weight is not None and logits.pair is not None:
            parts.append(self._pair_weight * cross_entropies(logits.pair, batch["pair_gold"]).sum())
        return torch.stack(parts)


def _exact(logits: torch.Tensor) -> torch.Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def cross_entropies(logits: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """(N, C), (N,) to (N,); 0 where gold is -100."""
    return torch.nn.functional.cross_entropy(logits, gold, reduction="none", ignore_index=IGNORED)


@contextmanager
def head_only_at(model: Any, at: torch.Tensor) -> Iterator[None]:
    """Inside the block the head behind the encoder gets the hidden states of the places `at`, (1, N, D), not (B, L, D).

    The decoder's product with the vocabulary, and the softmax over it, then cost a share of what they would.
    """

    hooks: list[Any] = []

    def gather(module: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in hooks:
            hook.remove()
        hidden = arguments[0]
        return (hidden.reshape(-1, hidden.shape[-1]).index_select(0, at)[None], *arguments[1:])

    encoder = encoder_of(model)
    hooks += [child.register_forward_pre_hook(gather) for child in model.children() if child is not encoder]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
