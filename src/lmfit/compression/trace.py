"""A PyTorch model as a graph in ONNX that is given its weights by name: they stay in the model, nothing is copied."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from lmfit.compression.hollow import Weights, names_of
from lmfit.data.collate import Batch
from lmfit.errors import InputError
from lmfit.models.freeze import encoder_of
from lmfit.tasks.base import model_inputs
from lmfit.tasks.tensors import forward, tensors

OPSET = 17


@dataclass(frozen=True)
class Traced:
    """graph: an onnx.ModelProto whose nodes read weights that it does not hold; weights: those, as they are read."""

    graph: Any
    weights: Weights


def trace(model: Any, batch: Batch, masking: AbstractContextManager[None]) -> Traced:
    """Trace inside `masking`; batch size and length stay free. Raises InputError where the code cannot be traced."""
    import onnx

    inputs = model_inputs(tensors(batch))
    axes = {name: {0: "batch", 1: "length"} for name in inputs}
    by_token = forward(model, inputs).dim() == 3
    axes["logits"] = {0: "batch", 1: "length"} if by_token else {0: "batch"}
    named, before = _Logits(model, list(inputs)).eval(), model.config._attn_implementation
    try:
        model.set_attn_implementation("eager")
        with masking, TemporaryDirectory(prefix="lmfit-") as folder:
            path = Path(folder) / "traced.onnx"
            torch.onnx.export(
                named,
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=["logits"],
                dynamic_axes=axes,
                opset_version=OPSET,
                export_params=False,
                do_constant_folding=False,
                dynamo=False,
            )
            graph = onnx.load(str(path))
    except (RuntimeError, ValueError, TypeError, NotImplementedError, torch.onnx.errors.OnnxExporterError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        fix = "keep it in PyTorch, or use an architecture such as BERT, RoBERTa, DistilBERT or ELECTRA"
        raise InputError(f"{type(model).__name__} cannot be exported to ONNX: {first}", fix=fix) from None
    finally:
        model.set_attn_implementation(before)
    held = dict(named.named_buffers(remove_duplicate=False)) | dict(named.named_parameters(remove_duplicate=False))
    return Traced(graph, _folded(graph, {name: tensor.detach() for name, tensor in held.items()}, list(inputs)))


@contextmanager
def masking(model: Any) -> Iterator[None]:
    """Inside the block the encoder is given what is to be added to scores of attention: (B, 1, L, L), 0 or the lowest.

    Written as transformers 4 did, which every optimizer knows. transformers takes masks of four dimensions as they are;
    what it makes of (B, L) itself is a graph whose attention ONNX Runtime 1.30 does not fuse, and 1.32 does.
    """

    def add(_: Any, arguments: Any, named: dict[str, Any]) -> Any:
        mask = named.get("attention_mask")
        if mask is None or mask.dim() != 2:
            return None
        rows, length = mask.shape
        hidden = 1.0 - mask[:, None, None, :].expand(rows, 1, length, length).to(torch.float32)
        away = hidden.masked_fill(hidden.to(torch.bool), torch.finfo(torch.float32).min)
        return arguments, {**named, "attention_mask": away}

    handle = encoder_of(model).register_forward_pre_hook(add, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


class _Logits(torch.nn.Module):
    """A model that takes its inputs by position and gives logits alone."""

    def __init__(self, model: Any, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.model(**dict(zip(self.names, inputs, strict=True))).logits


def _folded(graph: Any, held: Weights, inputs: Sequence[str]) -> Weights:
    """Compute in place what depends on constants alone; the weights as they are read then, transposed where they were.

    The exporter folds constants as well, but holds copies of all weights while it does.
    """
    from onnx import numpy_helper

    weights = {one.name: held[one.name] for one in graph.graph.input if one.name not in inputs}
    _replace(graph.graph.input, [one for one in graph.graph.input if one.name in inputs])
    constants: dict[str, np.ndarray] = {}
    nodes = []
    for node in graph.graph.node:
        if node.op_type == "Transpose" and node.input[0] in weights and weights[node.input[0]].dim() == 2:
            weights[node.output[0]] = weights[node.input[0]].T
        elif (found := _computed(node, constants)) is not None:
            constants |= found
        else:
            nodes.append(node)
    _replace(graph.graph.node, nodes)
    read = names_of(graph.graph)
    graph.graph.initializer.extend(numpy_helper.from_array(constants[name], name) for name in read & constants.keys())
    return {name: weights[name] for name in weights if name in read}


def _computed(node: Any, constants: dict[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    """What a node gives where it reads constants alone, and can be computed here; else None."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    if node.op_type != "Constant" and not node.input:
        return None
    if node.domain or any(name not in constants for name in node.input) or any(a.HasField("g") for a in node.attribute):
        return None
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    inputs = [helper.make_empty_tensor_value_info(name) for name in node.input]
    alone = helper.make_model(
        helper.make_graph([node], "constant", inputs, outputs), opset_imports=[helper.make_opsetid("", OPSET)]
    )
    try:
        found = ReferenceEvaluator(alone).run(None, {name: constants[name] for name in node.input})
    except Exception:  # it raises whatever it meets; what is not computed here is left to the runtime
        return None
    return {name: np.asarray(one) for name, one in zip(node.output, found, strict=True)}


def _replace(field: Any, entries: Sequence[Any]) -> None:
    """Entries instead of those of a repeated field, in place."""
    kept = list(entries)
    del field[:]
    field.extend(kept)
