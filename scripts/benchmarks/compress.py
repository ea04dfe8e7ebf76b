"""Speed, size and score of a model in PyTorch and ONNX, fp32 and int8, at the lengths of its own test rows.

    python scripts/benchmarks/compress.py --run runs/ner [--texts runs/sst2] [--base] [--rounds 5] [--limit 1000]

Every engine is timed in turn within each round, so that what else the machine does meets all of them alike. Figures are
medians over rounds; ratios are medians of the ratios within rounds, with their range. What is told are CPU seconds, so
run it with OMP_NUM_THREADS=1: then they are what a quiet machine would take on one thread. `--base` adds a model of the
size of BERT-base with random weights; `--texts` a run of text classification, beside mean token vectors with logistic
regression. torchao is measured where it is installed. `--limit`: test rows that are scored; few make it a try (`--limit
20 --rounds 1`), whose figures mean nothing.
"""

import argparse
import copy
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from lmfit.compression.export import export
from lmfit.compression.quantize import quantize_int8
from lmfit.config.load import load_run_config
from lmfit.data.collate import Batch
from lmfit.data.rows import Row
from lmfit.data.sources import load_splits
from lmfit.evaluation.pairs import difference
from lmfit.inference.backends import TorchBackend
from lmfit.inference.load import load_predictor
from lmfit.inference.onnx import OnnxBackend
from lmfit.inference.predictor import Predictor
from lmfit.machine import cpu_flags, cpu_threads, processor_name
from lmfit.runs import Run
from lmfit.tasks.base import Stats

Engine = Callable[[Batch], Any]
SINGLE, BATCH = 60, 32
REFERENCE = "torch fp32"


def widened(path: Path) -> Any:
    """A session that turns signed weights into unsigned ones where products of bytes would saturate."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = cpu_threads(), 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Widened(OnnxBackend):
    """An ONNX backend with the session option `session.x64quantprecision`."""

    def __init__(self, path: Path) -> None:
        self._session = widened(path)


def backends(predictor: Predictor, folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """Every engine by name, and the files of those in ONNX."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    torch_backend: Any = predictor.backend
    model = torch_backend.model
    started = time.process_time()
    exported = export(model, predictor.framer, folder)
    middle = time.process_time()
    files = {"ORT fp32": folder / "plain.onnx", "ORT fp32, fused": exported.path}
    files["ORT int8, fused (lmfit)"] = folder / "ours.onnx"
    quantize_int8(exported.path, files["ORT int8, fused (lmfit)"])
    print(f"export {middle - started:.1f} s, quantization {time.process_time() - middle:.1f} s")
    print(f"attention fused in {exported.attention} of {exported.layers} layers")
    files["ORT int8, default export"] = folder / "default.onnx"
    quantize_dynamic(str(folder / "plain.onnx"), str(folder / "default.onnx"), weight_type=QuantType.QInt8)
    quantize_int8(exported.path, folder / "full.onnx", bits=8)
    files["ORT int8, fused, 8-bit weights"] = folder / "full.onnx"
    files["the same, widened"] = folder / "full.onnx"
    found: dict[str, Any] = {REFERENCE: torch_backend}
    device = torch_backend._device
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if hasattr(torch, "ao") and hasattr(torch.ao.quantization, "quantize_dynamic"):
            dynamic = torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8)
            found["torch dynamic int8"] = TorchBackend(dynamic, device)
        if find_spec("torchao") is not None:
            found["torchao int8, eager"] = TorchBackend(with_torchao(model), device)
    for name, path in files.items():
        found[name] = Widened(path) if name.endswith("widened") else OnnxBackend(path)
    return found, files


def _bytes(path: Path) -> int:
    """Of a graph, with the weights beside it."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.stem}.*"))


def with_torchao(model: Any) -> Any:
    """The model with linear layers quantized by torchao."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    quantized = copy.deepcopy(model)
    quantize_(quantized, Int8DynamicActivationInt8WeightConfig())
    return quantized


def timed(engines: Mapping[str, Any], batches: Sequence[Batch], rounds: int) -> dict[str, list[float]]:
    """Milliseconds a row of each engine in each round."""
    rows = sum(len(batch["input_ids"]) for batch in batches)
    for backend in engines.values():
        backend.logits(batches[0])
    found: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, backend in engines.items():
            started = time.process_time()
            for batch in batches:
                backend.logits(batch)
            found[name].append(1000 * (time.process_time() - started) / rows)
    return found


def speed_table(title: str, predictor: Predictor, rows: list[Row], folder: Path, rounds: int) -> dict[str, Any]:
    """Print the table of one model; returns its engines."""
    engines, files = backends(predictor, folder)
    ordered = sorted(rows, key=len)
    single = [ordered[int(i)] for i in np.linspace(0, len(ordered) - 1, SINGLE)]
    many = [ordered[int(i)] for i in np.linspace(0, len(ordered) - 1, 4 * BATCH)]
    collate = predictor.task.collate
    ones = [collate([row], predictor.framer) for row in single]
    batches = [collate(many[i : i + BATCH], predictor.framer) for i in range(0, len(many), BATCH)]
    alone, together = timed(engines, ones, rounds), timed(engines, batches, rounds)
    lengths = np.percentile([len(row) for row in rows], (50, 95))
    print(f"\n{title}; tokens a row: median {lengths[0]:.0f}, 95 % below {lengths[1]:.0f}; {rounds} rounds\n")
    print("| engine | batch 1, ms a row | faster | batch 32, ms a row | faster | file, MB |")
    print("|---|---|---|---|---|---|")
    for name in engines:
        size = f"{_bytes(files[name]) / 1e6:.1f}" if name in files else ""
        cells = [cell for times in (alone, together) for cell in (f"{np.median(times[name]):.2f}", ratio(times, name))]
        print(f"| {name} | {' | '.join(cells)} | {size} |")
    return engines


