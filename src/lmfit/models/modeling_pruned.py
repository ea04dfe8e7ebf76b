"""Encoders whose layers differ in attention heads and feed-forward neurons; needs PyTorch and transformers alone.

lmfit writes this file beside pruned weights, so that transformers loads them too (`trust_remote_code=True`).
The config says how wide each layer is: `pruned: {"heads": [12, 7, ...], "neurons": [1536, 800, ...]}`. A layer
without heads (or neurons) adds what is left of that part: the bias of its last matrix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import transformers
from torch import nn

CONFIG_KEY = "pruned"
PARTS = ("heads", "neurons")


@dataclass(frozen=True)
class Anatomy:
    """Where a layer keeps its matrices, as paths inside it.

    heads_in, neurons_in: what makes the units, a row (or head_size rows) each; heads_out, neurons_out: what reads them.
    owner: the module that has `num_attention_heads`; removable: whether a layer can do without it.
    """

    heads_in: tuple[str, ...]
    heads_out: str
    neurons_in: str
    neurons_out: str
    owner: str
    removable: bool
    optional: tuple[str, ...] = ()


ANATOMIES = (
    Anatomy(
        heads_in=("attention.self.query", "attention.self.key", "attention.self.value"),
        heads_out="attention.output.dense",
        neurons_in="intermediate.dense",
        neurons_out="output.dense",
        owner="attention.self",
        removable=True,
    ),
    Anatomy(
        heads_in=("attention.self.query_proj", "attention.self.key_proj", "attention.self.value_proj"),
        heads_out="attention.output.dense",
        neurons_in="intermediate.dense",
        neurons_out="output.dense",
        owner="attention.self",
        removable=True,
        optional=("attention.self.pos_key_proj", "attention.self.pos_query_proj"),
    ),
    Anatomy(
        heads_in=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        heads_out="attention.out_lin",
        neurons_in="ffn.lin1",
        neurons_out="ffn.lin2",
        owner="attention",
        removable=False,
    ),
)


@dataclass(frozen=True)
class Block:
    """The heads or the neurons of one layer: `units` of them, each `size` columns of the matrix that reads them."""

    layer: nn.Module
    index: int
    part: str
    anatomy: Anatomy
    units: int
    size: int

    @property
    def least(self) -> int:
        """The fewest units that can stay."""
        return 1 if self.part == "heads" and not self.anatomy.removable else 0

    @property
    def out(self) -> str:
        """The path of the matrix that reads the units."""
        return self.anatomy.heads_out if self.part == "heads" else self.anatomy.neurons_out

    @property
    def makers(self) -> list[str]:
        """The paths of the matrices that make the units."""
        if self.part == "neurons":
            return [self.anatomy.neurons_in]
        return [*self.anatomy.heads_in, *(path for path in self.anatomy.optional if _has(self.layer, path))]

    @property
    def reader(self) -> Any:
        """The matrix that reads the units: a linear layer, or a `Constant` where there are none."""
        return self.layer.get_submodule(self.out)

    @property
    def stream(self) -> Any:
        """The module that is called with the layer's residual stream: what makes the units, or stands in its place."""
        gone = self.units == 0 and self.part == "heads"
        return self.layer.get_submodule(self.anatomy.owner if gone else self.makers[0])

    @torch.no_grad()
    def keep(self, kept: Sequence[int]) -> None:
        """Remove all units but these, for good."""
        if not kept:
            self._remove()
            return
        columns = torch.tensor([unit * self.size + i for unit in kept for i in range(self.size)])
        for path in self.makers:
            _put(self.layer, path, _narrowed(self.layer.get_submodule(path), rows=columns))
        _put(self.layer, self.out, _narrowed(self.reader, columns=columns))
        if self.part == "heads":
            owner: Any = self.layer.get_submodule(self.anatomy.owner)
            for name in ("num_attention_heads", "n_heads"):
                if hasattr(owner, name):
                    setattr(owner, name, len(kept))
            if hasattr(owner, "all_head_size"):
                owner.all_head_size = len(columns)

    def _remove(self) -> None:
        reader = self.reader
        _put(self.layer, self.anatomy.owner if self.part == "heads" else self.makers[0], Nothing(self.part == "heads"))
        _put(self.layer, self.out, Constant(reader))


