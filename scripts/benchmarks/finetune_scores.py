"""Scores of lmfit's starters beside the Hugging Face Trainer at equal settings, as a Markdown table.

First make the runs (each takes minutes; several machines may share the work):

    lmfit finetune configs/sst2.yaml --seed 1 -o LMFIT/sst2-s1
    python scripts/benchmarks/peer_trainer.py sst2 --seed 1 --precision bf16 --out PEER/sst2-s1.json

then compare what is there, seed by seed on the same test rows:

    python scripts/benchmarks/finetune_scores.py --lmfit LMFIT --peer PEER

The difference is lmfit - Trainer, averaged over the seeds that both have, with the 95 % interval of a bootstrap that
draws test rows (the same ones for both and for every seed).
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

RESAMPLES = 2000

Rows = list[dict[str, Any]]
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def entity_counts(rows: Rows) -> np.ndarray:
    """(rows, 3): right, predicted and gold entities of each sentence of lmfit's predictions."""
    counts = []
    for row in rows:
        gold = {(e["start"], e["end"], e["label"]) for e in row["gold"]}
        found = {(e["start"], e["end"], e["label"]) for e in row["entities"]}
        counts.append((len(gold & found), len(found), len(gold)))
    return np.array(counts, float)


def statistics_of(task: str, rows: Rows) -> np.ndarray:
    """Per test row what the task's score is made of, whichever tool predicted."""
    if task == "conll2003":
        if "tp" in rows[0]:
            return np.array([(r["tp"], r["tp"] + r["fp"], r["tp"] + r["fn"]) for r in rows], float)
        return entity_counts(rows)
    if task == "stsb":
        return np.array([(float(r.get("value", r.get("label"))), float(r["gold"])) for r in rows])
    return np.array([(float(str(r["label"]) == str(r["gold"])),) for r in rows])


def f1(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Micro F1 of each resample."""
    right, found, gold = (weights @ rows).T
    return 2 * right / np.maximum(found + gold, 1)


def accuracy(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of right rows of each resample."""
    return (weights @ rows[:, 0]) / weights.sum(axis=1)


def spearman(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rank correlation of each resample."""
    found = []
    for draw in weights.astype(int):
        drawn = np.repeat(rows, draw, axis=0)
        found.append(np.corrcoef(rankdata(drawn[:, 0]), rankdata(drawn[:, 1]))[0, 1])
    return np.array(found)


METRICS: dict[str, tuple[str, Score]] = {"conll2003": ("f1", f1), "stsb": ("spearman", spearman)}


def draws(count: int) -> np.ndarray:
    """(resamples, rows): how often each test row is drawn; the first resample is the data itself."""
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return np.concatenate([np.ones((1, count)), drawn])


def compare(task: str, ours: dict[int, Rows], theirs: dict[int, Rows]) -> str:
    """One line of the table."""
    name, score = METRICS.get(task, ("accuracy", accuracy))
    seeds = sorted(ours.keys() & theirs.keys())
    weights = draws(len(next(iter(ours.values()))))
    mine = np.mean([score(statistics_of(task, ours[s]), weights) for s in seeds], axis=0)
    other = np.mean([score(statistics_of(task, theirs[s]), weights) for s in seeds], axis=0)
    low, high = np.quantile(mine[1:], [0.025, 0.975])
    difference = mine - other
    less, more = np.quantile(difference[1:], [0.025, 0.975])
    return (
        f"| {task} | {name} | {len(seeds)} | {mine[0]:.4f} [{low:.4f}, {high:.4f}] | {other[0]:.4f} "
        f"| {difference[0]:+.4f} [{less:+.4f}, {more:+.4f}] |"
    )


def read_lmfit(folder: Path) -> dict[str, dict[int, Rows]]:
    """task -> seed -> test predictions, from folders named TASK-sSEED."""
    found: dict[str, dict[int, Rows]] = defaultdict(dict)
    for path in sorted(folder.glob("*/predictions/test.jsonl")):
        task, _, seed = path.parts[-3].rpartition("-s")
        with open(path, encoding="utf-8") as file:
            found[task][int(seed)] = [json.loads(line) for line in file]
    return found


def read_peer(folder: Path) -> dict[str, dict[int, Rows]]:
    """The same of the Trainer's result files."""
    found: dict[str, dict[int, Rows]] = defaultdict(dict)
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["settings"]["precision"] == "bf16":
            found[result["settings"]["task"]][result["settings"]["seed"]] = result["predictions"]
    return found


def validation_line(folder: Path) -> str:
    """Mean and spread of the validation headline over seeds, for tasks with several runs."""
    values: dict[str, list[float]] = defaultdict(list)
    for path in sorted(folder.glob("*/metrics.json")):
        manifest = json.loads((path.parent / "run.json").read_text())
        metrics = json.loads(path.read_text())
        if "validation" in metrics:
            task = path.parent.name.rpartition("-s")[0]
            values[task].append(metrics["validation"][manifest["headline"]["metric"]]["value"])
    shown = [
        f"{task} {statistics.mean(v):.4f} (n={len(v)}, {min(v):.4f} to {max(v):.4f})" for task, v in values.items()
    ]
    return "Validation: " + "; ".join(shown)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmfit", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True)
    options = parser.parse_args()
    ours, theirs = read_lmfit(options.lmfit), read_peer(options.peer)
    print(
        "| data | metric | seeds | lmfit, test [95 %] | Trainer | lmfit - Trainer [95 %] |\n|---|---|---|---|---|---|"
    )
    for task in sorted(ours.keys() & theirs.keys()):
        print(compare(task, ours[task], theirs[task]))
    print("\n" + validation_line(options.lmfit))


if __name__ == "__main__":
    main()
