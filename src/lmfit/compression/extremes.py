"""Large weights are two rows, their extremes, while ONNX Runtime quantizes a graph: it holds several copies of one.

The scale of a symmetric or asymmetric range is a function of the least and the largest value alone; what the values
become with that scale is filled in afterwards, some rows at a time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lmfit.compression.hollow import LARGE

ROWS = 4096
_PLACES = {"MatMul": (1,), "Gather": (0,), "EmbedLayerNormalization": (2, 3, 4)}
"""Where nodes read a matrix (inputs, outputs) or a table of embeddings, whose range is by column or over all of it."""


def on_extremes(source: Path, target: Path, quantize: Callable[[Path, Path], None]) -> None:
    """Write what `quantize` makes of `source` to `target`, without ever holding all weights of `source` at once.

    Its weights stand in the order of their names.
    """
    import onnx

    graph, small, aside = onnx.load(str(source), load_external_data=False), target.with_suffix(".extremes"), []
    for tensor in _large(graph):
        aside.append(onnx.TensorProto())
        aside[-1].CopyFrom(tensor)
        values = _values(tensor, source.parent)
        _fill(tensor, np.stack([values.min(axis=0), values.max(axis=0)]))
    onnx.save(graph, str(small))
    del graph
    quantize(small, target)
    small.unlink()
    made = onnx.load(str(target))
    held = {tensor.name: tensor for tensor in made.graph.initializer}
    for whole in aside:
        if (quantized := held.get(f"{whole.name}_quantized")) is not None:
            scale, zero = (_array(held[f"{whole.name}_{part}"]) for part in ("scale", "zero_point"))
            _fill(quantized, rounded(_values(whole, source.parent), scale, zero))
        if whole.name in held:
            _fill(held[whole.name], _values(whole, source.parent))
    made.graph.initializer.sort(key=lambda tensor: tensor.name)
    onnx.save(made, str(target))


def rounded(values: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """round(values / scale) + zero, cut to the range of zero's type. values: (R, C); scale, zero: () or (C,)."""
    limits, found = np.iinfo(zero.dtype), np.empty(values.shape, zero.dtype)
    for begin in range(0, len(values), ROWS):
        part = (values[begin : begin + ROWS] / scale).round() + zero
        found[begin : begin + ROWS] = part.clip(limits.min, limits.max)
    return found


def _large(graph: Any) -> list[Any]:
    """Weights that only nodes of `_PLACES` read, and only there."""
    from onnx import TensorProto

    there = {
        node.input[at] for node in graph.graph.node for at in _PLACES.get(node.op_type, ()) if at < len(node.input)
    }
    elsewhere = [node for node in graph.graph.node if node.op_type not in _PLACES]
    others = {name for node in elsewhere for name in node.input}
    matrices = [one for one in graph.graph.initializer if one.data_type == TensorProto.FLOAT and len(one.dims) == 2]
    return [one for one in matrices if 4 * np.prod(one.dims) >= LARGE and one.name in there - others]


def _values(tensor: Any, folder: Path) -> np.ndarray:
    """The numbers of a tensor, of one in a file beside the graph without reading them yet."""
    if not tensor.external_data:
        return _array(tensor)
    told = {entry.key: entry.value for entry in tensor.external_data}
    return np.memmap(folder / told["location"], np.float32, "r", int(told["offset"]), tuple(tensor.dims))


def _fill(tensor: Any, values: np.ndarray) -> None:
    """Let a tensor hold these values, in place."""
    from onnx import TensorProto

    del tensor.dims[:], tensor.external_data[:]
    tensor.dims.extend(values.shape)
    tensor.data_location = TensorProto.DEFAULT
    tensor.raw_data = values.tobytes()


def _array(tensor: Any) -> np.ndarray:
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor))
