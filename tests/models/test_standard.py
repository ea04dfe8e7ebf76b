from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from lmfit.models.joint_head import joint_head
from lmfit.models.standard import Units, answers_in_units, begin_at_mean, standard_weights

UNITS = (30000.0, 8000.0)
HERE = torch.device("cpu")


class Model(nn.Module):
    """A head on features of 4."""

    base_model_prefix = "encoder"

    def __init__(self, *, bias: bool = True, rows: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.config = SimpleNamespace()
        self.encoder = nn.Identity()
        self.head = nn.Linear(4, rows, bias=bias)

    def forward(self, features: torch.Tensor) -> Any:
        return SimpleNamespace(logits=self.head(self.encoder(features)))


def answers(model: Model, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    logits: torch.Tensor = model.to(dtype)(torch.eye(4, dtype=dtype)).logits
    return logits.detach()


@pytest.mark.parametrize("bias", [True, False])
def test_answers_stay_those_of_the_user_in_every_form(*, bias: bool) -> None:
    model = Model(bias=bias)
    begin_at_mean(model, UNITS)
    before = answers(model)
    with standard_weights(model, UNITS):
        assert model.head.weight.abs().max() < 1
        with answers_in_units(model, [UNITS], device=HERE):
            assert torch.allclose(answers(model), before, rtol=1e-5)
    assert torch.allclose(answers(model), before, rtol=1e-5)


def test_new_weights_answer_around_the_mean() -> None:
    model = Model()
    begin_at_mean(model, UNITS)
    assert (answers(model) - UNITS[0]).abs().max() < 2 * UNITS[1]


def test_weights_in_lower_precision_lose_nothing_of_the_mean() -> None:
    model, units = Model(), (1.0e6, 1.0)
    with answers_in_units(model, [units], device=HERE):
        assert len(answers(model, torch.bfloat16).unique()) > 1


def test_tasks_beside_have_units_of_their_own() -> None:
    model = Model()
    begin_at_mean(model, UNITS)
    alone = answers(model)
    with (
        standard_weights(model, UNITS),
        answers_in_units(model, [UNITS, (1.0, 2.0)], device=HERE),
        joint_head(model, 1, 1, seed=5),
    ):
        beside = model.head.beside(torch.eye(4))[:, 0].detach()
        assert torch.allclose(answers(model.train()), torch.stack([alone[:, 0], beside * 2 + 1], 1), rtol=1e-5)
        assert torch.allclose(answers(model.eval()), alone, rtol=1e-5)
    assert torch.allclose(answers(model), alone, rtol=1e-5)


@pytest.mark.parametrize(("rows", "units"), [(1, None), (2, UNITS)])
def test_what_cannot_be_scaled_stays(rows: int, units: Units | None) -> None:
    model = Model(rows=rows)
    plain = answers(model)
    with standard_weights(model, units), answers_in_units(model, [units], device=HERE):
        assert answers(model).equal(plain)
