"""Graphs without their large weights: the optimizer copies a graph many times, and looks into few weights."""

from collections import Counter
from typing import Any

LARGE = 1 << 16
"""Bytes from which a weight is taken out."""

Taken = dict[str, tuple[int, bytes]]
"""Rows and bytes of each weight that was taken out."""


def take_weights(graph: Any) -> Taken:
    """Empty the large weights that fusing does not look into, in place.

    Those are tables of embeddings, of which a row stays (their widths are compared), and matrices whose input no two
    others read: queries, keys and values are joined.
    """
    readers = Counter(node.input[0] for node in graph.graph.node if node.op_type == "MatMul")
    tables = {node.input[0] for node in graph.graph.node if node.op_type == "Gather"}
    products = {n.input[1] for n in graph.graph.node if n.op_type == "MatMul" and readers[n.input[0]] < 3}
    taken = {}
    for tensor in graph.graph.initializer:
        if tensor.name not in tables | products or len(tensor.dims) != 2 or len(tensor.raw_data) < LARGE:
            continue
        rows, data = tensor.dims[0], tensor.raw_data
        taken[tensor.name] = (rows, data)
        kept = tensor.name in tables
        tensor.raw_data = data[: len(data) // rows] if kept else b""
        tensor.dims[0] = 1 if kept else rows
    return taken


def put_weights(graph: Any, taken: Taken) -> None:
    """Fill them in again, in place. Raises ValueError where one is gone that a node still reads."""
    for tensor in graph.graph.initializer:
        if tensor.name in taken:
            tensor.dims[0], tensor.raw_data = taken.pop(tensor.name)
    if lost := taken.keys() & {name for node in graph.graph.node for name in node.input}:
        raise ValueError(f"the optimizer lost the weights {', '.join(sorted(lost))}")
