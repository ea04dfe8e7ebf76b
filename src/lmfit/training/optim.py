"""Parameter groups, learning-rate schedules, and the optimizer."""

import math
from collections.abc import Callable
from typing import Any

import torch

from lmfit.config.training import TrainingConfig
from lmfit.models.freeze import embeddings_of, encoder_of, layers_of
from lmfit.training.anchor import anchor
from lmfit.training.ema import keep_average
from lmfit.training.muon import Muon, MuonAndAdamW

STABLE_SHARE = 0.8


def make_optimizer(model: Any, config: TrainingConfig, products: torch.dtype = torch.float32) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), fused; no decay on biases and one-dimensional weights (normalisation).

    Every group holds its peak learning rate under "peak": head_learning_rate for the head, layer_decay^depth below it.
    Where `l2_sp` is set the encoder's weights decay towards where they are now; where `ema` is set the optimizer keeps
    the moving average of the weights, too. `muon`: see `MuonAndAdamW`; products: the type its products are computed in.
    """
    depths, head = depths_of(model), head_of(model)
    matrices = _matrices(model) if config.optimizer == "muon" else []
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad or any(parameter is matrix for matrix in matrices):
            continue
        base = config.head_learning_rate if id(parameter) in head else None
        peak = (base or config.learning_rate) * config.layer_decay ** depths.get(id(parameter), 0)
        anchored = config.l2_sp is not None and id(parameter) not in head
        decay = config.weight_decay if parameter.ndim > 1 and not anchored else 0.0
        groups.setdefault((peak, decay), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [{"params": params, "weight_decay": decay, "peak": peak} for (peak, decay), params in groups.items()],
        lr=config.learning_rate,
        betas=(config.adam_betas[0], config.adam_betas[1]),
        eps=config.adam_epsilon,
        fused=True,
    )
    if config.l2_sp is not None:
        anchor(optimizer, config.l2_sp, [p for p in encoder_of(model).parameters() if p.requires_grad])
    if config.ema is not None:
        keep_average(optimizer, config.ema)
    return MuonAndAdamW(_muon(matrices, depths, config, products), optimizer) if matrices else optimizer


def _muon(
    matrices: list[torch.nn.Parameter], depths: dict[int, int], config: TrainingConfig, products: torch.dtype
) -> Muon:
    """Muon, with a group for each peak learning rate."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for matrix in matrices:
        peak = config.muon_learning_rate * config.layer_decay ** depths.get(id(matrix), 0)
        groups.setdefault(peak, []).append(matrix)
    return Muon(
        [{"params": params, "peak": peak} for peak, params in groups.items()],
        lr=config.muon_learning_rate,
        weight_decay=config.weight_decay,
        products=products,
    )


def _matrices(model: Any) -> list[torch.nn.Parameter]:
    """The trained matrices of the layers: what Muon is for (Jordan et al. 2024); not embeddings, not the head."""
    return [p for layer in layers_of(model) for p in layer.parameters() if p.ndim == 2 and p.requires_grad]


def head_of(model: Any) -> set[int]:
    """The ids of the parameters outside the encoder."""
    return {id(p) for p in model.parameters()} - {id(p) for p in encoder_of(model).parameters()}


def depths_of(model: Any) -> dict[int, int]:
    """How far below the head each parameter lies: last layer 1, ..., embeddings deepest; head and pooler 0."""
    layers = layers_of(model)
    depths = {id(p): len(layers) - i for i, layer in enumerate(layers) for p in layer.parameters()}
    return depths | {id(p): len(layers) + 1 for p in embeddings_of(model).parameters()}


def learning_rate_scale(config: TrainingConfig, step: float, total: int) -> float:
    """Share of the peak learning rate used by step `step` (from 0) of `total`: a function of nothing else."""
    warmup = warmup_steps(config, total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, total - warmup)
    return _DECAY[config.schedule](done)


def warmup_steps(config: TrainingConfig, total: int) -> int:
    """Steps in which the learning rate rises."""
    return min(total, round(config.warmup * total) if config.warmup < 1 else round(config.warmup))


def moved(config: TrainingConfig, step: float, total: int, new: int) -> float:
    """The step of a schedule over `new` steps with the rate that `step` has in one over `total`."""
    before, after = warmup_steps(config, total), warmup_steps(config, new)
    if step < before:
        return (step + 1) / (before + 1) * (after + 1) - 1
    return after + (step - before) / max(1, total - before) * (new - after)


_DECAY: dict[str, Callable[[float], float]] = {
    "linear": lambda done: 1 - done,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "constant": lambda done: 1.0,
    "wsd": lambda done: min(1.0, (1 - done) / (1 - STABLE_SHARE)),
}


def set_learning_rate(optimizer: torch.optim.Optimizer, scale: float) -> float:
    """Set every group's rate to its peak times `scale`; returns the highest one."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * scale
    return max(float(group["lr"]) for group in optimizer.param_groups)


def clip_gradient(optimizer: torch.optim.Optimizer, most: float, *, now: bool) -> float:
    """Clip the gradient's norm at `most` (Pascanu et al. 2013); returns the norm that it had.

    now: scale the gradient itself; otherwise the fused step divides by the factor while it reads the gradient anyway,
    which saves a pass over memory.
    """
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    if now or not isinstance(optimizer, torch.optim.AdamW):
        torch.nn.utils.clip_grads_with_norm_(
            [p for group in optimizer.param_groups for p in group["params"]], most, norm
        )
    else:
        factor = (norm + 1e-6) / most
        optimizer.grad_scale = factor if factor > 1 else None  # type: ignore[attr-defined]
    return float(norm)
