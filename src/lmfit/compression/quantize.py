"""Numbers of fewer bits in an ONNX graph: for speed (int8) or for size (fp16, bf16, int4)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmfit.compression.extremes import on_extremes
from lmfit.data.collate import Batch
from lmfit.inference.onnx import feeds
from lmfit.machine import multiplies_int8_exactly

INT8_OPS = ("MatMul", "Attention", "Gemm", "Gather", "EmbedLayerNormalization")
STATIC_OPS = ("MatMul", "Gemm", "Gather")
_LEAST_STORED = 1024


def quantize_int8(source: Path, target: Path, *, keep: Sequence[str] = (), bits: int | None = None) -> None:
    """Weights per channel and embeddings as 8-bit integers; activations are rounded as they come, per tensor.

    keep: names of nodes that stay in fp32. bits: of weights, 7 or 8; None: 8, but 7 where products of bytes saturate
    (`machine.multiplies_int8_exactly`), so that a file made there answers alike on every processor.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def quantize(source: Path, target: Path) -> None:
        quantize_dynamic(
            str(source),
            str(target),
            op_types_to_quantize=list(INT8_OPS),
            per_channel=True,
            reduce_range=(bits or weight_bits()) == 7,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(keep),
            extra_options=_options(),
        )

    on_extremes(source, target, quantize)


def weight_bits() -> int:
    """Bits of a weight that this processor multiplies without saturation."""
    return 8 if multiplies_int8_exactly() else 7


def quantize_int8_static(source: Path, target: Path, batches: Sequence[Batch], *, keep: Sequence[str] = ()) -> None:
    """As `quantize_int8`, with the range of every activation fixed beforehand, as it is on calibration `batches`."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    inputs = onnx.load(str(source), load_external_data=False).graph.input

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands out the batches one by one."""

        def __init__(self) -> None:
            self.left: Iterator[Batch] = (feeds(inputs, batch) for batch in batches)

        def get_next(self) -> Batch | None:  # type: ignore[override,unused-ignore]
            return next(self.left, None)

    quantize_static(
        str(source),
        str(target),
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(STATIC_OPS),
        per_channel=True,
        reduce_range=weight_bits() == 7,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(keep),
        extra_options=_options(),
    )


def _options() -> dict[str, Any]:
    """Only products with weights; what the fused nodes give is fp32, which ONNX cannot infer of them."""
    import onnx

    return {"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT}


def store_whole(source: Path, target: Path) -> None:
    """All in one file, in fp32."""
    import onnx

    onnx.save(onnx.load(str(source)), str(target))


def store_half(source: Path, target: Path, kind: str) -> None:
    """Weights stored as fp16 or bf16 and made fp32 again when the file is loaded: half the size, the speed of fp32.

    ONNX Runtime has no kernels for either on x86 processors, so nothing would be gained by computing in them.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = onnx.load(str(source))
    stored = TensorProto.FLOAT16 if kind == "fp16" else TensorProto.BFLOAT16
    casts = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _LEAST_STORED:
            continue
        name = tensor.name
        raw = values.astype(np.float16).tobytes() if kind == "fp16" else _bf16(values).tobytes()
        tensor.CopyFrom(helper.make_tensor(f"{name}_{kind}", stored, values.shape, raw, raw=True))
        casts.append(helper.make_node("Cast", [f"{name}_{kind}"], [name], f"{name}_as_fp32", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.save(graph, str(target))


def _bf16(values: np.ndarray) -> np.ndarray:
    """The upper half of each float32, rounded to the nearest, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def divide_logits(path: Path, temperature: float) -> None:
    """Divide the logits of a model file by `temperature`, in place."""
    import onnx
    from onnx import helper, numpy_helper

    graph = onnx.load(str(path))
    for node in graph.graph.node:
        node.output[:] = ["undivided" if name == "logits" else name for name in node.output]
    graph.graph.initializer.append(numpy_helper.from_array(np.array(1 / temperature, np.float32), "temperature"))
    graph.graph.node.append(helper.make_node("Mul", ["undivided", "temperature"], ["logits"], "calibrate"))
    onnx.save(graph, str(path))
