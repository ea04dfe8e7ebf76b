"""Does cost grow as the work does? Time and memory for 1x, 10x, 100x the sentences and rows of 32 to 2,048 tokens.

    OMP_NUM_THREADS=1 python scripts/benchmarks/scaling.py --rows 200

Sentences: `lmfit finetune` on a CSV of made-up texts (scratch-characters, one epoch, a tenth held out). Lengths: steps
of 8,192 tokens each, of a random BERT (2 layers of 128, 2,048 positions), in micro-batches of at most 2,048 tokens.
Each line is measured in a fresh process, in CPU seconds and in memory taken beyond what it began with.
"""

import argparse
import csv
import multiprocessing
import random
import resource
import string
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lmfit.config.training import TrainingConfig
from lmfit.data.collate import pad
from lmfit.data.rows import Row, Rows
from lmfit.device import memory_in_use, pick_device
from lmfit.models.quick_dropout import quick_dropout
from lmfit.tasks.tensors import Tensors, tensors
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.trainer import Trainer

STEP_TOKENS, MICRO_TOKENS, STEPS = 8192, 2048, 4
LENGTHS = (32, 128, 512, 2048)
PRELOADED = ["transformers.models.bert.modeling_bert", "sklearn.linear_model", "lmfit.stages.finetune", "lmfit"]


class Classes:
    """The trainer's objective: two classes of rows."""

    def collate(self, rows: Sequence[Row]) -> Tensors:
        """Padded tensors."""
        return tensors(pad(rows, {}))

    def targets(self, batch: Tensors) -> float:
        """One a row."""
        return float(len(batch["target"]))

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """Summed cross entropy."""
        return torch.nn.functional.cross_entropy(logits, batch["target"].long(), reduction="sum")


def steps_of_length(length: int) -> dict[str, float]:
    """CPU milliseconds per thousand tokens, and MB taken, of training on rows of `length` tokens."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    size = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}
    model = BertForSequenceClassification(BertConfig(vocab_size=500, max_position_embeddings=2048, **size))
    count = STEP_TOKENS // length
    ids = np.random.default_rng(0).integers(5, 500, count * length, dtype=np.int32)
    values = {"target": np.arange(count) % 2}
    rows = Rows(np.arange(count) * length, np.full(count, length, np.int32), {"input_ids": ids}, values, {})
    config = TrainingConfig(max_steps=STEPS + 1, batch_size=count, micro_batch_size=MICRO_TOKENS // length)
    with tempfile.TemporaryDirectory() as folder, quick_dropout(model):
        checkpoints = Checkpoints(Path(folder), 1)
        trainer = Trainer(model, Classes(), rows, config, device=pick_device("cpu"), seed=1, checkpoints=checkpoints)
        before = memory_in_use().total
        trainer.step(0)
        started = time.process_time()
        for number in range(1, STEPS + 1):
            trainer.step(number)
        took = time.process_time() - started
    return {"ms per 1,000 tokens": 1e6 * took / STEPS / STEP_TOKENS, "MB": (_peak() - before) / 1e6}


def run_of_rows(count: int) -> dict[str, float]:
    """CPU seconds of preparing, training, and all of it, and MB taken, of `lmfit finetune` on `count` texts."""
    import lmfit

    generator = random.Random(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.csv"
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for i in range(count):
                text = "".join(generator.choices(string.ascii_lowercase + " ", k=generator.randint(8, 40)))
                writer.writerow([f"{text} {'yes' if i % 2 else 'no'}", "ab"[i % 2]])
        data = {"train": str(path), "validation": {"split": 0.1}, "columns": {"text": "text", "label": "label"}}
        config = {"task": "text-classification", "model": "scratch-characters", "data": data}
        before, started = memory_in_use().total, time.process_time()
        run = lmfit.finetune(config | {"training": {"epochs": 1}}, output=str(Path(folder) / "run"))
        took = time.process_time() - started
        steps = run.manifest["steps"]
    return {"steps": steps, "CPU s": took, "ms per row": 1e3 * took / count, "MB": (_peak() - before) / 1e6}


def fresh(work: Callable[[int], dict[str, float]], size: int) -> dict[str, float]:
    """What `work` finds in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with context.Pool(1) as pool:
        return pool.apply(work, (size,))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def table(name: str, found: dict[int, dict[str, Any]]) -> str:
    """A Markdown table; a line for each size."""
    columns = list(next(iter(found.values())))
    lines = [f"| {name} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for size, figures in found.items():
        lines.append(f"| {size:,} | " + " | ".join(f"{figures[column]:,.1f}" for column in columns) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200, help="The sentences that 1x means.")
    parser.add_argument("--repeats", type=int, default=1, help="The least of so many tries counts.")
    asked = parser.parse_args()
    sizes = [asked.rows * factor for factor in (1, 10, 100)]
    for name, work, steps in (("tokens of a row", steps_of_length, LENGTHS), ("sentences", run_of_rows, sizes)):
        tries = [{size: fresh(work, size) for size in steps} for _ in range(asked.repeats)]
        least = {size: {k: min(one[size][k] for one in tries) for k in tries[0][size]} for size in steps}
        print(f"{table(name, least)}\n", flush=True)


if __name__ == "__main__":
    main()
