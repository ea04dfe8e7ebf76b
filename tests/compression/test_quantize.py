import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic

from lmfit.compression.blocks import blocks, quantize_int4
from lmfit.compression.quantize import (
    INT8_OPS,
    divide_logits,
    quantize_int8,
    quantize_int8_static,
    store_half,
    store_whole,
)
from lmfit.compression.sensitivity import relative_error, worst_first
from lmfit.data.collate import Batch
from lmfit.inference.onnx import open_session, run_session

ATOL = {"int8": 0.05, "int8-static": 0.05, "fp16": 2e-3, "bf16": 5e-3, "int4": 0.3}


def answers(path: Path, batch: Batch) -> np.ndarray:
    return run_session(open_session(path), batch)[batch["attention_mask"] > 0]


def made_by(how: str, source: Path, target: Path, batch: Batch) -> Counter[str]:
    if how == "int8":
        quantize_int8(source, target)
    elif how == "int8-static":
        quantize_int8_static(source, target, [batch, {n: batch[n] for n in ("input_ids", "attention_mask")}])
    elif how == "int4":
        quantize_int4(source, target)
    else:
        store_half(source, target, how)
    return Counter(node.op_type for node in onnx.load(str(target)).graph.node)


@pytest.mark.parametrize("how", ATOL)
def test_answers_stay_near(how: str, exported: Callable[..., Any], batch: Batch, tmp_path: Path) -> None:
    source = exported("bert", attention=how not in ("int8-static", "int4")).exported.path
    nodes = made_by(how, source, tmp_path / "made.onnx", batch)
    exact, coarse = answers(source, batch), answers(tmp_path / "made.onnx", batch)
    assert 0 < np.abs(exact - coarse).max() < ATOL[how] * max(1, np.abs(exact).max())
    if how == "int8":
        assert nodes["QAttention"] == 2
        assert nodes["MatMulInteger"] == 7
        assert not nodes["MatMul"]
    if how == "int4":
        assert nodes["MatMulNBits"] > 0


@pytest.mark.parametrize("bits", [7, 8])
def test_extremes_of_large_weights_give_what_all_of_them_give(
    bits: int, wide: Callable[..., Any], tmp_path: Path
) -> None:
    source = wide().exported.path
    assert source.with_suffix(".weights").stat().st_size > 300_000
    keep = [node.name for node in onnx.load(str(source)).graph.node if node.op_type == "MatMul"][1:2]
    whole = tmp_path / "whole.onnx"
    quantize_dynamic(
        str(source),
        str(whole),
        op_types_to_quantize=list(INT8_OPS),
        per_channel=True,
        reduce_range=bits == 7,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=keep,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    quantize_int8(source, tmp_path / "made.onnx", keep=keep, bits=bits)
    wanted, found = (
        {t.name: t for t in onnx.load(str(path)).graph.initializer} for path in (whole, tmp_path / "made.onnx")
    )
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(found[name]), onnx.numpy_helper.to_array(tensor))


def test_fp32_is_one_file(wide: Callable[..., Any], batch: Batch, tmp_path: Path) -> None:
    source = wide().exported.path
    store_whole(source, tmp_path / "made.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["made.onnx"]
    np.testing.assert_array_equal(answers(source, batch), answers(tmp_path / "made.onnx", batch))


def test_embeddings_take_four_bits_beside_products_of_eight(
    exported: Callable[..., Any], batch: Batch, tmp_path: Path
) -> None:
    source = exported("bert", attention=True, embeddings=False).exported.path
    quantize_int4(source, tmp_path / "embeddings.onnx", products=False)
    nodes = made_by("int8", tmp_path / "embeddings.onnx", tmp_path / "made.onnx", batch)
    assert nodes["GatherBlockQuantized"] > 0
    assert (nodes["QAttention"], nodes["MatMulInteger"], nodes["MatMul"], nodes["MatMulNBits"]) == (2, 7, 0, 0)
    exact, coarse = answers(source, batch), answers(tmp_path / "made.onnx", batch)
    assert 0 < np.abs(exact - coarse).max() < ATOL["int4"] * max(1, np.abs(exact).max())


def test_blocks_hold_what_fits_into_four_bits() -> None:
    table = np.array([[-8.0, *range(-7, 8), *[0] * 20], [4.0] * 36])
    packed, scales = blocks(table)
    values = np.stack([packed & 15, packed >> 4], axis=-1).reshape(2, 2, 32).astype(int) - 8
    found = (values * scales[..., None]).reshape(2, -1)[:, :36]
    np.testing.assert_allclose(found, table)


def test_named_nodes_stay_in_fp32(exported: Callable[..., Any], tmp_path: Path) -> None:
    source = exported("bert").exported.path
    keep = [node.name for node in onnx.load(str(source)).graph.node if node.op_type == "MatMul"][:2]
    quantize_int8(source, tmp_path / "made.onnx", keep=keep)
    nodes = Counter(node.op_type for node in onnx.load(str(tmp_path / "made.onnx")).graph.node)
    assert nodes["MatMul"] == 2


def test_logits_are_divided(exported: Callable[..., Any], batch: Batch, tmp_path: Path) -> None:
    path = tmp_path / "made.onnx"
    shutil.copyfile(exported("bert").exported.path, path)
    before = answers(path, batch)
    divide_logits(path, 2.0)
    np.testing.assert_allclose(answers(path, batch), before / 2, rtol=1e-6)


def test_products_are_ranked_by_their_own_error(exported: Callable[..., Any], batch: Batch) -> None:
    ranked = worst_first(exported("bert").exported.path, [batch])
    assert len(ranked) == 9
    assert [error for _, error in ranked] == sorted((error for _, error in ranked), reverse=True)
    assert all(0 < error < 0.01 for _, error in ranked)


def test_a_weight_that_fills_the_range_costs_the_others_their_digits() -> None:
    generator = np.random.default_rng(0)
    inputs, weight = generator.normal(size=(50, 16)), generator.normal(size=(16, 8))
    inputs[:, 0] = 0
    spoilt = weight.copy()
    spoilt[0] = 1e3
    assert relative_error([inputs], weight) < 1e-3 < 0.1 < relative_error([inputs], spoilt)
