"""After units are gone: each block's last matrix is fitted anew, so that its layer answers as the parent's does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lmfit.models.freeze import layers_of
from lmfit.models.modeling_pruned import Block, blocks_of
from lmfit.tasks.tensors import Tensors, forward

RIDGE = 1e-2


class _Stop(Exception):
    """All that was wanted of a forward pass is there."""


@dataclass
class _Call:
    """What a layer is called with for one batch; `hidden` moves on from layer to layer."""

    hidden: torch.Tensor
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    seen: torch.Tensor

    def run(self, layer: Any) -> torch.Tensor:
        found = layer(self.hidden, *self.arguments, **self.named)
        output: torch.Tensor = found[0] if isinstance(found, tuple) else found
        return output


@torch.no_grad()
def refit(model: Any, parent: Any, batches: Sequence[Tensors]) -> None:
    """Least squares for the last matrix of each block, first to last, on the inputs that it now gets.

    Target: residual stream and output of the parent's block, less the pruned residual stream (the reconstruction of
    Kwon et al. 2022, section 3.3, with all weights in place of one factor per unit). Ridge towards the weights
    there are.
    Holds for layers that add a block's input to its output before they normalise (BERT and its like).
    """
    training = model.training
    model.eval()
    parent.eval()
    ours, theirs = _calls(model, batches), _calls(parent, batches)
    pairs = zip(blocks_of(model), blocks_of(parent), strict=True)
    for layer, layer_of_parent in zip(layers_of(model), layers_of(parent), strict=True):
        for block, original in (next(pairs), next(pairs)):
            residual, target = zip(*(_seen(original, call) for call in theirs), strict=True)
            _fit(block, ours, [a + b for a, b in zip(residual, target, strict=True)])
        for calls, one in ((ours, layer), (theirs, layer_of_parent)):
            for call in calls:
                call.hidden = call.run(one)
    model.train(training)


def _calls(model: Any, batches: Sequence[Tensors]) -> list[_Call]:
    """How the first layer is called for each batch."""
    calls: list[_Call] = []

    def note(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        hidden = arguments[0] if arguments else named.pop("hidden_states")
        calls.append(_Call(hidden, arguments[1:], named, batch["attention_mask"].bool()))
        raise _Stop

    handle = layers_of(model)[0].register_forward_pre_hook(note, with_kwargs=True)
    try:
        for batch in batches:
            _until_stopped(lambda batch=batch: forward(model, batch))  # type: ignore[misc]
    finally:
        handle.remove()
    return calls


def _until_stopped(act: Callable[[], Any]) -> None:
    try:
        act()
    except _Stop:
        return


def _seen(block: Block, call: _Call) -> tuple[torch.Tensor, torch.Tensor]:
    """The residual stream before a block and the block's output, (T, D) each."""
    residual, _, output = _inside(block, call)
    return residual, output


def _inside(block: Block, call: _Call) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Residual stream (T, D), inputs (T, n) and outputs (T, D) of a block's last matrix, of real tokens."""
    found: dict[str, torch.Tensor] = {}

    def before(_: Any, arguments: tuple[torch.Tensor, ...]) -> None:
        found.setdefault("residual", arguments[0])

    def last(_: Any, arguments: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        found["inputs"], found["output"] = arguments[0], output.expand(*arguments[0].shape[:-1], -1)
        raise _Stop

    stream = block.stream
    handles = [stream.register_forward_pre_hook(before), block.reader.register_forward_hook(last)]
    try:
        _until_stopped(lambda: call.run(block.layer))
    finally:
        for handle in handles:
            handle.remove()
    return found["residual"][call.seen], found["inputs"][call.seen], found["output"][call.seen]


def _fit(block: Block, calls: Sequence[_Call], targets: Sequence[torch.Tensor]) -> None:
    """Weight and bias of the block's last matrix: ridge regression, sums in float64."""
    reader = block.reader
    width = block.units * block.size
    gram, cross = torch.zeros(width + 1, width + 1), torch.zeros(width + 1, len(reader.bias))
    count = 0
    for call, target in zip(calls, targets, strict=True):
        residual, inputs, output = _inside(block, call)
        ones = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], 1)
        gram += (ones.T @ ones).cpu()
        cross += (ones.T @ (target - residual - output)).cpu()
        count += len(inputs)
    gram, cross = gram.double() / count, cross.double() / count
    penalty = torch.full((width + 1,), RIDGE, dtype=gram.dtype) * gram.diagonal()[:width].mean().nan_to_num()
    penalty[-1] = 0
    change = torch.linalg.solve(gram + penalty.diag(), cross).to(reader.bias)
    reader.bias += change[-1]
    if width:
        reader.weight += change[:-1].T
