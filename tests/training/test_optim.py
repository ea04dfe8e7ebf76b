import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from lmfit.config.training import TrainingConfig
from lmfit.device import Device
from lmfit.training.checkpoint import load_optimizer, optimizer_tensors
from lmfit.training.muon import Muon, MuonAndAdamW, orthogonal
from lmfit.training.optim import (
    clip_gradient,
    learning_rate_scale,
    make_optimizer,
    set_learning_rate,
)


def rates(schedule: str, total: int, warmup: float) -> list[float]:
    config = TrainingConfig(schedule=schedule, warmup=warmup)
    return [learning_rate_scale(config, step, total) for step in range(total)]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant", "wsd"])
@pytest.mark.parametrize(("total", "warmup"), [(1, 0.1), (1, 0.0), (2, 0.5), (10, 10.0), (10, 50.0), (7, 0.99)])
def test_no_step_is_wasted_at_rate_zero_or_above_the_peak(schedule: str, total: int, warmup: float) -> None:
    assert all(0 < rate <= 1 for rate in rates(schedule, total, warmup))


def test_linear() -> None:
    assert rates("linear", 6, 2) == pytest.approx([1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25])


def test_a_warmup_below_one_is_a_share() -> None:
    assert rates("linear", 10, 0.2) == rates("linear", 10, 2)


def test_cosine_is_half_way_in_the_middle() -> None:
    assert rates("cosine", 10, 0)[5] == pytest.approx(0.5)


def test_constant_stays() -> None:
    assert rates("constant", 5, 1) == pytest.approx([0.5, 1, 1, 1, 1])


def test_wsd_decays_in_the_last_fifth() -> None:
    assert rates("wsd", 10, 0) == pytest.approx([1] * 9 + [0.5])


@pytest.fixture
def model(tiny: Callable[[str], Path]) -> Callable[[str], Any]:
    return lambda family: AutoModelForSequenceClassification.from_pretrained(tiny(family), num_labels=3)


def peak_of(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> float:
    return next(group["peak"] for group in optimizer.param_groups if any(p is parameter for p in group["params"]))


LAYERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "bert": (
        lambda m: m.bert.encoder.layer[1].output.dense.weight,
        lambda m: m.bert.encoder.layer[0].output.dense.weight,
        lambda m: m.bert.embeddings.position_embeddings.weight,
    ),
    "distilbert": (
        lambda m: m.distilbert.transformer.layer[1].ffn.lin1.weight,
        lambda m: m.distilbert.transformer.layer[0].ffn.lin1.weight,
        lambda m: m.distilbert.embeddings.word_embeddings.weight,
    ),
    "modernbert": (
        lambda m: m.model.layers[1].mlp.Wi.weight,
        lambda m: m.model.layers[0].mlp.Wi.weight,
        lambda m: m.model.embeddings.tok_embeddings.weight,
    ),
}


@pytest.mark.parametrize("family", LAYERS)
def test_each_layer_learns_slower_than_the_one_above(family: str, model: Callable[[str], Any]) -> None:
    made = model(family)
    optimizer = make_optimizer(made, TrainingConfig(learning_rate=1.0, layer_decay=0.5))
    assert peak_of(optimizer, made.classifier.weight) == 1.0
    assert [peak_of(optimizer, find(made)) for find in LAYERS[family]] == [0.5, 0.25, 0.125]


def test_shared_layers_count_as_one(model: Callable[[str], Any]) -> None:
    made = model("albert")
    optimizer = make_optimizer(made, TrainingConfig(learning_rate=1.0, layer_decay=0.5))
    shared = made.albert.encoder.albert_layer_groups[0].albert_layers[0].ffn.weight
    assert peak_of(optimizer, shared) == 0.5
    assert peak_of(optimizer, made.albert.embeddings.word_embeddings.weight) == 0.25


def test_the_head_has_its_own_rate(model: Callable[[str], Any]) -> None:
    made = model("bert")
    optimizer = make_optimizer(made, TrainingConfig(learning_rate=0.1, head_learning_rate=1.0))
    assert peak_of(optimizer, made.classifier.bias) == 1.0
    assert peak_of(optimizer, made.bert.pooler.dense.weight) == 0.1


def test_no_decay_on_biases_and_norms(model: Callable[[str], Any]) -> None:
    made = model("bert")
    decay = {id(p): g["weight_decay"] for g in make_optimizer(made, TrainingConfig()).param_groups for p in g["params"]}
    for name, parameter in made.named_parameters():
        assert (decay[id(parameter)] == 0) == (name.endswith("bias") or "LayerNorm" in name), name


