"""LoRA against full fine-tuning: score with interval, time, memory, checkpoint (MiniLM-L6 on a part of SST-2).

    python scripts/benchmarks/lora.py [--rows 1000] [--test 1000] [--seeds 1,2,3] -o FOLDER

Each run is a process of its own, the ways take turns; prints one JSON line a run, then means.
"""

import argparse
import json
import os
import resource
from pathlib import Path
from statistics import fmean

from lmfit.config.load import load_config
from lmfit.runs import Run
from lmfit.stages import finetune

WAYS = {
    "full": {"training.learning_rate": "1e-4"},
    "lora r=8": {"model.lora": "{rank: 8, alpha: 16}", "training.learning_rate": "1e-3"},
    "head only": {"model.freeze": "encoder", "training.learning_rate": "1e-3"},
}


def main() -> None:
    """Run all ways with all seeds in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    parts = files(asked.output, {"train": asked.rows, "dev": 400, "test": asked.test})
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in asked.seeds.split(","):
        for number, way in enumerate(WAYS):
            output = asked.output / f"{number}-seed-{seed}"
            apart(way, seed, parts, output)
            found[way].append(json.loads((output / "measured.json").read_text()))
            print(json.dumps({"way": way, "seed": seed, **found[way][-1]}), flush=True)
    for way, runs in found.items():
        means = {name: fmean(run[name] for run in runs) for name in runs[0]}
        print(json.dumps({"way": way, **means}))


def files(folder: Path, sizes: dict[str, int]) -> dict[str, Path]:
    """The first rows of each part of SST-2."""
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(os.environ.get("LMFIT_DATA", "../shared/data")) / "sst2"
    made = {}
    for part, size in sizes.items():
        lines = (data / f"stsa.binary.{part}").read_text(encoding="utf-8").splitlines()[:size]
        made[part] = folder / f"{part}.txt"
        made[part].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


def apart(way: str, seed: str, parts: dict[str, Path], output: Path) -> None:
    """Train in a child process; its peak memory is its own."""
    child = os.fork()
    if child == 0:
        try:
            measure(way, seed, parts, output)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def measure(way: str, seed: str, parts: dict[str, Path], output: Path) -> None:
    """Fine-tune, and write what it took to measured.json."""
    settings = {
        "task": "text-classification",
        "model": "minilm-l6",
        "data": {"format": "text", "train": parts["train"], "validation": parts["dev"], "test": parts["test"]},
        "training": {"epochs": 3, "batch_size": 32, "precision": "fp32"},
    }
    words = [f"{key}={value}" for key, value in WAYS[way].items()]
    before = os.times()
    run = finetune.run(load_config("finetune", settings, [*words, f"seed={seed}", f"output={output}"]), device="cpu")
    after = os.times()
    measured = facts(run) | {
        "cpu": after.user + after.system - before.user - before.system,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (output / "measured.json").write_text(json.dumps(measured))


def facts(run: Run) -> dict[str, float]:
    """Score, time and checkpoint of a run."""
    accuracy = run.metrics["test"]["accuracy"]
    newest = max((run.path / "checkpoints").glob("step-*"))
    size = sum(path.stat().st_size for path in newest.iterdir())
    return {
        "accuracy": accuracy["value"],
        "low": accuracy["low"],
        "high": accuracy["high"],
        "train_seconds": run.manifest["timing"]["train_seconds"],
        "checkpoint_mb": size / 1e6,
    }


if __name__ == "__main__":
    main()