def ratio(times: Mapping[str, Sequence[float]], name: str) -> str:
    """How many times faster than PyTorch in fp32: the median over rounds, and the range."""
    found = np.array(times[REFERENCE]) / np.array(times[name])
    return f"{np.median(found):.2f}x ({found.min():.2f}-{found.max():.2f})"


def score_table(predictor: Predictor, engines: Mapping[str, Any], examples: list[Any]) -> None:
    """The headline metric of each engine on the same rows, and its difference from PyTorch in fp32."""
    print(f"\n{len(examples):,} test rows\n\n| engine | score | difference [95 %] |\n|---|---|---|")
    first = None
    for name, backend in engines.items():
        if name.startswith(("torch dynamic", "ORT fp32")):
            continue
        one = Predictor(backend, predictor.task, predictor.framer)
        one.quick = False
        scores = predictor.task.score(one.stream(examples), resamples=1000, seed=13)
        first = first or scores
        gap = difference(scores.headline, [scores.units], [first.units], 1000, 13)
        within = f"{gap.value:+.4f}" + ("" if gap.low is None else f" [{gap.low:+.4f}, {gap.high:+.4f}]")
        print(f"| {name} | {scores.metrics[scores.headline]['value']:.4f} | {'' if one.backend is None else within} |")


def measure_run(path: Path, rounds: int, limit: int, *, static: bool) -> None:
    """Both tables of a finished run, with the baseline of mean token vectors for texts."""
    run = Run(path)
    predictor = load_predictor(run, device="cpu", precision="fp32")
    splits = load_splits(load_run_config(run).config.data, predictor.task.example_kind)
    chosen = spread(list(splits.test or splits.validation or splits.train), limit)
    rows = [row for one in predictor.task.encode(chosen, predictor.framer, Stats()) for row in one.rows]
    with TemporaryDirectory() as folder:
        engines = speed_table(path.name, predictor, rows, Path(folder), rounds)
        score_table(predictor, engines, chosen)
    if static:
        static_baseline(predictor, spread(list(splits.train), 20 * limit), chosen)


def spread(examples: list[Any], count: int) -> list[Any]:
    """At most `count` of them, evenly over all."""
    return examples[:: max(1, len(examples) // count)][:count]


def static_baseline(predictor: Predictor, train: list[Any], test: list[Any]) -> None:
    """What is given up for speed: the mean of the model's own token vectors, and logistic regression on it."""
    from sklearn.linear_model import LogisticRegression

    table = predictor.backend.model.get_input_embeddings().weight.detach().numpy()  # type: ignore[attr-defined]

    def features(texts: list[str]) -> np.ndarray:
        return np.stack([table[ids or [0]].mean(axis=0) for ids in predictor.framer.encode_texts(texts)])

    model = LogisticRegression(max_iter=1000).fit(features([e.text for e in train]), [str(e.label) for e in train])
    texts = [example.text for example in test]
    started = time.process_time()
    answers = model.predict(features(texts))
    together = 1000 * (time.process_time() - started) / len(texts)
    started = time.process_time()
    for text in texts[:SINGLE]:
        model.predict(features([text]))
    alone = 1000 * (time.process_time() - started) / SINGLE
    right = np.mean(answers == np.array([str(example.label) for example in test]))
    print(f"\nmean token vectors + logistic regression ({len(train):,} training rows): accuracy {right:.4f}, ", end="")
    print(f"{alone:.3f} ms a row alone, {together:.3f} ms together, tokenising included")


def measure_base(rounds: int, like: Predictor, rows: list[Row]) -> None:
    """A model of the size of BERT-base with random weights, on the same rows."""
    from transformers import BertConfig, BertForTokenClassification

    size = like.framer.backend.get_vocab_size()
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(vocab_size=size, num_labels=9)).eval()
    device: Any = like.backend._device  # type: ignore[attr-defined]
    predictor = Predictor(TorchBackend(model, device), like.task, like.framer)
    with TemporaryDirectory() as folder:
        speed_table("size of BERT-base, random weights", predictor, rows, Path(folder), rounds)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--base", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=1000)
    given = parser.parse_args()
    print(f"{processor_name()} ({', '.join(cpu_flags())}), {cpu_threads()} threads")
    measure_run(given.run, given.rounds, given.limit, static=False)
    if given.texts is not None:
        measure_run(given.texts, given.rounds, given.limit, static=True)
    if given.base:
        run = Run(given.run)
        predictor = load_predictor(run, device="cpu", precision="fp32")
        splits = load_splits(load_run_config(run).config.data, predictor.task.example_kind)
        chosen = list(splits.test or splits.train)[: given.limit]
        rows = [row for one in predictor.task.encode(chosen, predictor.framer, Stats()) for row in one.rows]
        measure_base(max(2, given.rounds // 2), predictor, rows)


if __name__ == "__main__":
    main()
