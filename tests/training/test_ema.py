"""The average of the weights: what it is, when it is in the model, what outlives a checkpoint."""

import copy

import numpy as np
import pytest
import torch

from lmfit.config.training import TrainingConfig
from lmfit.models.used_rows import used_rows
from lmfit.training.checkpoint import load_optimizer, optimizer_tensors
from lmfit.training.ema import averaged, exchange_average
from lmfit.training.optim import make_optimizer


class Model(torch.nn.Module):
    base_model_prefix = ""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.table, self.head = torch.nn.Embedding(10, 3), torch.nn.Linear(3, 2)

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.table

    def set_input_embeddings(self, table: torch.nn.Module) -> None:
        self.table = table


def made(decay: float | None = 0.5) -> tuple[Model, torch.optim.Optimizer]:
    model = Model()
    return model, make_optimizer(model, TrainingConfig(ema=decay, learning_rate=0.1))


def step(model: Model, optimizer: torch.optim.Optimizer, ids: list[int]) -> None:
    model.train()
    model.head(model.table(torch.tensor(ids))).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_the_average_of_the_weights_of_each_step() -> None:
    model, optimizer = made(0.25)
    expected = torch.zeros(())
    for number in range(1, 6):
        step(model, optimizer, [1, 2, 3])
        now = model.head.weight.detach().clone()
        decay = min(0.25, (1 + number) / (10 + number))
        expected = now if number == 1 else decay * expected + (1 - decay) * now
    with averaged(model, optimizer):
        assert torch.allclose(model.head.weight, expected, atol=1e-6)
        assert not torch.equal(model.head.weight, now)
    assert torch.equal(model.head.weight, now)


def test_training_is_the_same_with_and_without() -> None:
    one, other = made(None), made(0.9)
    for number in range(4):
        step(*one, [number, 5])
        step(*other, [number, 5])
        with averaged(*other):
            pass
    assert all(torch.equal(a, b) for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True))


def test_without_an_average_nothing_is_exchanged() -> None:
    model, optimizer = made(None)
    step(model, optimizer, [1])
    before = model.head.weight.detach().clone()
    with averaged(model, optimizer):
        assert torch.equal(model.head.weight, before)


def test_the_average_is_in_the_optimizers_state_and_comes_back() -> None:
    model, optimizer = made()
    step(model, optimizer, [1, 2])
    tensors = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer).items()}
    assert "0.average" in tensors
    again = copy.deepcopy(model)
    restored = make_optimizer(again, TrainingConfig(ema=0.5, learning_rate=0.1))
    load_optimizer(restored, tensors)
    for ids in ([3, 4], [1, 5]):
        step(model, optimizer, ids)
        step(again, restored, ids)
    exchange_average(model, optimizer)
    exchange_average(again, restored)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_smaller_table_shows_the_average_and_then_the_weights_again() -> None:
    model, _ = made()
    ids = np.array([1, 4])
    with used_rows(model, ids):
        optimizer = make_optimizer(model, TrainingConfig(ema=0.9, learning_rate=0.1))
        for _ in range(3):
            step(model, optimizer, [1, 4])
        weights = model.table.weight.detach().clone()
        with averaged(model, optimizer):
            model.eval()
            average = model.table(torch.from_numpy(ids)).detach().clone()
        assert torch.equal(model.state_dict()["table.weight"][ids], weights)
        assert not torch.allclose(average, weights)
        exchange_average(model, optimizer)
    assert torch.equal(model.table.weight[ids], average)


@pytest.mark.parametrize("decay", [0.0, 1.0, True])
def test_a_decay_lies_between_0_and_1(decay: object) -> None:
    with pytest.raises(ValueError):
        TrainingConfig(ema=decay)
