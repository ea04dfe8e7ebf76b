"""What turns a batch into logits: PyTorch."""

import copy
from functools import cached_property
from typing import Any

import numpy as np
import torch

from lmfit.data.collate import Batch
from lmfit.device import Device
from lmfit.inference.backend import Backend
from lmfit.tasks.tensors import forward, tensors


class TorchBackend:
    """A PyTorch model in evaluation mode: in fp32, and quick in the device's lower precision where it has one."""

    def __init__(self, model: Any, device: Device) -> None:
        self.model, self._device = model, device.in_full_precision()
        self._lower = device if device.precision != "fp32" else None

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of a batch that suits it."""
        return self._device.answer_batch_tokens

    @cached_property
    def quick(self) -> Backend | None:
        """The model as it is now in lower precision, made at first use; what is trained later does not reach it."""
        return None if self._lower is None else _LowerPrecision(self.model, self._lower)

    def logits(self, batch: Batch) -> np.ndarray:
        """Logits of a batch in fp32, without gradients."""
        return _logits(self.model, self._device, batch)


class _LowerPrecision:
    """A model under autocast whose linear layers and embeddings hold their weights in the lower precision already.

    So the activations between the layers are of lower precision too; normalisation keeps weights and sums in fp32.
    """

    quick = None

    def __init__(self, model: Any, device: Device) -> None:
        shared: dict[int, Any] = {id(parameter): parameter for parameter in model.parameters()}
        self._model, self._device = copy.deepcopy(model, shared), device
        for layer in self._model.modules():
            if isinstance(layer, torch.nn.Linear | torch.nn.Embedding):
                for name, weight in list(layer.named_parameters(recurse=False)):
                    lower = weight.detach().to(device.autocast_dtype)
                    setattr(layer, name, torch.nn.Parameter(lower, requires_grad=False))

    @property
    def batch_tokens(self) -> int:
        return self._device.answer_batch_tokens

    def logits(self, batch: Batch) -> np.ndarray:
        return _logits(self._model, self._device, batch)


def _logits(model: Any, device: Device, batch: Batch) -> np.ndarray:
    """A mask that masks nothing is left out: attention is faster then."""
    model.eval()
    with torch.inference_mode(), device.autocast():
        moved = {name: tensor.to(device.torch_device) for name, tensor in tensors(batch).items()}
        if bool(moved["attention_mask"].all()):
            del moved["attention_mask"]
        found: np.ndarray = forward(model, moved).cpu().numpy()
        return found
