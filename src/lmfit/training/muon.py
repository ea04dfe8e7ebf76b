"""Muon (Jordan et al. 2024): the momentum of a matrix, made orthogonal, is its step. Beside it AdamW for the rest."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_LEAST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """The rule of torch.optim.Muon; matrices of one shape are made orthogonal together, in the type that is asked for.

    products: bfloat16 where the device multiplies in it; elsewhere such products are emulated and cost tens of times
    those of float32. float16 has not the range: small gradients would vanish.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        *,
        lr: float,
        weight_decay: float,
        products: torch.dtype,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.products = products

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of all matrices that have a gradient: Nesterov momentum, decoupled decay."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    shapes.setdefault(matrix.shape, []).append(matrix)
            for shape, matrices in shapes.items():
                directions = [self._direction(matrix, group["momentum"]) for matrix in matrices]
                steps = orthogonal(torch.stack(directions), self.products)
                rate = group["lr"] * math.sqrt(max(1, shape[0] / shape[1]))
                for matrix, step in zip(matrices, steps, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=rate)

    def _direction(self, matrix: Tensor, momentum: float) -> Tensor:
        state, gradient = self.state[matrix], matrix.grad
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum)


def orthogonal(matrices: Tensor, products: torch.dtype) -> Tensor:
    """Of each matrix (N, A, B) about the nearest with orthonormal rows or columns, whichever are fewer, as float32.

    Five Newton-Schulz iterations of the fifth degree with the coefficients of Jordan et al.: singular values come to
    lie between about 0.7 and 1.2, not at 1.
    """
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.to(products)
    found = found.mT if tall else found
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=_LEAST_NORM)
    for _ in range(_ITERATIONS):
        gram = found @ found.mT
        found = torch.baddbmm(found, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return (found.mT if tall else found).float()


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon for some parameters and AdamW for the others, as one optimizer: they share its groups and its state."""

    def __init__(self, muon: torch.optim.Optimizer, adamw: torch.optim.Optimizer) -> None:
        self.muon, self.adamw = muon, adamw
        super().__init__([*muon.param_groups, *adamw.param_groups], {})
        self._share()

    def _share(self) -> None:
        """A learning rate set here is set there; a state made there is kept here."""
        groups = len(self.muon.param_groups)
        self.muon.param_groups, self.adamw.param_groups = self.param_groups[:groups], self.param_groups[groups:]
        self.muon.state = self.adamw.state = self.state

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of both."""
        self.muon.step()
        self.adamw.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        super().load_state_dict(state_dict)
        self._share()
