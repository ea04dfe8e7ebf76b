"""Weights and embeddings as 4-bit integers in blocks with a scale each: for size. Products are computed in fp32.

ONNX Runtime's own tool for this needs a package that the extra `onnx` does not bring, so its nodes are made here.
"""

from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 32
_ZERO = 8
_DOMAIN = "com.microsoft"


def quantize_int4(source: Path, target: Path, *, products: bool = True) -> None:
    """Products with weights become MatMulNBits, embeddings GatherBlockQuantized; the rest stays in fp32.

    products: False leaves them as they are, and what is saved are embeddings alone.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(source))
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    made: dict[str, Any] = {}
    places = {"Gather": 0} | ({"MatMul": 1} if products else {})
    for node in graph.graph.node:
        at = places.get(node.op_type)
        tensor = weights.get(node.input[at]) if at is not None else None
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) != 2:
            continue
        table = np.asarray(numpy_helper.to_array(tensor))
        if node.op_type == "MatMul":
            _product(node, table, made)
        elif table.shape[1] % BLOCK == 0:
            _lookup(node, table, made)
    used = {name for node in graph.graph.node for name in node.input}
    kept = [tensor for tensor in graph.graph.initializer if tensor.name in used]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend([*kept, *made.values()])
    if all(one.domain != _DOMAIN for one in graph.opset_import):
        graph.opset_import.append(onnx.helper.make_opsetid(_DOMAIN, 1))
    onnx.save(graph, str(target))


def blocks(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(two values a byte (R, B, 16) uint8, scales (R, B) float32) of rows (R, D), padded to whole blocks of 32.

    The value of the largest size in a block becomes -8, the end of the range, exactly.
    """
    rows, width = table.shape
    padded = np.zeros((rows, -(-width // BLOCK) * BLOCK), np.float32)
    padded[:, :width] = table
    cut = padded.reshape(rows, -1, BLOCK)
    largest = np.take_along_axis(cut, np.abs(cut).argmax(axis=2)[..., None], axis=2)[..., 0]
    scales = (largest / -_ZERO).astype(np.float32)
    divisor = np.where(scales == 0, 1, scales)[..., None]
    values = np.clip(np.round(cut / divisor) + _ZERO, 0, 15).astype(np.uint8)
    return values[..., 0::2] | (values[..., 1::2] << 4), scales


def _product(node: Any, weight: np.ndarray, made: dict[str, Any]) -> None:
    """x @ weight, (K, N), in place."""
    packed, scales = blocks(weight.T)
    names = _store(node.input[1], packed, scales.ravel(), made)
    _become(
        node, "MatMulNBits", [node.input[0], *names], K=weight.shape[0], N=weight.shape[1], bits=4, block_size=BLOCK
    )


def _lookup(node: Any, table: np.ndarray, made: dict[str, Any]) -> None:
    """Rows of table (V, D), in place."""
    packed, scales = blocks(table)
    names = _store(node.input[0], packed.reshape(len(table), -1), scales, made)
    options = {"gather_axis": 0, "quantize_axis": 1, "bits": 4, "block_size": BLOCK}
    _become(node, "GatherBlockQuantized", [names[0], node.input[1], names[1]], **options)


def _store(name: str, packed: np.ndarray, scales: np.ndarray, made: dict[str, Any]) -> list[str]:
    from onnx import numpy_helper

    names = [f"{name}_int4", f"{name}_scales"]
    for one, array in zip(names, (packed, scales), strict=True):
        made[one] = numpy_helper.from_array(array, one)
    return names


def _become(node: Any, kind: str, inputs: list[str], **attributes: int) -> None:
    from onnx import helper

    node.CopyFrom(helper.make_node(kind, inputs, list(node.output), node.name, domain=_DOMAIN, **attributes))
