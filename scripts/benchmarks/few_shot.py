"""Few examples: 50 BANKING77 intents with 5 examples each, lmfit's plain defaults against the nearest class mean.

    python scripts/benchmarks/few_shot.py --draws 3

Every draw takes other intents and other examples; both contestants see the same rows and are scored on all test rows of
those intents. The nearest class mean needs no training: mean-pooled, normalised embeddings of the same encoder.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModel

from lmfit.config.model import ModelConfig
from lmfit.models.load import find_model, load_tokenizer

INTENTS, EXAMPLES = 50, 5

Table = list[tuple[str, str]]


def read(path: Path) -> Table:
    """(text, intent) of each row."""
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def draw(train: Table, test: Table, seed: int) -> tuple[Table, Table]:
    """Some intents, a few training rows of each, and all their test rows."""
    generator = random.Random(seed)
    intents = set(generator.sample(sorted({label for _, label in train}), INTENTS))
    shuffled = generator.sample(train, len(train))
    few = [[row for row in shuffled if row[1] == intent][:EXAMPLES] for intent in sorted(intents)]
    return [row for rows in few for row in rows], [row for row in test if row[1] in intents]


def nearest_class_mean(train: Table, test: Table) -> float:
    """Accuracy without any training."""
    source = find_model(ModelConfig())
    tokenizer, model = load_tokenizer(source), AutoModel.from_pretrained(source.where).eval()

    def embed(table: Table) -> torch.Tensor:
        found = []
        for begin in range(0, len(table), 64):
            batch = tokenizer([text for text, _ in table[begin : begin + 64]], padding=True, return_tensors="pt")
            with torch.inference_mode():
                hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            found.append((hidden * mask).sum(1) / mask.sum(1))
        return torch.nn.functional.normalize(torch.cat(found), dim=1)

    labels = sorted({label for _, label in train})
    gold = torch.tensor([labels.index(label) for _, label in train])
    rows = embed(train)
    means = torch.nn.functional.normalize(torch.stack([rows[gold == i].mean(0) for i in range(len(labels))]), dim=1)
    answers = (embed(test) @ means.T).argmax(1)
    return float((answers == torch.tensor([labels.index(label) for _, label in test])).float().mean())


def lmfit_defaults(train: Table, test: Table, folder: Path) -> dict[str, float]:
    """Accuracy and seconds of `lmfit finetune` with nothing but the task and the files."""
    for name, table in (("train", train), ("test", test)):
        with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "category"), *table])
    (folder / "few.yaml").write_text("task: text-classification\ndata: {train: train.csv, test: test.csv}\n")
    command = [sys.executable, "-m", "lmfit", "finetune", "few.yaml", "-o", "run", "--quiet"]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    manifest = json.loads((folder / "run" / "run.json").read_text())
    return {"accuracy": metrics["test"]["accuracy"]["value"], "seconds": manifest["timing"]["train_seconds"]}


def main() -> None:
    """Print a line per draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    options = parser.parse_args()
    train, test = (read(options.data / "banking77" / f"{name}.csv") for name in ("train", "test"))
    print("| draw | nearest class mean | lmfit, defaults | training seconds |\n|---|---|---|---|")
    for seed in range(options.draws):
        few, rest = draw(train, test, seed)
        with tempfile.TemporaryDirectory() as folder:
            ours = lmfit_defaults(few, rest, Path(folder))
        print(
            f"| {seed} | {nearest_class_mean(few, rest):.3f} | {ours['accuracy']:.3f} | {ours['seconds']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
