"""Training and prediction speed: lmfit against the Hugging Face Trainer on the same rows, interleaved.

    python scripts/benchmarks/finetune_speed.py --task conll2003 --sentences 3000 --repeats 3 --out speed.json
    python scripts/benchmarks/finetune_speed.py --task sst2 --encoder bert-base --sentences 300

Three contestants, each in a process of its own, in turn, `repeats` times: lmfit with its defaults; the Trainer with its
defaults (fp32, random batches); the Trainer tuned (train_sampling_strategy="group_by_length", and bf16 where the CPU
has units for it). One epoch, batch 32; the encoder is the embedded one, or a BERT-base of random weights. The machine
may be noisy: what counts is the median of the ratios within each round, or, with OMP_NUM_THREADS=1, CPU seconds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lmfit.device import cpu_has_bf16

HERE = Path(__file__).resolve().parent
TUNED = (*(("--precision", "bf16") if cpu_has_bf16() else ()), "--group-by-length")
TASKS = {
    "conll2003": (
        "token-classification",
        "conll",
        ("eng.train", "eng.testa", "eng.testb"),
        "columns: {tokens: 0, labels: 3}, ",
        "f1",
    ),
    "sst2": (
        "text-classification",
        "text",
        ("stsa.binary.train", "stsa.binary.dev", "stsa.binary.test"),
        "",
        "accuracy",
    ),
}
LMFIT = """
import json, sys, time
from lmfit.cli import main
from lmfit.training.trainer import Trainer

work, steps = Trainer.step, []

def step(trainer, number):
    began = time.process_time()
    result = work(trainer, number)
    steps.append((result.tokens, time.process_time() - began))
    return result

Trainer.step = step
try:
    main(sys.argv[2:])
finally:
    tokens, seconds = map(sum, zip(*steps))
    open(sys.argv[1], "w").write(json.dumps(tokens / seconds))
"""


def run_lmfit(options: argparse.Namespace, model: Path | None, seed: int) -> dict[str, float]:
    """One run of lmfit; the figures are those of its run folder."""
    task, form, files, columns, score = TASKS[options.task]
    with tempfile.TemporaryDirectory() as folder:
        paths = [options.data / options.task / file for file in files]
        named = ", ".join(f"{n}: {p}" for n, p in zip(("train", "validation", "test"), paths, strict=True))
        words = [
            f"data={{format: {form}, {named}, {columns}limit: {options.sentences}}}",
            f"task={task}",
            "training.epochs=1",
            "training.learning_rate=1e-4",
            "training.batch_size=32",
        ]
        config, told = Path(folder) / "speed.yaml", Path(folder) / "told.json"
        config.write_text(f"model: {model or 'minilm-l6'}\n")
        command = [sys.executable, "-c", LMFIT, str(told), "finetune", str(config), *words, "--seed", str(seed)]
        environment = os.environ | {"LMFIT_CACHE": str(Path(folder) / "cache"), "HF_HUB_OFFLINE": "1"}
        quiet = {"stdout": subprocess.DEVNULL, "env": environment}
        subprocess.run([*command, "--quiet", "-o", f"{folder}/run"], check=True, **quiet)
        manifest = json.loads((Path(folder) / "run" / "run.json").read_text())
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text())
        per_cpu_second = json.loads(told.read_text())
    return {
        "train_tokens_per_second": manifest["throughput"]["tokens_per_second"],
        "train_tokens_per_cpu_second": per_cpu_second,
        "predict_tokens_per_second": manifest["throughput"]["predict_tokens_per_second"],
        "score": metrics["test"][score]["value"],
        "peak_memory_mib": manifest["peak_memory_bytes"] / 2**20,
        "seconds": sum(manifest["timing"].values()),
    }


def run_peer(options: argparse.Namespace, model: Path | None, seed: int, *extra: str) -> dict[str, float]:
    """One run of the Trainer."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, str(HERE / "peer_trainer.py"), options.task, "--seed", str(seed), "--epochs", "1"]
        limits = ["--limit", str(options.sentences), "--data", str(options.data), "--out", str(out)]
        other = ["--model", str(model)] if model else []
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = os.environ | {"HF_HUB_OFFLINE": "1"}
        subprocess.run([*command, *limits, *other, *extra], check=True, env=environment, **quiet)
        result = json.loads(out.read_text())
    speed = result["speed"]
    return {
        "train_tokens_per_second": speed["train_tokens_per_second"],
        "train_tokens_per_cpu_second": speed["train_tokens_per_cpu_second"],
        "predict_tokens_per_second": speed["predict_tokens_per_second"],
        "score": result["scores"]["test"][TASKS[options.task][-1]],
        "peak_memory_mib": speed["peak_memory_mib"],
        "seconds": speed["prepare_seconds"] + speed["train_seconds"] + speed["predict_seconds"],
    }


def bert_base(folder: Path) -> Path:
    """A BERT-base (110 million weights) of random weights with the embedded encoder's tokenizer."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    from lmfit.models.embedded import MINILM_L6

    tokenizer = AutoTokenizer.from_pretrained(MINILM_L6.where())
    BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ratio(rounds: list[dict[str, Any]], figure: str, peer: str) -> str:
    """`median [least, most]` of lmfit's figure over the peer's, round by round."""
    ratios = [a["lmfit"][figure] / a[peer][figure] for a in rounds]
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def table(rounds: list[dict[str, Any]]) -> str:
    """A Markdown table of medians and ratios."""
    figures = list(rounds[0]["lmfit"])
    lines = [
        "| figure (median) | lmfit | Trainer default | Trainer tuned | lmfit / default | lmfit / tuned |",
        "|---|---|---|---|---|---|",
    ]
    for figure in figures:
        middle = [statistics.median(r[name][figure] for r in rounds) for name in ("lmfit", "default", "tuned")]
        shown = " | ".join(f"{value:.4f}" if figure == "score" else f"{value:,.0f}" for value in middle)
        lines.append(f"| {figure} | {shown} | {ratio(rounds, figure, 'default')} | {ratio(rounds, figure, 'tuned')} |")
    return "\n".join(lines)


def main() -> None:
    """Run all rounds, print the table, keep every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=list(TASKS), default="conll2003")
    parser.add_argument("--encoder", choices=("minilm-l6", "bert-base"), default="minilm-l6")
    parser.add_argument("--sentences", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        model = bert_base(Path(folder)) if options.encoder == "bert-base" else None
        for seed in range(1, options.repeats + 1):
            found = {
                "lmfit": run_lmfit(options, model, seed),
                "default": run_peer(options, model, seed),
                "tuned": run_peer(options, model, seed, *TUNED),
            }
            rounds.append(found)
            print(f"round {seed}: {json.dumps(found)}", file=sys.stderr, flush=True)
    print(table(rounds))
    if options.out:
        options.out.write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
