"""Most memory of export and quantization beside the size of the model, libraries apart.

    python scripts/benchmarks/compress_memory.py RUN [--how int8] [--base]

A tiny model is exported and quantized first, so that all libraries are there, and each weight is read once, since those
of a file become resident then. Told is the most that is resident from then on (VmHWM, reset in between) less what was
resident, in times the model, which counts as one. `--base`: a model of the size of BERT-base with random weights
instead of the run's own.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lmfit.compression.export import export
from lmfit.compression.footprint import peak_bytes
from lmfit.data.framing import Framer
from lmfit.inference.load import load_predictor
from lmfit.machine import give_back_memory
from lmfit.runs import Run
from lmfit.stages.quantize import SPLIT_ATTENTION, maker

BYTES = 4


def resident() -> int:
    """Bytes that are resident now; the most from now on is what VmHWM tells afterwards."""
    give_back_memory()
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def compress(model: Any, framer: Framer, how: str) -> int:
    """Export and quantize; the most bytes that were resident up to the end of the export."""
    with TemporaryDirectory() as folder:
        exported = export(model, framer, Path(folder), attention=how not in SPLIT_ATTENTION)
        most = peak_bytes()
        maker(exported.path, Path(folder) / "quantized.onnx", how, [])([])
    return most


def main() -> None:
    """Print one line for each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--how", default="int8")
    parser.add_argument("--base", action="store_true")
    given = parser.parse_args()
    from transformers import BertConfig, BertForTokenClassification

    predictor = load_predictor(Run(given.run), device="cpu", precision="fp32")
    model, framer = predictor.backend.model, predictor.framer  # type: ignore[attr-defined]
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    compress(BertForTokenClassification(BertConfig(vocab_size=len(framer.tokenizer), **sizes)), framer, given.how)
    if given.base:
        model = BertForTokenClassification(BertConfig(vocab_size=len(framer.tokenizer), num_labels=9))
    size = BYTES * model.num_parameters()
    for weight in model.parameters():
        weight.sum()
    begun = resident() - size
    print(f"model {size / 1e6:.0f} MB; libraries {begun / 1e6:.0f} MB")
    exported = compress(model, framer, given.how)
    print(f"exported: {(exported - begun) / size:.2f} times the model")
    print(f"{given.how}: {(peak_bytes() - begun) / size:.2f} times the model; {peak_bytes() / 1e6:.0f} MB in all")


if __name__ == "__main__":
    main()
