"""Trimmed vocabularies and training-free pruning of a finished run: F1, bytes and latency beside the parent's.

    python scripts/benchmarks/prune.py RUN [--rows 1000] [--sparsity 0.3 0.5] [--reserve 3000]

F1 on the first ROWS test rows; latency: one thread of PyTorch, batch 1 at the median length of the training rows,
parent and child in turn, median of the ratios.
"""

import argparse
import copy
import itertools
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lmfit.compression.latency import torch_runner
from lmfit.compression.prune import full_cost, prune, weight_costs
from lmfit.compression.vocabulary import changed, choose, trim_embeddings, trim_tokenizer
from lmfit.config.load import load_config
from lmfit.data.framing import Framer
from lmfit.data.sources import load_splits
from lmfit.device import pick_device
from lmfit.inference.backends import TorchBackend
from lmfit.inference.load import load_predictor
from lmfit.inference.predictor import Predictor
from lmfit.runs import Run
from lmfit.stages.prepare import tokenised
from lmfit.stages.training import TaskObjective
from lmfit.tasks.tensors import model_inputs

ROUNDS = 60


def main() -> None:
    """Print one row for each model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--sparsity", type=float, nargs="*", default=[0.3, 0.5])
    parser.add_argument("--reserve", type=int, nargs="*", default=[3000])
    parser.add_argument("--parent", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--calibration", type=int, default=256)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    run = Run(asked.run)
    predictor = load_predictor(run, device="cpu", precision="fp32")
    splits = load_splits(load_config("finetune", run.config).config.data, predictor.task.example_kind)
    test = list(itertools.islice(splits.test or (), asked.rows))
    rows = tokenised(predictor.task, predictor.framer, splits.train)
    bench = Bench(predictor, rows, test)
    if splits.validation is not None:
        bench.used = np.union1d(
            bench.used, tokenised(predictor.task, predictor.framer, splits.validation).distinct("input_ids")
        )
    if asked.parent:
        bench.tell("parent", predictor.backend.model, predictor.framer, 0.0)
    for reserve in asked.reserve:
        bench.trim(reserve)
    for sparsity in asked.sparsity:
        bench.prune(sparsity, asked.calibration)


class Bench:
    """The parent, its training rows and the test rows."""

    def __init__(self, predictor: Any, rows: Any, test: list[Any]) -> None:
        self.parent, self.task, self.framer = predictor.backend.model, predictor.task, predictor.framer
        self.rows, self.test, self.used = rows, test, rows.distinct("input_ids")

    def tell(self, name: str, model: Any, framer: Framer, seconds: float) -> None:
        """One row."""
        predictor = Predictor(TorchBackend(model, pick_device("cpu")), self.task, framer)
        predictor.quick = False
        scores = self.task.score(predictor.stream(self.test), resamples=0, seed=1)
        value = scores.metrics[scores.headline]["value"]
        ratio = statistics.median(self.ratios(model))
        size = model.num_parameters() * 4 / 1e6
        print(f"| {name} | {value:.4f} | {size:.1f} MB | {ratio:.2f}x | {seconds:.1f} s CPU |", flush=True)

    def ratios(self, model: Any) -> list[float]:
        """Milliseconds of the parent / milliseconds of the model, call by call."""
        length = int(np.median(self.rows.lengths))
        ids = torch.full((1, length), 5)
        run = torch_runner(model_inputs({"input_ids": ids, "attention_mask": torch.ones_like(ids)}))
        parent, child = run(self.parent), run(model)
        return [_time(parent) / _time(child) for _ in range(ROUNDS)]

    def trim(self, reserve: int) -> None:
        """The vocabulary of training and validation text, characters and `reserve` frequent tokens."""
        started = time.process_time()
        trimming = choose(self.framer.tokenizer, self.parent.config, self.used, reserve)
        framer = Framer(trim_tokenizer(self.framer.tokenizer, trimming), self.framer.max_length, self.framer.overflow)
        model = copy.deepcopy(self.parent)
        trim_embeddings(model, trimming)
        seconds = time.process_time() - started
        print(changed(self.task, self.test, self.framer, framer, trimming), flush=True)
        self.tell(f"trimmed, {len(trimming.kept):,} tokens", model, framer, seconds)

    def prune(self, sparsity: float, count: int) -> None:
        """Reconstruction scores and refit on `count` training rows."""
        drawn = np.random.default_rng(0).permutation(len(self.rows))[:count]
        order = drawn[np.argsort(self.rows.lengths[drawn])]
        objective = TaskObjective(self.task, self.framer)
        batches = [objective.collate([self.rows[int(i)] for i in order[k : k + 32]]) for k in range(0, len(order), 32)]
        model, costs = copy.deepcopy(self.parent), weight_costs(self.parent)
        started = time.process_time()
        budget = full_cost(model, costs) * (1 - sparsity)
        cut = prune(model, objective, batches, costs=costs, budget=budget)
        seconds = time.process_time() - started
        print([layer["after"] for layer in cut.layers], flush=True)
        self.tell(f"pruned by {sparsity:.0%}", model, self.framer, seconds)


def _time(act: Any) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


if __name__ == "__main__":
    main()