def test_every_trained_weight_is_in_one_group_and_frozen_ones_in_none(model: Callable[[str], Any]) -> None:
    made = model("albert")
    made.albert.embeddings.requires_grad_(False)
    held = [id(p) for group in make_optimizer(made, TrainingConfig()).param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in made.parameters() if p.requires_grad)


def test_setting_the_rate_scales_every_peak(model: Callable[[str], Any]) -> None:
    optimizer = make_optimizer(model("bert"), TrainingConfig(learning_rate=0.2, layer_decay=0.5))
    assert set_learning_rate(optimizer, 0.5) == pytest.approx(0.1)
    assert all(group["lr"] == group["peak"] * 0.5 for group in optimizer.param_groups)


class TestClipGradient:
    def step(self, most: float, *, now: bool) -> tuple[float, list[torch.Tensor]]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Linear(7, 2))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
        norm = 0.0
        for scale in (30.0, 0.001, 5.0):
            model(torch.linspace(-1, scale, 15).view(3, 5)).pow(2).sum().backward()
            norm = clip_gradient(optimizer, most, now=now)
            optimizer.step()
            optimizer.zero_grad()
        return norm, [p.detach() for p in model.parameters()]

    @pytest.mark.parametrize("most", [1e-3, 1.0, math.inf])
    def test_within_the_step_as_before_it(self, most: float) -> None:
        before, weights = self.step(most, now=True)
        within, others = self.step(most, now=False)
        assert within == pytest.approx(before, rel=1e-5)
        for one, other in zip(weights, others, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)

    def test_it_matters(self) -> None:
        _, clipped = self.step(1e-3, now=False)
        _, free = self.step(math.inf, now=False)
        assert not torch.allclose(clipped[0], free[0])


def test_muon_for_the_matrices_of_the_layers_and_adamw_for_the_rest(tiny: Callable[[str], Path]) -> None:
    from transformers import AutoModelForMaskedLM

    def made() -> tuple[Any, MuonAndAdamW]:
        model = AutoModelForMaskedLM.from_pretrained(tiny("bert"))
        optimizer = make_optimizer(model, TrainingConfig(optimizer="muon", learning_rate=1e-3))
        assert isinstance(optimizer, MuonAndAdamW)
        return model, optimizer

    def step(model: Any, optimizer: MuonAndAdamW) -> None:
        set_learning_rate(optimizer, 0.5)
        torch.manual_seed(0)
        model(input_ids=torch.tensor([[2, 7, 8, 3]]), labels=torch.tensor([[-100, 7, 8, -100]])).loss.backward()
        clip_gradient(optimizer, 1.0, now=False)
        optimizer.step()
        optimizer.zero_grad()

    model, optimizer = made()
    matrices = {id(p) for group in optimizer.muon.param_groups for p in group["params"]}
    assert matrices == {id(p) for p in model.bert.encoder.parameters() if p.ndim == 2}
    assert {group["lr"] for group in optimizer.param_groups} != {0.5}
    step(model, optimizer)
    assert {group["lr"] for group in optimizer.muon.param_groups} == {0.01}
    tensors = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer).items()}
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    step(model, optimizer)
    other, again = made()
    other.load_state_dict(weights)
    load_optimizer(again, tensors)
    step(other, again)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("products", "tolerance"), [(torch.bfloat16, 0.0), (torch.float32, 2e-3)], ids=["bfloat16", "float32"]
)
@pytest.mark.parametrize("shape", [(24, 24), (16, 40), (40, 16)])
def test_muon_is_the_one_of_torch(shape: tuple[int, int], products: torch.dtype, tolerance: float) -> None:
    """To the bit in bfloat16, though matrices of one shape are taken together; in float32 but for rounding."""
    generator = torch.Generator().manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for _ in range(3)]
    theirs = [torch.nn.Parameter(weight.detach().clone()) for weight in ours]
    optimizers = [
        Muon([{"params": ours}], lr=0.02, weight_decay=0.1, products=products),
        torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1),
    ]
    for _ in range(4):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(shape, generator=generator)
            other.grad = one.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def test_singular_values_come_near_one_and_zero_stays_zero() -> None:
    matrices = torch.randn((2, 20, 60), generator=torch.Generator().manual_seed(1))
    matrices[1] = 0
    found = orthogonal(matrices, torch.float32)
    values = torch.linalg.svdvals(found[0])
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert not found[1].any()


@pytest.mark.parametrize(
    ("precision", "products"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float32)]
)
def test_small_gradients_move_weights_in_any_precision(precision: str, products: torch.dtype) -> None:
    device = Device("cpu", None, "a processor", precision, 1)
    assert device.wide_dtype == products
    found = orthogonal(1e-9 * torch.randn((1, 8, 8), generator=torch.Generator().manual_seed(2)), device.wide_dtype)
    assert torch.linalg.svdvals(found[0]).max() > 0.01
