from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

from lmfit.config.training import TrainingConfig
from lmfit.training.anchor import anchor
from lmfit.training.optim import make_optimizer


def test_w_moves_back_by_rate_times_strength() -> None:
    still, moving = (torch.nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(2))
    optimizer = torch.optim.SGD([still, moving], lr=0.1)
    anchor(optimizer, 2.0, [still, moving])
    expected = moving.detach().clone()
    for _ in range(3):
        moving.grad = torch.tensor([1.0, -3.0])
        optimizer.step()
        expected = expected - 0.1 * moving.grad
        expected = expected - 0.1 * 2.0 * (expected - torch.tensor([1.0, 2.0]))
    assert torch.allclose(moving.detach(), expected)
    assert torch.equal(still.detach(), torch.tensor([1.0, 2.0]))


def test_anchored_weights_do_not_decay_towards_zero(tiny: Callable[[str], Path]) -> None:
    config = TrainingConfig(l2_sp=1.0, weight_decay=0.5)
    model = AutoModelForSequenceClassification.from_pretrained(tiny("bert"), num_labels=3)
    decays = {
        id(parameter): group["weight_decay"]
        for group in make_optimizer(model, config).param_groups
        for parameter in group["params"]
    }
    assert {decays[id(parameter)] for parameter in model.bert.parameters()} == {0.0}
    assert decays[id(model.classifier.weight)] == 0.5
