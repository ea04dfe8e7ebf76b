"""What removing heads or neurons would cost, block by block: an order of removal, and the loss at each width."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from lmfit.models.modeling_pruned import Block, blocks_of
from lmfit.tasks.tensors import Tensors, forward
from lmfit.training.trainer import Objective

Scores = Literal["reconstruction", "fisher", "magnitude"]
DAMPING = 1e-2
NEURON_LEVELS = 48
LANE = 8
"""Neurons go in multiples of 8: what a vector register holds."""


@dataclass
class Statistics:
    """Sums over calibration tokens for one block with n = units * size inputs and D outputs.

    gram: (n, n) of its inputs; squares: (D,) squared gradients of the loss by each output; fisher: (units,) squared
    gradients of each row's loss by a mask on each unit; tokens: how many there were.
    """

    gram: torch.Tensor
    squares: torch.Tensor
    fisher: torch.Tensor
    tokens: int = 0


@dataclass(frozen=True)
class Curve:
    """order: units, the first to go first; kept: widths in descending order, all units first; loss: at each width."""

    order: list[int]
    kept: list[int]
    loss: list[float] = field(repr=False)

    def left(self, width: int) -> list[int]:
        """The units that stay at a width, ascending."""
        return sorted(self.order[len(self.order) - width :])


def curves(model: Any, objective: Objective, batches: Sequence[Tensors], scores: Scores) -> list[Curve]:
    """A curve for each block of the model. Raises ValueError for encoders that cannot be pruned.

    reconstruction: optimal-brain-surgeon removal with the outputs refitted (Kurtic et al. 2023, ZipLM), the squared
    error of each output weighed by the loss's squared gradient there; fisher: the diagonal Fisher information of masks
    (Kwon et al. 2022, equation 9); magnitude: squared norms of a unit's weights before and after it, multiplied.
    """
    blocks = blocks_of(model)
    if scores == "magnitude":
        return [_summed(block, _magnitudes(block)) for block in blocks]
    found = collect(model, objective, batches)
    if scores == "fisher":
        return [_summed(block, one.fisher.numpy() / 2) for block, one in zip(blocks, found, strict=True)]
    return [_reconstructed(block, one) for block, one in zip(blocks, found, strict=True)]


def collect(model: Any, objective: Objective, batches: Sequence[Tensors]) -> list[Statistics]:
    """Statistics of each block over labelled batches, in evaluation mode."""
    blocks = blocks_of(model)
    found = [_empty(block) for block in blocks]
    with _activations_only(model):
        for batch in batches:
            seen = batch["attention_mask"].bool()
            handles = [
                block.reader.register_forward_hook(_gather(block, one, seen))
                for block, one in zip(blocks, found, strict=True)
                if block.units
            ]
            try:
                loss: Any = objective.loss(forward(model, batch), batch)
                loss.backward()
            finally:
                for handle in handles:
                    handle.remove()
    return found


def _empty(block: Block) -> Statistics:
    inputs, outputs = block.units * block.size, len(block.reader.bias)
    return Statistics(torch.zeros(inputs, inputs), torch.zeros(outputs), torch.zeros(block.units))


def _gather(block: Block, into: Statistics, seen: torch.Tensor) -> Callable[..., None]:
    """A forward hook that adds to a block's statistics, also when the gradient comes back."""

    def hook(reader: Any, arguments: tuple[torch.Tensor, ...], output: Any) -> None:
        inputs = arguments[0].detach()
        tokens = inputs[seen].cpu()
        into.gram.addmm_(tokens.T, tokens)
        into.tokens += len(tokens)

        def back(gradient: torch.Tensor) -> None:
            into.squares.add_(gradient[seen].square().sum(0).cpu())
            masks = (inputs * (gradient @ reader.weight)).unflatten(-1, (block.units, block.size)).sum((1, 3))
            into.fisher.add_(masks.square().sum(0).cpu())

        output.register_hook(back)

    return hook


@contextmanager
def _activations_only(model: Any) -> Iterator[None]:
    """Inside the block gradients flow to activations and to no weight; evaluation mode."""
    training, wanted = model.training, [p for p in model.parameters() if p.requires_grad]
    handle = model.get_input_embeddings().register_forward_hook(lambda _, __, output: output.requires_grad_())
    model.eval()
    for parameter in wanted:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        handle.remove()
        model.train(training)
        for parameter in wanted:
            parameter.requires_grad_(True)


