"""A PyTorch model as an ONNX file with fused attention, layer norm and GELU.

Attention in plain matrix products, traced by the TorchScript exporter and joined by ONNX Runtime's own optimizer, is
the only path whose attention is fused today; where fusion changes answers, or is not known for an architecture, the
plain graph is taken, and that is said.
"""

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lmfit.compression.hollow import Weights, stand_in, write
from lmfit.compression.quiet import quiet
from lmfit.compression.trace import OPSET, masking, trace
from lmfit.data.collate import Batch
from lmfit.data.framing import Framer
from lmfit.errors import InputError, MissingExtra
from lmfit.inference.onnx import open_session, run_session
from lmfit.machine import give_back_memory
from lmfit.models.freeze import layers_of
from lmfit.models.modeling_pruned import blocks_of
from lmfit.tasks.tensors import forward, tensors

TOLERANCE = 1e-4
_SHAPES = ((2, 9), (3, 17), (1, 5))


@dataclass(frozen=True)
class Exported:
    """What became of the graph. attention: fused nodes, of `layers` that attend; why: why it is not fused."""

    path: Path
    attention: int
    layers: int
    why: str = ""

    @property
    def fused(self) -> bool:
        """Whether every layer's attention is one node."""
        return self.attention == self.layers

    def as_dict(self) -> dict[str, Any]:
        """For run.json."""
        return {"opset": OPSET, "fused_attention": self.attention, "layers": self.layers, "why": self.why or None}


def need_onnx(feature: str) -> None:
    """Raises MissingExtra where the extra `onnx` is not installed."""
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        raise MissingExtra(feature, "onnx")


def export(model: Any, framer: Framer, folder: Path, *, attention: bool = True, embeddings: bool = True) -> Exported:
    """Write `model` (in evaluation mode afterwards) as folder/fused.onnx, or plain.onnx where it cannot be fused.

    attention: whether attention and embeddings become one node each, too; embeddings=False: attention alone. Batch size
    and length stay free. Answers are checked against PyTorch at shapes that the tracing has not seen.
    Raises InputError where the architecture cannot be exported.
    """
    model.eval()
    plain, layers = folder / "plain.onnx", _attending(model)
    tokens = min(framer.backend.get_vocab_size(), len(model.get_input_embeddings().weight))
    batches = [_batch(framer, tokens, *shape) for shape in _SHAPES]
    with quiet():
        graph, aside = _trace_alike(model, batches, plain)
        give_back_memory()
        path, why = folder / "fused.onnx", ""
        try:
            found = _fuse(graph, aside, path, attention=attention, embeddings=embeddings)
            if not _agrees(model, path, batches):
                why = "fusion changes its answers"
        except Exception as error:  # the optimizer raises whatever it meets in graphs that it does not know
            why = f"ONNX Runtime cannot fuse it ({type(error).__name__})"
        give_back_memory()
    if why:
        return Exported(plain, 0, layers, why)
    if attention and found < layers:
        why = f"ONNX Runtime does not know the attention of {layers - found} layers"
    return Exported(path, found, layers, why)


def _attending(model: Any) -> int:
    """Layers that attend: pruning can take all heads of one."""
    try:
        return sum(block.part == "heads" and block.units > 0 for block in blocks_of(model))
    except ValueError:
        return len(layers_of(model))


def _trace_alike(model: Any, batches: list[Batch], path: Path) -> tuple[Any, Weights]:
    """Trace with a mask that every version of the optimizer knows, else with the model's own, and write it to `path`.

    The graph and its weights that stand aside. Raises InputError where neither can be traced and answers as PyTorch.
    """
    what = f"{type(model).__name__} does not answer alike after its export to ONNX"
    failure = InputError(what, fix="keep it in PyTorch; BERT, RoBERTa, DistilBERT, ELECTRA and their like can be")
    for kind in (masking(model), nullcontext()):
        try:
            traced = trace(model, batches[0], kind)
        except InputError as error:
            failure = error
            continue
        aside = stand_in(traced.graph, traced.weights)
        write(traced.graph, aside, path)
        if _agrees(model, path, batches):
            return traced.graph, aside
    raise failure