class Constant(nn.Module):
    """What is left of a linear layer (B, L, 0) to (B, L, D) that reads nothing: its bias."""

    def __init__(self, linear: Any) -> None:
        super().__init__()
        self.bias = nn.Parameter(linear.bias.detach().clone())

    def forward(self, nothing: torch.Tensor) -> torch.Tensor:
        """The bias (D,), to be added to (B, L, D)."""
        return self.bias


class Nothing(nn.Module):
    """Stands where heads or neurons were made."""

    def __init__(self, attention: bool) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        """(B, L, D) to (B, L, 0); for attention with the (absent) attention weights."""
        empty = hidden_states[..., :0]
        return (empty, None) if self.attention else empty


def layers_of(model: Any) -> nn.ModuleList:
    """The encoder's layers: its longest ModuleList."""
    encoder = getattr(model, model.base_model_prefix, model)
    lists = [module for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len, default=nn.ModuleList())


def blocks_of(model: Any) -> list[Block]:
    """Heads and neurons of each layer, first to last. Raises ValueError for encoders that are built otherwise."""
    found = []
    layers = layers_of(model)
    for index, layer in enumerate(layers):
        anatomy = next((anatomy for anatomy in ANATOMIES if _is_of(layer, anatomy)), None)
        if anatomy is None:
            raise ValueError(f"layers of the kind {type(layer).__name__} cannot be pruned")
        size = model.config.hidden_size // model.config.num_attention_heads
        for part, unit in (("heads", size), ("neurons", 1)):
            block = Block(layer, index, part, anatomy, 0, unit)
            width = getattr(block.reader, "in_features", 0)
            found.append(Block(layer, index, part, anatomy, width // unit, unit))
    if not found:
        raise ValueError("the model has no layers that can be pruned")
    return found


def widths_of(model: Any) -> dict[str, list[int]]:
    """Units of each layer, for the config."""
    return {part: [block.units for block in blocks_of(model) if block.part == part] for part in PARTS}


def narrow(model: Any, widths: Mapping[str, Sequence[int]]) -> None:
    """Give each layer the widths that the config names; which units go does not matter before weights are loaded."""
    for block in blocks_of(model):
        wanted = widths[block.part][block.index]
        if wanted != block.units:
            block.keep(range(wanted))


@cache
def pruned(kind: type) -> type:
    """`kind`, a transformers model class, with the layers that its config describes."""

    def __init__(self: Any, config: Any, *arguments: Any, **named: Any) -> None:
        kind.__init__(self, config, *arguments, **named)  # type: ignore[misc]
        narrow(self, getattr(config, CONFIG_KEY))

    return type(kind.__name__, (kind,), {"__init__": __init__, "__module__": __name__})


def __getattr__(name: str) -> type:
    """transformers asks for the class by the name in `auto_map`."""
    if name.startswith("_"):
        raise AttributeError(name)
    return pruned(getattr(transformers, name))


def _is_of(layer: nn.Module, anatomy: Anatomy) -> bool:
    if not all(_has(layer, path) for path in (anatomy.heads_out, anatomy.neurons_out, anatomy.owner)):
        return False
    return _has(layer, anatomy.heads_in[0]) or isinstance(layer.get_submodule(anatomy.owner), Nothing)


def _has(module: nn.Module, path: str) -> bool:
    try:
        module.get_submodule(path)
    except AttributeError:
        return False
    return True


def _put(module: nn.Module, path: str, new: nn.Module) -> None:
    owner, _, name = path.rpartition(".")
    setattr(module.get_submodule(owner), name, new)


def _narrowed(linear: Any, rows: torch.Tensor | None = None, columns: torch.Tensor | None = None) -> nn.Linear:
    """A linear layer with some of the rows or columns of another's weight."""
    weight, bias = linear.weight, linear.bias
    if rows is not None:
        weight = weight.index_select(0, rows.to(weight.device))
        bias = None if bias is None else bias.index_select(0, rows.to(weight.device))
    if columns is not None:
        weight = weight.index_select(1, columns.to(weight.device))
    made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta", dtype=weight.dtype)
    made.weight = nn.Parameter(weight.detach().clone(), requires_grad=linear.weight.requires_grad)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone(), requires_grad=linear.bias.requires_grad)
    return made