def widths(block: Block) -> list[int]:
    """The widths that a block may get, all units first: each number of heads, neurons in steps."""
    step = 1 if block.part == "heads" else max(LANE, -(-block.units // (NEURON_LEVELS * LANE)) * LANE)
    steps = range((block.units - 1) // step * step, block.least - 1, -step)
    return [block.units, *steps] if block.units else [0]


def _magnitudes(block: Block) -> np.ndarray:
    """(units,)."""
    if not block.units:
        return np.zeros(0)
    makers: list[Any] = [block.layer.get_submodule(path) for path in block.makers]
    before = torch.stack([maker.weight.detach().square().sum(1) for maker in makers]).sum(0)
    after = block.reader.weight.detach().square().sum(0)
    each: np.ndarray = (before.view(block.units, -1).sum(1) * after.view(block.units, -1).sum(1)).cpu().numpy()
    return each


def _summed(block: Block, importance: np.ndarray) -> Curve:
    """The curve of units whose importances add up."""
    order = np.argsort(importance, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(importance[order])])
    kept = widths(block)
    return Curve(order.tolist(), kept, [float(sums[block.units - width]) for width in kept])


@torch.no_grad()
def _reconstructed(block: Block, statistics: Statistics) -> Curve:
    """Units go step by step, the cheapest first; after each step the others take over what they can.

    Removing columns S of W costs tr(W_S (H^-1_SS)^-1 W_S^T) (Hassibi & Stork 1993, for groups); H: the inputs' Gram
    matrix.
    """
    kept = widths(block)
    if not block.units:
        return Curve([], kept, [0.0])
    gram = statistics.gram.double() / statistics.tokens
    gram += DAMPING * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
    weight = block.reader.weight.detach().cpu().double() * statistics.squares.double().sqrt()[:, None]
    left = torch.arange(block.units)
    order: list[int] = []
    loss = [0.0]
    for width in kept[1:]:
        costs = _group_costs(weight, inverse, block.size)
        going = costs.argsort(stable=True)[: len(left) - width]
        staying = torch.ones(len(left), dtype=torch.bool)
        staying[going] = False
        paid, weight, inverse = _remove(weight, inverse, staying.repeat_interleave(block.size))
        order += left[going].tolist()
        left = left[staying]
        loss.append(loss[-1] + paid / 2)
    return Curve(order + left.tolist(), kept, loss)


def _group_costs(weight: torch.Tensor, inverse: torch.Tensor, size: int) -> torch.Tensor:
    """The cost of removing each group of `size` columns alone: (D, n), (n, n) to (n / size,)."""
    if size == 1:
        return weight.square().sum(0) / inverse.diagonal()
    groups = torch.arange(len(inverse)).view(-1, size)
    parts = weight[:, groups].permute(1, 2, 0)
    solved: torch.Tensor = torch.linalg.solve(inverse[groups[:, :, None], groups[:, None, :]], parts)
    return (parts * solved).sum((1, 2))


def _remove(
    weight: torch.Tensor, inverse: torch.Tensor, staying: torch.Tensor
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """What it costs to remove the other columns; the refitted weights and the inverse Gram matrix of those staying."""
    going = ~staying
    across = inverse[going][:, staying]
    solved = torch.linalg.solve(inverse[going][:, going], torch.cat([weight[:, going].T, across], 1))
    refitted, share = solved.split([len(weight), int(staying.sum())], 1)
    cost = float((weight[:, going].T * refitted).sum())
    return cost, weight[:, staying] - refitted.T @ across, inverse[staying][:, staying] - across.T @ share


def parameters(block: Block) -> Mapping[int, int]:
    """Weights of the block's matrices at each width."""
    makers: Sequence[Any] = [block.layer.get_submodule(path) for path in block.makers] if block.units else []
    outputs = len(block.reader.bias)
    each = block.size * (sum(maker.in_features + (maker.bias is not None) for maker in makers) + outputs)
    return {width: outputs + width * each for width in widths(block)}
