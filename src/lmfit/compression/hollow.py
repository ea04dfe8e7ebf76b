"""Graphs without their large weights: the optimizer copies a graph many times, and looks into few weights."""

from collections import Counter
from typing import Any

import numpy as np

LARGE = 1 << 16
"""Bytes from which a weight is taken out."""

Taken = dict[str, tuple[int, bytes]]
"""Rows and bytes of each weight that was taken out."""


def take_weights(graph: Any) -> Taken:
    """Empty the large weights that fusing does not look into, in place.

    Those are tables of embeddings, which become a row (their widths are compared), and matrices whose input no two
    others read: queries, keys and values are joined. No two hold the same then, since equal weights become one.
    """
    readers = Counter(node.input[0] for node in graph.graph.node if node.op_type == "MatMul")
    tables = {node.input[0] for node in graph.graph.node if node.op_type == "Gather"}
    products = {n.input[1] for n in graph.graph.node if n.op_type == "MatMul" and readers[n.input[0]] < 3}
    taken = {}
    for tensor in graph.graph.initializer:
        if tensor.name not in tables | products or len(tensor.dims) != 2 or len(tensor.raw_data) < LARGE:
            continue
        taken[tensor.name] = (tensor.dims[0], tensor.raw_data)
        if tensor.name in tables:
            tensor.dims[0], tensor.raw_data = 1, np.full(tensor.dims[1], len(taken), np.float32).tobytes()
        else:
            tensor.raw_data = tensor.name.encode()
    return taken


def put_weights(graph: Any, taken: Taken) -> None:
    """Fill them in again, in place. Raises ValueError where one is gone that a node still reads."""
    for tensor in graph.graph.initializer:
        if tensor.name in taken:
            tensor.dims[0], tensor.raw_data = taken.pop(tensor.name)
    if lost := taken.keys() & {name for node in graph.graph.node for name in node.input}:
        raise ValueError(f"the optimizer lost the weights {', '.join(sorted(lost))}")
