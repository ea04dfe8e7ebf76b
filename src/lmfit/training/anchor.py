"""L2-SP (Li, Grandvalet & Davoine 2018): weights are pulled towards where they started, not towards 0."""

from collections.abc import Sequence
from typing import Any

import torch


def anchor(optimizer: torch.optim.Optimizer, strength: float, parameters: Sequence[torch.nn.Parameter]) -> None:
    """After each step w -= lr * strength * (w - w0) for those of `parameters` that it moved; w0 are the weights now.

    The paper adds strength / 2 * |w - w0|^2 to the loss. This is the decoupled form of that penalty, as
    AdamW's decay is of |w|^2 (Loshchilov & Hutter 2019): neither Adam's scaling nor clipping of gradients touches it.
    """
    starts = {parameter: parameter.detach().clone() for parameter in parameters}

    def pull(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            moved = [p for p in group["params"] if p in starts and p.grad is not None]
            if moved:
                now, before = [p.detach() for p in moved], [starts[p] for p in moved]
                torch._foreach_lerp_(now, before, group["lr"] * strength)

    optimizer.register_step_post_hook(pull)
