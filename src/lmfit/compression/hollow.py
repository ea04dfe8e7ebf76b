"""Graphs without their large weights: the optimizer copies a graph many times, and looks into few weights."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

LARGE = 1 << 16
"""Bytes from which a weight is left out."""
PAGE = 4096

Weights = dict[str, torch.Tensor]
"""Weights by the names that the nodes of a graph read them by."""


def names_of(graph: Any) -> set[str]:
    """What the nodes of an onnx.GraphProto read, those of branches within them too."""
    found = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    branches = [one.g for node in graph.node for one in node.attribute if one.HasField("g")]
    return found.union(*map(names_of, branches))


def stand_in(graph: Any, weights: Weights) -> Weights:
    """Give a graph, in place, its weights: whole, or where fusing does not look into them a hollow one; the latter.

    Those are tables of embeddings, which become a row (their widths are compared), and matrices whose input no two
    others read: queries, keys and values are joined. No two hold the same then, since equal weights become one.
    """
    from onnx import TensorProto, numpy_helper

    readers = Counter(node.input[0] for node in graph.graph.node if node.op_type == "MatMul")
    tables = {node.input[0] for node in graph.graph.node if node.op_type == "Gather"}
    products = {n.input[1] for n in graph.graph.node if n.op_type == "MatMul" and readers[n.input[0]] < 3}
    aside: Weights = {}
    for name, weight in weights.items():
        large = weight.dtype == torch.float32 and weight.dim() == 2 and weight.nbytes >= LARGE
        if not large or name not in tables | products:
            graph.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(weight.numpy()), name))
            continue
        aside[name] = weight
        hollow = graph.graph.initializer.add(name=name, data_type=TensorProto.FLOAT)
        if name in tables:
            hollow.dims.extend([1, weight.shape[1]])
            hollow.raw_data = np.full(weight.shape[1], len(aside), np.float32).tobytes()
        else:
            hollow.dims.extend(weight.shape)
            hollow.raw_data = name.encode()
    return aside


def write(graph: Any, aside: Weights, path: Path) -> None:
    """Save a graph; the weights that stand aside are written one by one to a file beside it, which it names.

    In the order of their names: the optimizer hands them on in that of a set, another in each process.
    Raises ValueError where one is gone that a node still reads.
    """
    import onnx

    data = path.with_suffix(".weights")
    filled, left = onnx.ModelProto(), dict(aside)
    filled.CopyFrom(graph)
    filled.graph.initializer.sort(key=lambda tensor: tensor.name)
    with data.open("wb") as out:
        for tensor in filled.graph.initializer:
            if tensor.name not in left:
                continue
            weight = left.pop(tensor.name)
            out.write(b"\0" * (-out.tell() % PAGE))
            _point(tensor, weight, data.name, out.tell())
            out.write(np.ascontiguousarray(weight.numpy()).data)
    if lost := left.keys() & names_of(filled.graph):
        raise ValueError(f"the optimizer lost the weights {', '.join(sorted(lost))}")
    onnx.save(filled, str(path))


def _point(tensor: Any, weight: torch.Tensor, file: str, offset: int) -> None:
    """Let a tensor name the file that holds its values, in place."""
    from onnx import TensorProto

    del tensor.dims[:]
    tensor.dims.extend(weight.shape)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", offset), ("length", weight.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
