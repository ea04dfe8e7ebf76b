"""The fast gradient method: where the table is moved to, and that it comes back."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lmfit.training.adversarial import FastGradient


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.table = torch.nn.Embedding(6, 3)

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.table


def backward_of(model: Model, seen: list[torch.Tensor], scale: float = 1.0) -> Callable[[], float]:
    """Rows 1 and 2, squared; notes the table that it meets."""

    def backward() -> float:
        seen.append(model.table.weight.detach().clone())
        loss = scale * model.table(torch.tensor([1, 2])).square().sum()
        loss.backward()
        return float(loss.detach())

    return backward


@pytest.mark.parametrize("scale", [1.0, 65536.0])
def test_along_the_gradient_as_far_as_epsilon(scale: float) -> None:
    """Whatever the loss is scaled by, as for fp16."""
    model, seen = Model(), []
    loss = FastGradient(model, 0.5)(backward_of(model, seen, scale))
    clean, moved = seen
    move = moved - clean
    rows = clean[1:3]
    assert loss == pytest.approx(float(scale * rows.square().sum()))
    assert float(move.norm()) == pytest.approx(0.5)
    assert torch.allclose(move[1:3], 0.5 * rows / rows.norm(), atol=1e-6)
    assert not move[[0, 3, 4, 5]].any()
    assert torch.allclose(model.table.weight.grad[1:3], scale * (2 * rows + 2 * moved[1:3]), rtol=1e-5)
    assert torch.equal(model.table.weight, clean)


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_without_a_direction_it_stays(scale: float) -> None:
    model, seen = Model(), []
    FastGradient(model, 0.5)(backward_of(model, seen, scale))
    assert torch.equal(*seen)


def test_a_failure_under_attack_leaves_the_table_as_it_was() -> None:
    model, seen = Model(), []
    before = model.table.weight.detach().clone()
    work = backward_of(model, seen)

    def fails() -> Any:
        if seen:
            raise MemoryError
        return work()

    with pytest.raises(MemoryError):
        FastGradient(model, 0.5)(fails)
    assert torch.equal(model.table.weight, before)
