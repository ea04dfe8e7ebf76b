"""Training under the rounding of the exported int8 model, so that weights settle where it costs little."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lmfit.machine import multiplies_int8_exactly
from lmfit.models.freeze import layers_of


class FakeQuantLinear(torch.nn.Linear):
    """A linear layer as ONNX Runtime's dynamic int8 computes it; gradients pass straight through (Bengio et al. 2013).

    Inputs: uint8 for the whole tensor, its range with 0 in it; weights: int8, symmetric, a scale for each output.
    """

    active = True
    limit = 127

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(..., n) to (..., D)."""
        if not self.active:
            return super().forward(input)
        return torch.nn.functional.linear(rounded_input(input), rounded_weight(self.weight, self.limit), self.bias)


def rounded_input(values: torch.Tensor) -> torch.Tensor:
    """As ONNX's DynamicQuantizeLinear and back: 256 levels from the smallest to the largest value, 0 one of them."""
    with torch.no_grad():
        low, high = values.min().clamp_max(0).float(), values.max().clamp_min(0).float()
        scale = ((high - low) / 255).clamp_min(torch.finfo(torch.float32).tiny)
        zero = (-low / scale).round().clamp(0, 255).int()
    return torch.fake_quantize_per_tensor_affine(values.float(), scale, zero, 0, 255)


def rounded_weight(weight: torch.Tensor, limit: int) -> torch.Tensor:
    """(D, n), each row in 2 * limit + 1 levels around 0."""
    with torch.no_grad():
        scale = (weight.abs().amax(1) / limit).clamp_min(torch.finfo(torch.float32).tiny)
        zero = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -limit, limit)


@contextmanager
def fake_quantized(model: Any) -> Iterator[None]:
    """Inside the block the linear layers of the encoder's layers round as the int8 model will on this machine."""
    limit = 127 if multiplies_int8_exactly() else 64
    swapped = [m for layer in layers_of(model) for m in layer.modules() if type(m) is torch.nn.Linear]
    for module in swapped:
        module.__class__ = FakeQuantLinear
        module.limit = limit  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in swapped:
            module.__class__ = torch.nn.Linear
            for name in ("limit", "active"):
                vars(module).pop(name, None)


def set_rounding(model: Any, on: bool) -> None:
    """Let the layers of a fake-quantized model round, or compute in full precision."""
    for module in model.modules():
        if isinstance(module, FakeQuantLinear):
            module.active = on