def _fuse(graph: Any, aside: Weights, path: Path, *, attention: bool, embeddings: bool) -> int:
    """Write the fused graph; the number of fused attention nodes. `graph` is empty afterwards, which saves memory."""
    import onnx
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    told = path.with_name("told.onnx")
    _tell_heads(graph)
    onnx.save(graph, str(told))
    graph.Clear()
    give_back_memory()
    options = FusionOptions("bert")
    options.enable_attention, options.enable_embed_layer_norm = attention, attention and embeddings
    options.enable_skip_layer_norm = options.enable_bias_skip_layer_norm = options.enable_bias_gelu = False
    fused = optimizer.optimize_model(
        str(told), model_type="bert", num_heads=0, hidden_size=0, opt_level=0, optimization_options=options
    )
    _keep_sums(fused.model)
    fused.save_model_to_file(str(told))
    del fused
    give_back_memory()
    graph = onnx.load(str(told))
    write(graph, aside, path)
    return Counter(node.op_type for node in graph.graph.node)["Attention"]


def _keep_sums(graph: Any) -> None:
    """Write the sum before each layer norm as `Sum`, in place, since the runtime makes one node of `Add` and the norm.

    That node (SkipLayerNormalization) takes about five times as long on a CPU as the two; a product takes a bias for
    nothing, GELU does not.
    """
    made = {output: node for node in graph.graph.node for output in node.output}
    for node in graph.graph.node:
        before = made.get(node.input[0]) if node.op_type == "LayerNormalization" else None
        if before is not None and before.op_type == "Add":
            before.op_type = "Sum"


def _tell_heads(graph: Any) -> None:
    """Write each layer's number of heads where the graph says -1: the optimizer reads it there.

    The heads of a layer are the outputs of its projection, divided by the size of one head; layers may differ.
    """
    from onnx import numpy_helper

    made = {output: node for node in graph.graph.node for output in node.output}
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}

    def constant(name: str) -> np.ndarray | None:
        if name in weights:
            return np.asarray(numpy_helper.to_array(weights[name]))
        node = made.get(name)
        value = node.attribute[0].t if node is not None and node.op_type == "Constant" else None
        return None if value is None else np.asarray(numpy_helper.to_array(value))

    for node in list(graph.graph.node):
        shape = made.get(node.input[1]) if node.op_type == "Reshape" else None
        if shape is None or shape.op_type != "Concat" or len(shape.input) != 4:
            continue
        heads, size = constant(shape.input[2]), constant(shape.input[3])
        width = _width(made, weights, node.input[0])
        if heads is not None and size is not None and width and heads.ravel()[0] == -1 and size.size == 1:
            name = f"{shape.name}_heads"
            graph.graph.initializer.append(numpy_helper.from_array(np.array([width // int(size.ravel()[0])]), name))
            shape.input[2] = name


def _width(made: dict[str, Any], weights: dict[str, Any], name: str) -> int:
    """The outputs of the projection that makes a tensor, 0 where it is none."""
    node = made.get(name)
    if node is not None and node.op_type == "Add":
        node = next((made[n] for n in node.input if n in made and made[n].op_type == "MatMul"), None)
    if node is None or node.op_type != "MatMul" or node.input[1] not in weights:
        return 0
    return int(weights[node.input[1]].dims[-1])


def _batch(framer: Framer, tokens: int, rows: int, length: int) -> Batch:
    """Any token ids below `tokens`, the last row padded."""
    ids = np.random.default_rng(rows).integers(0, tokens, (rows, length))
    mask = np.ones_like(ids)
    mask[-1, length // 2 + 1 :] = 0
    batch = {"input_ids": np.where(mask, ids, framer.pad_id), "attention_mask": mask}
    return batch | ({"token_type_ids": np.zeros_like(ids)} if framer.uses_types else {})


def _agrees(model: Any, path: Path, batches: list[Batch]) -> bool:
    """Whether a graph answers as PyTorch does, where tokens are not padding, up to rounding."""
    session = open_session(path)
    for batch in batches:
        with torch.inference_mode():
            wanted = forward(model, tensors(batch)).numpy()
        found = run_session(session, batch)
        seen = batch["attention_mask"] > 0 if wanted.ndim == 3 else slice(None)
        if np.abs(found - wanted)[seen].max() > TOLERANCE * max(1.0, float(np.abs(wanted[seen]).max())):
            return False
    return True
