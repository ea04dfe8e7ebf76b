"""How much of the machine's own matrix-product rate a training step reaches, and where the rest of its time goes.

    OMP_NUM_THREADS=1 python scripts/benchmarks/step_share.py --steps 20 --profile 12

Model FLOPs are those of real (non-padding) tokens: 6 per weight of the layers' matrices and token, embedding tables
left out, and 12 d L for the attention of a token in a row of L tokens (as llm-foundry counts). The peak is the best of
several products of the step's own kind, in its precision and with its threads. Both are measured in CPU time where one
thread computes (so that other work on the machine does not count), else in wall time; peak and steps take turns.
Loading is reading and collating rows, beside the step's whole time; the warm start finds its rows in the cache.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from lmfit.config.load import load_config
from lmfit.device import Device, pick_device
from lmfit.models.freeze import layers_of
from lmfit.stages.prepare import prepare
from lmfit.stages.training import build_model, in_training_form, make_trainer
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.trainer import Trainer

PRODUCTS = ((1024, 1024, 1024), (2048, 2048, 2048), (768, 384, 384), (768, 384, 1536), (768, 1536, 384))
"""Sizes (m, k, n) of the products that the peak is the best of: large squares, and those of MiniLM's layers."""


def clock() -> float:
    """CPU seconds of this process where one thread computes, else wall seconds."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def seconds(work: Callable[[], object], least: float = 0.05) -> float:
    """Seconds of one call: the mean over as many as take `least` seconds."""
    started, calls = clock(), 0
    while clock() - started < least:
        work()
        calls += 1
    return (clock() - started) / calls


def peak(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP/s of the fastest of PRODUCTS."""
    best = 0.0
    for m, k, n in PRODUCTS:
        a, b = (torch.randn(shape, dtype=dtype, device=device) for shape in ((m, k), (k, n)))
        best = max(best, 2 * m * k * n / seconds(lambda a=a, b=b: torch.mm(a, b)))  # type: ignore[misc]
    return best


def model_flops(model: Any, lengths: Iterable[int]) -> float:
    """FLOPs of training on rows of these real lengths, forward and backward.

    Biases, normalisation, and heads that read one token a row are left out, too: together below 1 %.
    """
    layers, hidden = layers_of(model), model.config.hidden_size
    weights = sum(p.numel() for layer in layers for p in layer.parameters() if p.ndim == 2)
    return float(sum(6 * weights * length + 12 * len(layers) * hidden * length**2 for length in lengths))


@dataclass(frozen=True)
class Step:
    """FLOP/s of the machine, of the step's real tokens and with padding counted; seconds, and those of loading."""

    peak: float
    real: float
    padded: float
    seconds: float
    loading: float


def measure(trainer: Trainer, steps: int, dtype: torch.dtype) -> list[Step]:
    """Steps, behind two to warm up."""
    found: list[Step] = []
    for number in range(steps + 2):
        lengths = [int(n) for n in trainer.plan.lengths[trainer.plan.batch(number)]]
        best = peak(dtype, trainer.device.torch_device) if number % 4 == 2 or not found else found[-1].peak
        loading = seconds(lambda n=number: trainer.micro_batches(n), 0.01)  # type: ignore[misc]
        started = clock()
        trainer.step(number)
        took = clock() - started
        real = model_flops(trainer.model, lengths)
        padded = model_flops(trainer.model, [max(lengths)] * len(lengths))
        found.append(Step(best, real / took, padded / took, took, loading))
    return found[2:]


def conll(data: Path, batch: int, folder: Path) -> list[str]:
    """Words of a config: the first sentences of CoNLL-2003, about 1,500."""
    with open(data / "conll2003" / "eng.train") as file:
        (folder / "few.txt").write_text("".join(itertools.islice(file, 22_000)))
    where = f"format: conll, train: {folder / 'few.txt'}, columns: {{tokens: 0, labels: 3}}"
    return ["task=token-classification", f"data={{{where}}}", "training.epochs=1", f"training.batch_size={batch}"]


def main() -> None:
    """Print the share, and where the time of the steps goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--profile", type=int, default=0, help="Operators shown, by their own CPU time.")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    parser.add_argument("words", nargs="*", help="Overrides, e.g. training.packing=on")
    asked = parser.parse_args()
    device = pick_device("cpu")
    dtype = torch.float32 if device.precision == "fp32" else device.autocast_dtype
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "share.yaml"
        path.write_text("model: minilm-l6\n")
        config = load_config("finetune", path, [*conll(asked.data, asked.batch, path.parent), *asked.words]).config
        prepare(config)
        started, cpu = time.perf_counter(), time.process_time()
        prepared = prepare(config)
        model = build_model(prepared, device, resumed=False)
        with in_training_form(prepared, model, device):
            trainer = make_trainer(prepared, model, device, Checkpoints(path.parent / "checkpoints", 1))
            trainer.micro_batches(0)
            took = f"{time.perf_counter() - started:.2f} s (CPU {time.process_time() - cpu:.2f} s)"
            print(f"first batch of a warm start, imports not counted: {took}")
            tell(measure(trainer, asked.steps, dtype), device)
            if asked.profile:
                with profile(activities=[ProfilerActivity.CPU]) as seen:
                    for number in range(asked.steps + 2, asked.steps + 5):
                        trainer.step(number)
                print(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=asked.profile))


def tell(steps: list[Step], device: Device) -> None:
    """The shares: median [least, most]."""
    best = statistics.median(step.peak for step in steps)
    print(f"{device.name}, {device.precision}, {device.threads} threads; peak {best / 1e9:.1f} GFLOP/s")
    shares = {
        "share of the peak, real tokens": [step.real / step.peak for step in steps],
        "share of the peak, padding counted": [step.padded / step.peak for step in steps],
        "loading, share of the step": [step.loading / step.seconds for step in steps],
    }
    for name, values in shares.items():
        print(f"{name}: {statistics.median(values):.1%} [{min(values):.1%}, {max(values):.1%}]")


if __name__ == "__main__":
    main()
