"""What `lmfit check --cost` says beforehand, beside what the run then takes: peak memory, training time, time in all.

    nice python scripts/benchmarks/cost.py --data ../shared/data --steps 100

Each command is a process of its own. Times of a shared machine move between the two, which is part of the error.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

NER = {
    "task": "token-classification",
    "data": {
        "format": "conll",
        "train": "conll2003/eng.train",
        "validation": "conll2003/eng.testa",
        "test": "conll2003/eng.testb",
        "columns": {"tokens": 0, "labels": 3},
    },
}
REVIEWS = {
    "task": "text-classification",
    "model": {"name": "minilm-l6", "on_unknown": "allow"},
    "data": {
        "format": "tsv",
        "train": "chnsenticorp/train.tsv",
        "validation": "chnsenticorp/dev.tsv",
        "columns": {"text": "text_a", "label": "label"},
    },
}
CONTESTANTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "CoNLL-2003, batch 32": (NER, []),
    "CoNLL-2003, batch 8": (NER, ["training.batch_size=8"]),
    "ChnSentiCorp, 256 tokens, batch 8": (REVIEWS, ["training.batch_size=8"]),
    "ChnSentiCorp, 256 tokens, batch 64": (REVIEWS, ["training.batch_size=64", "training.micro_batch_size=64"]),
    "ChnSentiCorp, 256 tokens, batch 64, fp32": (REVIEWS, ["training.batch_size=64", "training.precision=fp32"]),
    "ChnSentiCorp, batch 64, limit 2 GB": (REVIEWS, ["training.batch_size=64", "device.memory_limit=2GB"]),
}


def located(config: dict[str, Any], data: Path) -> dict[str, Any]:
    """The config with its files below `data`."""
    files = {k: str(data / v) for k, v in config["data"].items() if k in ("train", "validation", "test")}
    return config | {"data": config["data"] | files}


def called(*words: str) -> dict[str, Any]:
    """What an lmfit command prints as JSON."""
    command = [sys.executable, "-m", "lmfit", *words, "--json", "--quiet"]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=os.environ)
    told: dict[str, Any] = json.loads(found.stdout)
    return told


def measured(config: Path, words: list[str], folder: Path) -> str:
    """A row of the table."""
    cost = called("check", str(config), *words, "--cost")["cost"]
    run = called("finetune", str(config), *words, "-o", str(folder))
    peak, foreseen = run["peak_memory_bytes"], cost["peak_memory_bytes"]
    train, (low, high) = run["timing"]["train_seconds"], cost["train_seconds"]
    whole, (least, most) = train + run["timing"]["evaluate_seconds"], cost["total_seconds"]
    sizes = cost["micro_batch_size"], (run["memory"] or {}).get("micro_batch_size")
    return (
        f"| {foreseen / 1e6:,.0f} | {peak / 1e6:,.0f} | {foreseen / peak - 1:+.0%} | {low:.0f} to {high:.0f} | "
        f"{train:.0f} | {least:.0f} to {most:.0f} | {whole:.0f} | {sizes[0] or '-'}, {sizes[1] or '-'} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--only", default="", help="Contestants whose name holds this.")
    asked = parser.parse_args()
    print(
        "| run | MB foreseen | MB taken | error | training, s | took | in all, s | took | micro-batch: foreseen, run |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for number, (name, (config, words)) in enumerate(CONTESTANTS.items()):
            if asked.only in name:
                path = Path(temporary) / f"{number}.yaml"
                path.write_text(json.dumps(located(config, asked.data)))
                limits = [*words, f"training.max_steps={asked.steps}"]
                print(f"| {name} {measured(path, limits, Path(temporary) / str(number))}", flush=True)


if __name__ == "__main__":
    main()
