"""Training and prediction speed: lmfit against the Hugging Face Trainer on the same CoNLL-2003 sentences, interleaved.

    python scripts/benchmarks/finetune_speed.py --sentences 3000 --repeats 3 --out speed.json

Three contestants, each in a process of its own, in turn, `repeats` times: lmfit with its defaults; the Trainer with its
defaults (fp32, random batches); the Trainer tuned (bf16, train_sampling_strategy="group_by_length"). One epoch, batch
32, the embedded encoder. The machine may be noisy: what counts is the median of the ratios within each round.
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

HERE = Path(__file__).resolve().parent
TUNED = ("--precision", "bf16", "--group-by-length")


def run_lmfit(options: argparse.Namespace, seed: int) -> dict[str, float]:
    """One run of lmfit; the figures are those of its run folder."""
    with tempfile.TemporaryDirectory() as folder:
        data = options.data / "conll2003"
        files = {"train": data / "eng.train", "validation": data / "eng.testa", "test": data / "eng.testb"}
        named = ", ".join(f"{name}: {path}" for name, path in files.items())
        words = [
            f"data={{format: conll, {named}, columns: {{tokens: 0, labels: 3}}, limit: {options.sentences}}}",
            *(
                "task=token-classification",
                "training.epochs=1",
                "training.learning_rate=1e-4",
                "training.batch_size=32",
            ),
        ]
        config = Path(folder) / "speed.yaml"
        config.write_text("model: minilm-l6\n")
        command = [sys.executable, "-m", "lmfit", "finetune", str(config), *words, "--seed", str(seed), "--quiet"]
        environment = os.environ | {"LMFIT_CACHE": str(Path(folder) / "cache"), "HF_HUB_OFFLINE": "1"}
        subprocess.run([*command, "-o", f"{folder}/run"], check=True, env=environment, stdout=subprocess.DEVNULL)
        manifest = json.loads((Path(folder) / "run" / "run.json").read_text())
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text())
    return {
        "train_tokens_per_second": manifest["throughput"]["tokens_per_second"],
        "predict_tokens_per_second": manifest["throughput"]["predict_tokens_per_second"],
        "f1": metrics["test"]["f1"]["value"],
        "peak_memory_mib": manifest["peak_memory_bytes"] / 2**20,
        "seconds": sum(manifest["timing"].values()),
    }


def run_peer(options: argparse.Namespace, seed: int, *extra: str) -> dict[str, float]:
    """One run of the Trainer."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, str(HERE / "peer_trainer.py"), "conll2003", "--seed", str(seed), "--epochs", "1"]
        limits = ["--limit", str(options.sentences), "--data", str(options.data), "--out", str(out)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([*command, *limits, *extra], check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, **quiet)
        result = json.loads(out.read_text())
    speed = result["speed"]
    return {
        "train_tokens_per_second": speed["train_tokens_per_second"],
        "predict_tokens_per_second": speed["predict_tokens_per_second"],
        "f1": result["scores"]["test"]["f1"],
        "peak_memory_mib": speed["peak_memory_mib"],
        "seconds": speed["prepare_seconds"] + speed["train_seconds"] + speed["predict_seconds"],
    }


def ratio(rounds: list[dict[str, Any]], figure: str, peer: str) -> str:
    """`median [least, most]` of lmfit's figure over the peer's, round by round."""
    ratios = [a["lmfit"][figure] / a[peer][figure] for a in rounds]
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def table(rounds: list[dict[str, Any]]) -> str:
    """A Markdown table of medians and ratios."""
    figures = ("train_tokens_per_second", "predict_tokens_per_second", "f1", "peak_memory_mib", "seconds")
    lines = [
        "| figure (median) | lmfit | Trainer default | Trainer tuned | lmfit / default | lmfit / tuned |",
        "|---|---|---|---|---|---|",
    ]
    for figure in figures:
        middle = [statistics.median(r[name][figure] for r in rounds) for name in ("lmfit", "default", "tuned")]
        shown = " | ".join(f"{value:.4f}" if figure == "f1" else f"{value:,.0f}" for value in middle)
        lines.append(f"| {figure} | {shown} | {ratio(rounds, figure, 'default')} | {ratio(rounds, figure, 'tuned')} |")
    return "\n".join(lines)


def main() -> None:
    """Run all rounds, print the table, keep every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rounds = []
    for seed in range(1, options.repeats + 1):
        found = {
            "lmfit": run_lmfit(options, seed),
            "default": run_peer(options, seed),
            "tuned": run_peer(options, seed, *TUNED),
        }
        rounds.append(found)
        print(f"round {seed}: {json.dumps(found)}", file=sys.stderr, flush=True)
    print(table(rounds))
    if options.out:
        options.out.write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
