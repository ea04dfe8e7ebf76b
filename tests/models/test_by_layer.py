"""Layers computed in another way while they are trained: the numbers, and what is left behind."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lmfit import console
from lmfit.device import Device
from lmfit.models.by_layer import can_compile, checkpointed, compiled
from lmfit.models.freeze import layers_of
from lmfit.models.quick_dropout import quick_dropout
from tiny_models import FAMILIES

CPU = Device("cpu", None, "cpu", "fp32", 1)


@pytest.fixture
def model_of(tiny: Callable[[str], Path]) -> Callable[[str], Any]:
    from transformers import AutoModel

    return lambda family: AutoModel.from_pretrained(tiny(family))


def gradients(model: Any) -> list[torch.Tensor]:
    """With dropout, drawn from one seed."""
    model.train()
    model.zero_grad()
    torch.manual_seed(3)
    ids = torch.arange(24).view(2, 12) % 40 + 5
    model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.square().sum().backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_with_fewer_activations_are_the_same_to_the_bit(family: str, model_of: Callable[[str], Any]) -> None:
    model = model_of(family)
    with quick_dropout(model):
        expected = gradients(model)
        with checkpointed(model):
            found = gradients(model)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_fewer_activations_are_kept(model_of: Callable[[str], Any]) -> None:
    def kept(model: Any) -> int:
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.nbytes) or t, lambda t: t):
            model(input_ids=torch.full((4, 40), 7))
        return sum(sizes)

    model = model_of("bert").train()
    whole = kept(model)
    with checkpointed(model):
        assert kept(model) < whole / 2


def test_classes_and_names_are_as_before(model_of: Callable[[str], Any]) -> None:
    model = model_of("bert")
    kinds, names = [type(m) for m in model.modules()], list(model.state_dict())
    with compiled(model), checkpointed(model):
        assert type(layers_of(model)[0]) is not kinds[kinds.index(type(layers_of(model_of("bert"))[0]))]
        assert list(model.state_dict()) == names
        ids = torch.full((1, 5), 7)
        other = copy.deepcopy(model).eval()
        assert torch.equal(other(input_ids=ids)[0], model.eval()(input_ids=ids)[0])
    assert [type(m) for m in model.modules()] == kinds


def test_without_a_compiler_there_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(function: Any, **_: Any) -> Any:
        def fails(*_: Any) -> Any:
            raise RuntimeError("No working C++ compiler found\nmany more lines")

        return fails

    monkeypatch.setattr(torch, "compile", broken)
    console.set_quiet(False)
    assert not can_compile(CPU)
    assert "No working C++ compiler found" in capsys.readouterr().err
