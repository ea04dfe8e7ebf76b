"""Which products of a graph lose most when they are computed on 8-bit numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmfit.data.collate import Batch
from lmfit.inference.onnx import feeds, open_session

PRODUCTS = ("MatMul", "Attention", "Gemm")


def worst_first(source: Path, batches: Sequence[Batch]) -> list[tuple[str, float]]:
    """(node, relative error) of each product with weights in an fp32 graph, the largest error first.

    The error of a product is that of its own rounding, inputs being exact: sum (y - y')^2 / sum y^2 over the batches
    (the reciprocal of the signal-to-quantization-noise ratio), with activations rounded to 8 bits per tensor and
    weights per output.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(source))
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    products = [n for n in graph.graph.node if n.op_type in PRODUCTS and n.input[1] in weights]
    inputs = list(dict.fromkeys(node.input[0] for node in products))
    graph.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inputs)
    path = source.with_name("watched.onnx")
    onnx.save(graph, str(path))
    seen = _run(open_session(path), inputs, batches)
    found = []
    for node in products:
        weight = np.asarray(numpy_helper.to_array(weights[node.input[1]]), np.float32)
        if any(attribute.name == "transB" and attribute.i for attribute in node.attribute):
            weight = weight.T
        found.append((node.name, relative_error(seen[node.input[0]], weight)))
    return sorted(found, key=lambda one: -one[1])


def _run(session: Any, names: list[str], batches: Sequence[Batch]) -> dict[str, list[np.ndarray]]:
    """What each tensor holds for each batch."""
    runs = [session.run(names, feeds(session.get_inputs(), batch)) for batch in batches]
    return {name: [values[i] for values in runs] for i, name in enumerate(names)}


def relative_error(inputs: Sequence[np.ndarray], weight: np.ndarray) -> float:
    """sum (y - y')^2 / sum y^2 of y = x @ weight, where y' has both rounded: inputs (..., D), weight (D, C)."""
    rounded = _round_weight(weight)
    noise = signal = 0.0
    for x in inputs:
        flat = x.reshape(-1, x.shape[-1])
        exact = flat @ weight
        noise += float(((exact - _round_activation(flat) @ rounded) ** 2).sum())
        signal += float((exact**2).sum())
    return noise / max(signal, 1e-30)


def _round_weight(weight: np.ndarray) -> np.ndarray:
    """Symmetric, 8 bits, a scale for each output."""
    scale = np.maximum(np.abs(weight).max(axis=0, keepdims=True), 1e-12) / 127
    return np.asarray(np.round(weight / scale) * scale)


def _round_activation(x: np.ndarray) -> np.ndarray:
    """From the least to the largest value, with zero exact, in 256 steps."""
    low, high = min(0.0, float(x.min())), max(0.0, float(x.max()))
    scale = max(high - low, 1e-12) / 255
    zero = round(-low / scale)
    return np.asarray((np.clip(np.round(x / scale) + zero, 0, 255) - zero) * scale)
