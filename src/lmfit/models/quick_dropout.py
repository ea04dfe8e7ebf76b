"""Dropout whose random bits are cheap on a CPU, in modules and inside attention; only while a model is trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

ATTENTION = "lmfit_quick_dropout"
_LEVELS = 1 << 16


def dropout_mask(shape: torch.Size, dtype: torch.dtype, p: float) -> torch.Tensor:
    """0 with probability p, else 1 / (1 - p): Srivastava et al. 2014, inverted; p is rounded to a multiple of 2^-16.

    One number of torch's generator seeds SFC64, whose 16-bit pieces decide: several times faster than `bernoulli_`,
    and still a function of torch's seed alone, whatever the number of threads.
    """
    seed = int(torch.randint(1 << 62, ()))
    count = shape.numel()
    bits = torch.from_numpy(np.random.SFC64(seed).random_raw(-(-count // 4))).view(torch.int16)[:count].view(shape)
    kept = bits >= round(p * _LEVELS) - _LEVELS // 2
    return kept.to(dtype).mul_(1 / (1 - p))


class QuickDropout(torch.nn.Dropout):
    """`torch.nn.Dropout` with `dropout_mask`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The input with some elements zeroed, while training."""
        if not (self.training and 0 < self.p < 1):
            return super().forward(input)
        return input * dropout_mask(input.shape, input.dtype, self.p)


def quick_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1) with `dropout_mask`; (B, H, L, D) to (B, L, H, D).

    Without dropout, and for causal attention or shared key heads, it is transformers' `sdpa`.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    causal = others.get("is_causal")
    if causal is None:
        causal = getattr(module, "is_causal", True)
    if not dropout or causal or query.shape[1] != key.shape[1]:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return found
    scores = torch.matmul(query * (query.shape[-1] ** -0.5 if scaling is None else scaling), key.transpose(2, 3))
    if attention_mask is not None:
        least = torch.finfo(scores.dtype).min
        if attention_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attention_mask, least)
        else:
            scores = scores + attention_mask
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype)
    weights = weights * dropout_mask(weights.shape, weights.dtype, dropout)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None


@contextmanager
def quick_dropout(model: Any) -> Iterator[None]:
    """Inside the block the model drops out by `dropout_mask`; where its attention can be exchanged, there too."""
    swapped = [module for module in model.modules() if type(module) is torch.nn.Dropout]
    attention = getattr(model.config, "_attn_implementation", None)
    for module in swapped:
        module.__class__ = QuickDropout
    if attention == "sdpa":
        _register()
        model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        for module in swapped:
            module.__class__ = torch.nn.Dropout
        if attention == "sdpa":
            model.set_attn_implementation(attention)


def _register() -> None:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(ATTENTION, quick_attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
