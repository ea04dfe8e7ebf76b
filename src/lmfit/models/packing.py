"""All real tokens of a micro-batch in one sequence, without padding, through the encoder; only while training.

Padding is taken out before the embeddings and put back behind the last layer (as MosaicBERT and ModernBERT do), so that
heads, losses and tasks see the (B, L, D) that they know. Rows stay apart: positions begin anew in each, and attention
never crosses from one to another.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from lmfit.errors import ConfigError

OFFSET_POSITIONS = ("camembert", "roberta", "xlm-roberta")
"""Families whose positions begin behind the padding token's id."""
FAMILIES = ("bert", "distilbert", "electra", *OFFSET_POSITIONS)
Attention = Callable[..., tuple[torch.Tensor, None]]


@dataclass(frozen=True)
class Layout:
    """Where the T real tokens of B rows of L lie.

    index: (T,) their places in the flattened B x L; ends: (B + 1,) int32, where each row begins and the last one ends;
    mask: (B, L) bool; longest: real tokens of the longest row.
    """

    index: torch.Tensor
    ends: torch.Tensor
    mask: torch.Tensor
    longest: int

    @classmethod
    def of(cls, mask: torch.Tensor) -> "Layout":
        """The layout of an attention mask (B, L)."""
        mask = mask.bool()
        lengths = mask.sum(dim=1)
        ends = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
        return cls(mask.flatten().nonzero().squeeze(1), ends, mask, int(lengths.max()))

    def pack(self, padded: torch.Tensor) -> torch.Tensor:
        """(B, L, ...) to (T, ...)."""
        return padded.flatten(0, 1).index_select(0, self.index)

    def unpack(self, packed: torch.Tensor) -> torch.Tensor:
        """(T, ...) to (B, L, ...), zero where there was padding."""
        empty = packed.new_zeros((self.mask.numel(), *packed.shape[1:]))
        return empty.index_copy(0, self.index, packed).view(*self.mask.shape, *packed.shape[1:])


class Packer:
    """The hooks around an encoder in training mode: pack what goes in, unpack what comes out and what is pooled."""

    def __init__(self, config: Any) -> None:
        self.first_position = config.pad_token_id + 1 if config.model_type in OFFSET_POSITIONS else 0
        self._layout: Layout | None = None

    def before(self, encoder: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """One sequence (1, T) instead of (B, L); a batch without padding, and one in evaluation, stay as they are."""
        if not encoder.training or bool(named["attention_mask"].all()):
            return None
        layout = self._layout = Layout.of(named["attention_mask"])
        positions = layout.mask.cumsum(1) - 1 + self.first_position
        given = {**dict(zip(("input_ids",), arguments, strict=False)), **named}
        inputs = {
            name: layout.pack(value)[None]
            for name, value in given.items()
            if name.endswith("_ids") and value is not None
        }
        changed = {"attention_mask": None, "position_ids": layout.pack(positions)[None], "packing": layout}
        return (), {**given, **inputs, **changed}

    def before_pooler(self, pooler: Any, arguments: tuple[Any, ...]) -> Any:
        """The first token of each row, where (B, L, D) would have it."""
        if self._layout is None:
            return None
        return (arguments[0][0].index_select(0, self._layout.ends[:-1])[:, None],)

    def after(self, encoder: Any, arguments: tuple[Any, ...], output: Any) -> None:
        """(1, T, D) back to (B, L, D)."""
        if self._layout is not None:
            output.last_hidden_state = self._layout.unpack(output.last_hidden_state[0])
        self._layout = None


@contextmanager
def packed(model: Any) -> Iterator[None]:
    """Inside the block the encoder computes real tokens only while it is trained.

    Raises ConfigError for an architecture whose positions and masks are not known.
    """
    _refuse_unknown(model.config)
    packer, encoder, before = Packer(model.config), model.base_model, model.config._attn_implementation
    hooks = [
        encoder.register_forward_pre_hook(packer.before, with_kwargs=True),
        encoder.register_forward_hook(packer.after),
    ]
    if getattr(encoder, "pooler", None) is not None:
        hooks.append(encoder.pooler.register_forward_pre_hook(packer.before_pooler))
    model.set_attn_implementation(_registered(before))
    try:
        yield
    finally:
        model.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()


def row_attention(inner: Attention) -> Attention:
    """`inner` for packed rows: on CUDA a kernel that knows where rows end, where one fits; else rows laid side by side.

    q, k, v (1, H, T, D) to (1, T, H, D). The kernel has no dropout and takes 16-bit numbers only.
    """

    def attention(
        module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, **named: Any
    ) -> tuple[torch.Tensor, None]:
        layout: Layout | None = named.pop("packing", None)
        if layout is None:
            return inner(module, query, key, value, mask, **named)
        query, key, value = (part[0].transpose(0, 1) for part in (query, key, value))
        if has_kernel(query, named.get("dropout", 0.0)):
            return kernel(query, key, value, layout, named.get("scaling"))[None], None
        rows = [layout.unpack(part).transpose(1, 2) for part in (query, key, value)]
        found, _ = inner(module, *rows, layout.mask[:, None, None, :].expand(-1, 1, layout.mask.shape[1], -1), **named)
        return layout.pack(found)[None], None

    return attention


def has_kernel(query: torch.Tensor, dropout: float) -> bool:
    """Whether torch has a kernel for rows of different lengths that can do this."""
    return query.is_cuda and not dropout and query.dtype in (torch.float16, torch.bfloat16)


def kernel(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: Layout, scaling: float | None
) -> torch.Tensor:
    """Attention within each row, (T, H, D), by torch's `varlen_attn`."""
    from torch.nn.attention.varlen import varlen_attn

    ends, longest = layout.ends, layout.longest
    found = varlen_attn(query, key, value, ends, ends, longest, longest, scale=scaling)
    assert isinstance(found, torch.Tensor)  # a pair only where more was asked for
    return found


def _refuse_unknown(config: Any) -> None:
    if config.model_type not in FAMILIES or getattr(config, "is_decoder", False):
        what = f"rows of a {config.model_type} model cannot be packed; known are {', '.join(FAMILIES)}"
        raise ConfigError(what, where="training.packing", fix="training.packing=off")


def _registered(inner: str) -> str:
    """The name under which transformers finds `row_attention` of the attention named `inner`."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    name = f"lmfit_packed_{inner}"
    AttentionInterface.register(name, row_attention(ALL_ATTENTION_FUNCTIONS[inner]))
    AttentionMaskInterface.register(name, sdpa_mask)
    return name
