"""Training speed on a GPU: lmfit and its options against the Hugging Face Trainer, in turns, in one process.

    python scripts/benchmarks/cuda_speed.py --task conll2003 --batch 32 --steps 150 --rounds 3

A BERT-base of random weights. Contestants: the Trainer with its defaults (fp32, random batches) and tuned (bf16,
group_by_length); lmfit as it is, without CUDA graphs, with packing, and compiled. Counted are real tokens per second
after the first steps (`--skip`), which warm up, record or compile. Steps of lmfit that take over three times the
median, since they record a new shape, count as the median; their number is told ("late"). MFU: FLOPs of real tokens
(see step_share.py) over the rate of a large bf16 product, measured beside.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from finetune_speed import TASKS, bert_base
from peer_trainer import LOADERS, Settings, build_trainer, encode, load_tokenizer, real_tokens
from step_share import model_flops, seconds
from transformers import TrainerCallback

from lmfit.config.load import load_config
from lmfit.device import pick_device
from lmfit.stages.prepare import prepare
from lmfit.stages.training import build_model, in_training_form, make_trainer
from lmfit.training.checkpoint import Checkpoints

OURS: dict[str, list[str]] = {
    "lmfit": [],
    "without graphs": ["training.cuda_graphs=off"],
    "packing": ["training.packing=on"],
    "compile": ["training.compile=true"],
    "compile without graphs": ["training.compile=true", "training.cuda_graphs=off"],
    "fp32": ["training.precision=fp32"],
}
PEERS: dict[str, dict[str, Any]] = {
    "Trainer": {},
    "Trainer tuned": {"precision": "bf16", "group_by_length": True},
}


def words(asked: argparse.Namespace, model: Path, more: list[str]) -> list[str]:
    """The config's values."""
    task, form, files, columns, _ = TASKS[asked.task]
    paths = [asked.data / asked.task / file for file in files]
    named = ", ".join(f"{n}: {p}" for n, p in zip(("train", "validation", "test"), paths, strict=True))
    data = f"data={{format: {form}, {named}, {columns}}}"
    return [f"model.name={model}", data, f"task={task}", f"training.batch_size={asked.batch}", *more]


class Clock(TrainerCallback):  # type: ignore[misc]
    """Seconds from step `skip` to the last."""

    def __init__(self, skip: int) -> None:
        self.skip, self.began = skip, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin to count."""
        if state.global_step == self.skip:
            torch.cuda.synchronize()
            self.began = time.perf_counter()


def peer(asked: argparse.Namespace, model: Path, changes: dict[str, Any]) -> dict[str, float]:
    """Real tokens per second of the Trainer."""
    settings = Settings(asked.task, 1, epochs=1.0, batch_size=asked.batch, **changes)
    tokenizer, data = load_tokenizer(model), LOADERS[asked.task](asked.data / asked.task)
    rows, _ = encode(data.splits["train"], data, tokenizer, settings.max_length)
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer(settings, data, model, tokenizer, rows, folder)
        trainer.args.max_steps = asked.steps + asked.skip
        watch = Clock(asked.skip)
        trainer.add_callback(watch)
        torch.cuda.reset_peak_memory_stats()
        trainer.train()
        torch.cuda.synchronize()
        took = time.perf_counter() - watch.began
    tokens = real_tokens(rows) / len(rows) * asked.batch * asked.steps
    return {"tokens/s": tokens / took, "ms": took / asked.steps * 1e3, "GiB": torch.cuda.max_memory_allocated() / 2**30}


def ours(asked: argparse.Namespace, model: Path, more: list[str], best: float) -> dict[str, float]:
    """Real tokens per second of lmfit, and its MFU."""
    device = pick_device("cuda")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "speed.yaml").write_text("model: minilm-l6\n")
        config = load_config("finetune", Path(folder) / "speed.yaml", words(asked, model, more)).config
        device = pick_device("cuda", config.training.precision)
        prepared = prepare(config)
        trained = build_model(prepared, device, resumed=False)
        torch.cuda.reset_peak_memory_stats()
        with in_training_form(prepared, trained, device):
            trainer = make_trainer(prepared, trained, device, Checkpoints(Path(folder) / "checkpoints", 1))
            tokens, flops, losses, times = 0, 0.0, [], []
            for number in range(asked.steps + asked.skip):
                began = time.perf_counter()
                result = trainer.step(number)
                losses.append(result.loss)
                if number >= asked.skip:
                    times.append(time.perf_counter() - began)
                    tokens += result.tokens
                    flops += model_flops(trained, [int(n) for n in trainer.plan.lengths[trainer.plan.batch(number)]])
            usual = statistics.median(times)
            late = [seconds for seconds in times if seconds > 3 * usual]
            took = sum(times) - sum(late) + len(late) * usual
    told = {"tokens/s": tokens / took, "ms": took / asked.steps * 1e3, "MFU": flops / took / best, "late": len(late)}
    return told | {"GiB": torch.cuda.max_memory_allocated() / 2**30, "loss": statistics.mean(losses[-20:])}


def product_rate() -> float:
    """FLOP/s of a large bf16 product of random numbers."""
    a, b = (torch.randn(8192, 8192, dtype=torch.bfloat16, device="cuda") for _ in range(2))

    def work() -> None:
        torch.mm(a, b)
        torch.cuda.synchronize()

    work()
    return float(2 * 8192**3 / seconds(work, 0.5))


def main() -> None:
    """Run all rounds, print every figure and the ratios to the tuned Trainer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=list(TASKS), default="conll2003")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--skip", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[*OURS, *PEERS])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    asked = parser.parse_args()
    best, rounds = product_rate(), []
    print(f"{torch.cuda.get_device_name()}: bf16 product {best / 1e12:.0f} TFLOP/s", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        model = bert_base(Path(folder))
        for _ in range(asked.rounds):
            found: dict[str, dict[str, float]] = {}
            for name in asked.only:
                try:
                    found[name] = (
                        ours(asked, model, OURS[name], best) if name in OURS else peer(asked, model, PEERS[name])
                    )
                except RuntimeError as error:
                    print(f"{name}: {str(error)[:300]}", file=sys.stderr)
                    continue
                print(name, json.dumps({k: round(v, 3) for k, v in found[name].items()}), file=sys.stderr, flush=True)
            rounds.append(found)
    for name in asked.only:
        shared = [each for each in rounds if name in each and "Trainer tuned" in each]
        ratios = [each[name]["tokens/s"] / each["Trainer tuned"]["tokens/s"] for each in shared]
        if ratios:
            speed = statistics.median(each[name]["tokens/s"] for each in shared)
            mfu = statistics.median(each[name].get("MFU", float("nan")) for each in shared)
            spread = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
            print(f"| {asked.task}, batch {asked.batch} | {name} | {speed:,.0f} | {mfu:.1%} | {spread} |")


if __name__ == "__main__":
    main()
