"""Most memory of export and quantization, in a process of its own, beside the size of the model.

    python scripts/benchmarks/compress_memory.py RUN [--how int8]

Told are VmHWM with the libraries imported, with the model loaded, after the export and after the quantization; what
export and quantization take is the last less the first (it holds the model itself).
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from lmfit.compression.certificate import size_of
from lmfit.compression.export import export
from lmfit.compression.footprint import peak_bytes
from lmfit.inference.load import load_predictor
from lmfit.runs import Run
from lmfit.stages.quantize import SPLIT_ATTENTION, maker


def main() -> None:
    """Print one line for each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--how", default="int8")
    given = parser.parse_args()
    import onnxruntime.quantization  # noqa: F401
    import transformers.models.auto.modeling_auto  # noqa: F401

    run = Run(given.run)
    size, begun = size_of(run.model), peak_bytes()
    print(f"model {size / 1e6:.0f} MB; libraries {begun / 1e6:.0f} MB")
    predictor = load_predictor(run, device="cpu", precision="fp32")
    print(f"model loaded: {(peak_bytes() - begun) / size:.2f} times the model")
    with TemporaryDirectory() as folder:
        model = predictor.backend.model  # type: ignore[attr-defined]
        exported = export(model, predictor.framer, Path(folder), attention=given.how not in SPLIT_ATTENTION)
        print(f"exported: {(peak_bytes() - begun) / size:.2f} times the model")
        maker(exported.path, Path(folder) / "quantized.onnx", given.how, [])([])
        print(f"{given.how}: {(peak_bytes() - begun) / size:.2f} times the model; {peak_bytes() / 1e6:.0f} MB in all")


if __name__ == "__main__":
    main()
