"""The layer goes without which the loss is least."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from lmfit.compression.depth import fewer_layers
from lmfit.tasks.tensors import Tensors, forward


class Distance:
    """How far logits are from those of the whole model."""

    forward = staticmethod(forward)

    def collate(self, rows: Sequence[Any]) -> Tensors:
        raise NotImplementedError

    def targets(self, batch: Tensors) -> float:
        return float(len(batch["wanted"]))

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        return (logits - batch["wanted"]).square().sum()


def test_the_layer_that_does_nothing_goes_first(tiny: Callable[[str], Path]) -> None:
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(0)
    model: Any = AutoModelForSequenceClassification.from_pretrained(tiny("bert"), num_labels=2).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
        idle = model.bert.encoder.layer[0]
        for module in (idle.attention.output.dense, idle.output.dense):
            module.weight.zero_()
            module.bias.zero_()
    ids = torch.tensor([[5, 6, 7, 8], [9, 8, 7, 6]])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        batch["wanted"] = forward(model, batch)
    made, gone = fewer_layers(model, Distance(), [batch], 1)
    assert [one["layer"] for one in gone] == [0]
    assert (made.config.num_hidden_layers, len(made.bert.encoder.layer), len(model.bert.encoder.layer)) == (1, 1, 2)
