"""Gates open and close by their logits, rounding is that of ONNX Runtime, the budget falls to its target."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.compression.fake_quant import fake_quantized, rounded_input, rounded_weight, set_rounding
from lmfit.compression.gates import SPEED, Gates, cubic
from lmfit.compression.movement import Movement
from lmfit.compression.prune import full_cost, weight_costs


def _model(folder: Path) -> Any:
    from transformers import AutoModelForTokenClassification

    torch.manual_seed(0)
    return AutoModelForTokenClassification.from_pretrained(folder, num_labels=2).eval()


@torch.no_grad()
def test_closed_gates_silence_units_and_fold_away(tiny: Callable[[str], Path]) -> None:
    model, ids = _model(tiny("bert")), torch.tensor([[5, 6, 7, 8]])
    before = model(ids).logits
    gates = Gates(model)
    torch.testing.assert_close(model(ids).logits, before, atol=0.05, rtol=0.05)
    costs = weight_costs(model)
    assert float(gates.expected_cost(costs)) > 0.95 * full_cost(model, costs)
    gates.logits[0][0] = -10 / SPEED
    gated = model(ids).logits
    first = gates.blocks[0]
    weight = first.reader.weight.clone()
    gates.fold()
    assert not first.reader.weight[:, : first.size].any()
    torch.testing.assert_close(first.reader.weight[:, first.size :], weight[:, first.size :] * gates.most_likely(0)[1])
    torch.testing.assert_close(model(ids).logits, gated)
    assert gates.curves()[0].order[0] == 0


def test_multipliers_ascend_and_gates_close(tiny: Callable[[str], Path]) -> None:
    model = _model(tiny("bert"))
    costs, gates = weight_costs(model), Gates(model)
    optimizer = torch.optim.AdamW(gates.parameters(), lr=1e-4, weight_decay=0.0)
    target = 0.5 * full_cost(model, costs)
    for _ in range(150):
        optimizer.zero_grad()
        gates.excess(gates.expected_cost(costs), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(gates.first.detach()) != 0
    assert float(gates.expected_cost(costs).detach()) == pytest.approx(target, rel=0.15)


def test_budget_falls_cubically() -> None:
    assert [cubic(step, 10, 20) for step in (0, 10, 20, 30)] == [0, 0, 1, 1]
    assert cubic(15, 10, 20) == pytest.approx(0.875)


def test_rounding_is_that_of_the_int8_model(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, save

    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
    back = helper.make_node("DequantizeLinear", ["y", "scale", "zero"], ["z"])
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in "xz"]
    graph = helper.make_graph([node, back], "rounding", shape[:1], shape[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "r.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "r.onnx"))
    generator = np.random.default_rng(0)
    for values in (generator.normal(size=(4, 50)), generator.random((2, 9)) + 1, -generator.random((2, 9))):
        given = values.astype(np.float32)
        expected = session.run(None, {"x": given})[0]
        np.testing.assert_allclose(rounded_input(torch.from_numpy(given)).numpy(), expected, atol=1e-6)
    weight = rounded_weight(torch.tensor([[1.0, -0.5, 0.003], [10.0, 0.02, 0.0]]), 127)
    torch.testing.assert_close(weight[1] * 127 / 10, (weight[1] * 127 / 10).round())


def test_rounding_can_be_switched_off_and_leaves_nothing(tiny: Callable[[str], Path]) -> None:
    model, ids = _model(tiny("bert")), torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        before = model(ids).logits
        with fake_quantized(model):
            rounded = model(ids).logits
            set_rounding(model, False)
            assert torch.equal(model(ids).logits, before)
        assert torch.equal(model(ids).logits, before)
    assert 0 < float((rounded - before).abs().max()) < 0.5


def test_movement_scores_follow_the_weights_and_keep_the_budget(tiny: Callable[[str], Path]) -> None:
    model, ids = _model(tiny("bert")), torch.tensor([[5, 6, 7, 8]])
    before = model(ids).logits.detach()
    gates, costs = Movement(model), weight_costs(model)
    model.train()
    for dropout in (module for module in model.modules() if isinstance(module, torch.nn.Dropout)):
        dropout.p = 0.0
    logits = model(ids).logits
    torch.testing.assert_close(logits.detach(), before)
    logits.square().sum().backward()
    reader = gates.blocks[1].reader
    moved = (reader.weight.detach() * reader.weight.grad).sum(0)
    scored: Any = gates.logits[1].grad
    torch.testing.assert_close(scored / SPEED, moved, rtol=1e-3, atol=1e-6)
    gates.logits[1].data[:] = torch.arange(64) / SPEED
    for number in (0, 2, 3):
        gates.logits[number].data[:] = 100 / SPEED
    full = full_cost(model, costs)
    gates.settle(costs, 0.9 * full)
    assert 0.88 * full < float(gates.expected_cost(costs)) <= 0.9 * full
    assert all(gates.masks[number].all() for number in (0, 2, 3))
    closed = int((gates.masks[1] == 0).sum())
    assert 0 < closed <= 64
    assert not gates.masks[1][:closed].any()
    assert gates.curves()[1].order[:3] == [0, 1, 2]
    assert float(gates.excess(gates.expected_cost(costs), 1.0)) == 0
