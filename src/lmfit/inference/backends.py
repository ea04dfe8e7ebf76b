"""What turns a batch into logits."""

from typing import Any, Protocol

import torch

from lmfit.data.collate import Batch
from lmfit.device import Device
from lmfit.tasks.base import forward


class Backend(Protocol):
    """Computes logits; the predictor knows no more of a model."""

    batch_tokens: int

    def logits(self, batch: Batch) -> torch.Tensor:
        """(B, C) or (B, L, C) float32 on the batch's device."""


class TorchBackend:
    """A PyTorch model in evaluation mode. Answers are computed in fp32 unless the device says otherwise."""

    def __init__(self, model: Any, device: Device) -> None:
        self.model, self.device = model, device
        self.batch_tokens = device.answer_batch_tokens

    def logits(self, batch: Batch) -> torch.Tensor:
        """Logits of a batch, without gradients. A mask that masks nothing is left out: attention is faster then."""
        self.model.eval()
        with torch.inference_mode(), self.device.autocast():
            moved = {name: tensor.to(self.device.torch_device) for name, tensor in batch.items()}
            if bool(moved["attention_mask"].all()):
                del moved["attention_mask"]
            return forward(self.model, moved)
