"""Pretraining: lmfit against the Hugging Face Trainer on fixed-length padded lines, same model, tokenizer and text.

    python scripts/benchmarks/pretrain_speed.py --rounds 3 --out pretrain_speed.json

Both train a BERT of 4 layers of 256 (vocabulary 8,192, no dropout) by masked tokens (15 %, 80/10/10) with AdamW, and
lmfit once more with Muon; 2,048 real tokens a step for lmfit, as many lines of 128 for the Trainer as hold so many on
average. The Trainer has DataCollatorForLanguageModeling on lines padded to 128 (run_mlm.py --line_by_line
--pad_to_max_length). Each in a process of its own with one thread, in turn; what counts is CPU time of training (held-
out evaluation left out), since machines are noisy. Held-out loss: the same rows with the same tokens hidden, scored by
the same code. Time to loss: when lmfit first reached the Trainer's final loss, over the Trainer's whole time.
"""

import argparse
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LENGTH, TOKENS = 128, 2048


def config_of(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What `lmfit pretrain` is given; the Trainer takes corpus, tokenizer and model from the same."""
    return {
        "model": {"layers": options.layers, "width": options.width},
        "data": {
            "train": str(folder.parent / "sample.txt"),
            "documents": "blank",
            "duplicates": "exact",
        },
        "pretraining": {"objectives": ["mlm"], "max_length": LENGTH, "tokenizer": {"vocabulary": options.vocabulary}},
        "training": {
            "max_steps": options.steps,
            "batch_tokens": TOKENS,
            "learning_rate": 1e-3,
            "warmup": 0.1,
            "evaluate_every": options.steps,
            "checkpoint_every": options.steps,
            "precision": "fp32",
            "optimizer": "muon" if name == "muon" else "adamw",
        },
        "evaluation": {"tokens": 2000, "pseudo_perplexity": 0, "resamples": 100},
        "output": str(folder / "run"),
    }


class Watch:
    """CPU seconds of training alone, real tokens, and the held-out loss every so many steps."""

    def __init__(self, ready: Any, device: Any, every: int) -> None:
        from lmfit.pretraining.held_out import HeldOut

        self.held = HeldOut.of(ready.rows["validation"], 2000, ready.config.seed, "validation")
        self.objective, self.device, self.every = ready.objective("held out"), device, every
        self.steps = self.tokens = 0
        self.points: list[tuple[float, float]] = []
        self._started, self._left_out = time.process_time(), 0.0

    def start(self) -> None:
        """Training begins now."""
        self._started = time.process_time()

    def step(self, model: Any, tokens: int) -> None:
        """After each step."""
        from lmfit.pretraining.held_out import metrics_of

        self.steps += 1
        self.tokens += tokens
        self.seconds = time.process_time() - self._started - self._left_out
        if self.steps % self.every == 0:
            begun = time.process_time()
            loss = metrics_of(self.held.score(model, self.objective, self.device))["loss"]
            model.train()
            self._left_out += time.process_time() - begun
            self.points.append((self.seconds, loss))

    def result(self) -> dict[str, Any]:
        """For the table."""
        return {"tokens_per_cpu_second": self.tokens / self.seconds, "cpu_seconds": self.seconds, "points": self.points}


def run_lmfit(config: dict[str, Any], every: int) -> dict[str, Any]:
    """Train by `lmfit pretrain`'s own parts."""
    from lmfit.config.load import load_config
    from lmfit.device import pick_device
    from lmfit.runs import Run
    from lmfit.stages.corpus import prepare_corpus
    from lmfit.stages.text_training import build, training_form
    from lmfit.training.checkpoint import Checkpoints
    from lmfit.training.hooks import QuietHook
    from lmfit.training.trainer import StepResult, Trainer

    ready = prepare_corpus(load_config("pretrain", config).config)
    device = pick_device("cpu", "fp32")
    watch = Watch(ready, device, every)

    class Watched(QuietHook):
        def on_step(self, trainer: Trainer, result: StepResult) -> None:
            watch.step(trainer.model, result.tokens)

    folder = Path(config["output"])
    folder.mkdir(parents=True, exist_ok=True)
    model = build(Run(folder), ready, device)
    with training_form(ready, model, device):
        trainer = Trainer(
            model,
            ready.objective("train"),
            ready.rows["train"],
            ready.config.training,
            device=device,
            seed=1,
            checkpoints=Checkpoints(folder / "checkpoints", 1),
            hooks=[Watched()],
            plan=ready.plan(),
        )
        watch.start()
        trainer.fit()
    return watch.result()


def run_trainer(config: dict[str, Any], every: int) -> dict[str, Any]:
    """Train by the Trainer on lines padded to a fixed length."""
    import torch
    from transformers import (
        BertConfig,
        BertForMaskedLM,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from lmfit.config.load import load_config
    from lmfit.device import pick_device
    from lmfit.stages.corpus import prepare_corpus

    ready = prepare_corpus(load_config("pretrain", config).config)
    watch = Watch(ready, pick_device("cpu", "fp32"), every)
    lines = [
        line for _, texts in ready.corpus.texts("train") for text in texts for line in text.split("\n") if line.strip()
    ]
    encoded = ready.tokenizer(lines, truncation=True, max_length=LENGTH, padding="max_length")
    rows = [
        {"input_ids": i, "attention_mask": m}
        for i, m in zip(encoded["input_ids"], encoded["attention_mask"], strict=True)
    ]
    mean = sum(sum(row["attention_mask"]) for row in rows) / len(rows)
    size = {"num_hidden_layers": config["model"]["layers"], "hidden_size": config["model"]["width"]}
    made = BertConfig(
        **size,
        vocab_size=len(ready.tokenizer),
        num_attention_heads=max(2, size["hidden_size"] // 64),
        intermediate_size=4 * size["hidden_size"],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=ready.tokenizer.pad_token_id,
    )
    torch.manual_seed(1)
    model = BertForMaskedLM(made)
    seen = {"tokens": 0}
    collator = DataCollatorForLanguageModeling(ready.tokenizer, mlm_probability=0.15)

    def collate(chosen: list[Any]) -> Any:
        batch = collator(chosen)
        seen["tokens"] += int(batch["attention_mask"].sum())
        return batch

    class Watched(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            watch.start()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            watch.step(model, seen["tokens"] - watch.tokens)

    arguments = TrainingArguments(
        output_dir=config["output"],
        per_device_train_batch_size=max(1, round(TOKENS / mean)),
        max_steps=config["training"]["max_steps"],
        learning_rate=1e-3,
        warmup_steps=round(0.1 * config["training"]["max_steps"]),
        weight_decay=0.01,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=1,
    )
    Trainer(model, arguments, data_collator=collate, train_dataset=rows, callbacks=[Watched()]).train()
    return watch.result() | {"real_tokens_per_line": mean}


CONTESTANTS = {"lmfit": run_lmfit, "muon": run_lmfit, "trainer": run_trainer}


def write_sample(options: argparse.Namespace, path: Path) -> None:
    """Every so-manieth document of each file of corpus_en."""
    with open(path, "w", encoding="utf-8") as out:
        for source in sorted((options.data / "corpus_en").glob("*.txt.xz")):
            with lzma.open(source, "rt", encoding="utf-8") as file:
                for number, document in enumerate(file.read().split("\n\n")):
                    if number % options.every == 0 and document.strip():
                        out.write(document.strip() + "\n\n")


def contest(name: str, options: argparse.Namespace, cache: str) -> dict[str, Any]:
    """One contestant in a process of its own."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        out = Path(folder) / "result.json"
        told = json.dumps(config_of(name, options, Path(folder)))
        command = [sys.executable, __file__, "--contestant", name, "--config", told, "--out", str(out)]
        command += ["--steps", str(options.steps), "--points", str(options.points)]
        quiet = {"OMP_NUM_THREADS": "1", "LMFIT_CACHE": cache, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        subprocess.run(command, check=True, env=os.environ | quiet, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(out.read_text())
    return found


def time_to_loss(ours: dict[str, Any], trainer: dict[str, Any]) -> float:
    """The Trainer's CPU seconds over those after which `ours` was at the Trainer's final loss; 0 if it never was."""
    seconds, loss = trainer["points"][-1]
    reached = next((at for at, value in ours["points"] if value <= loss), None)
    return 0.0 if reached is None else seconds / reached


def main() -> None:
    """Run all rounds, print the table, keep every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--points", type=int, default=8, help="How often the held-out loss is looked at.")
    parser.add_argument("--every", type=int, default=40, help="Every so-manieth document of each file is taken.")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--config", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        result = CONTESTANTS[options.contestant](json.loads(options.config), max(1, options.steps // options.points))
        options.out.write_text(json.dumps(result))
        return
    rounds = []
    with tempfile.TemporaryDirectory() as cache:
        write_sample(options, Path(cache) / "sample.txt")
        for number in range(1, options.rounds + 1):
            rounds.append({name: contest(name, options, cache) for name in CONTESTANTS})
            print(f"round {number}: {json.dumps(rounds[-1])}", file=sys.stderr, flush=True)
    for name in ("lmfit", "muon"):
        speeds = [r[name]["tokens_per_cpu_second"] / r["trainer"]["tokens_per_cpu_second"] for r in rounds]
        losses = [time_to_loss(r[name], r["trainer"]) for r in rounds]
        for what, found in (("tokens per CPU second", speeds), ("time to loss", losses)):
            print(f"{name}, {what}: {statistics.median(found):.2f} [{min(found):.2f}, {max(found):.2f}]")
    if options.out:
        options.out.write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
