"""What each option of `training:` gives and costs, beside the same training without it, as a Markdown table.

    nice python scripts/benchmarks/options.py --out runs/options

SST-2, its first `--rows` training rows, the embedded encoder, no validation data (the last weights are scored, on the
whole test split); every run in a process of its own with one thread, options in turn for each seed. Runs that are in
`--out` already are kept. The difference of accuracies is paired by seed and by test row; its 95 % interval holds both.
Times are CPU seconds of the process and its children (compilers), which a busy machine changes less than wall-clock
time; memory is the peak during training less what the process held before the first step (Linux).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from lmfit.evaluation.comparison.answers import read_answers, score
from lmfit.evaluation.pairs import Sampled, sample, subtract

PLAIN = "none"
OPTIONS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "ema: 0.999": {"ema": 0.999},
    "r_drop: 1.0": {"r_drop": 1.0},
    "adversarial: fgm": {"adversarial": "fgm"},
    "gradient_checkpointing: true": {"gradient_checkpointing": True},
    "compile: true": {"compile": True},
}
RESAMPLES = 2000


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def memory_mib(what: str) -> float:
    """VmRSS (now) or VmHWM (peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def train(config: Path, out: Path) -> None:
    """One run, in this process; what its steps cost goes to COST.json beside it."""
    import lmfit
    from lmfit.training.trainer import Trainer

    steps, held = [], []
    step = Trainer.step

    def measured(self: Trainer, number: int) -> Any:
        if not held:
            Path("/proc/self/clear_refs").write_text("5")
            held.append(memory_mib("VmRSS"))
        begun = cpu_seconds()
        result = step(self, number)
        steps.append(cpu_seconds() - begun)
        return result

    setattr(Trainer, "step", measured)  # noqa: B010
    fit = Trainer.fit

    def peaked(self: Trainer) -> Any:
        state = fit(self)
        held.append(memory_mib("VmHWM"))
        return state

    setattr(Trainer, "fit", peaked)  # noqa: B010
    begun = cpu_seconds()
    lmfit.finetune(config, output=str(out))
    facts = {"steps": steps, "memory_mib": held[1] - held[0], "cpu_seconds": cpu_seconds() - begun}
    (out / "cost.json").write_text(json.dumps(facts))


def run(name: str, seed: int, options: argparse.Namespace) -> Path:
    """The folder of a finished run, made where it is not there."""
    out: Path = options.out / f"{name.partition(':')[0]}-s{seed}"
    if (out / "cost.json").is_file():
        return out
    rows = options.out / f"first-{options.rows}.txt"
    lines = (options.data / "sst2" / "stsa.binary.train").read_text(encoding="utf-8").splitlines(keepends=True)
    rows.write_text("".join(lines[: options.rows]), encoding="utf-8")
    config = {
        "task": "text-classification",
        "data": {"format": "text", "train": str(rows), "test": str(options.data / "sst2" / "stsa.binary.test")},
        "training": {"epochs": options.epochs, "batch_size": 32, "learning_rate": 1e-4, **OPTIONS[name]},
        "evaluation": {"resamples": 100},
        "seed": seed,
    }
    path = options.out / f"{out.name}.yaml"
    path.write_text(json.dumps(config))
    command = [sys.executable, __file__, "--train", str(path), "--out", str(out)]
    with open(options.out / f"{out.name}.txt", "w") as told:
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=told, stdout=told)
    return out


def accuracies(folders: list[Path]) -> Sampled:
    """Of each seed, on the test rows and on their resamples."""
    files = [folder / "predictions" / "test.jsonl" for folder in folders]
    units = [score("single_label", read_answers(file, "single_label")).units for file in files]
    return sample(["accuracy"], [units], RESAMPLES, 0)[0]["accuracy"]


def line(name: str, folders: list[Path], plain: list[Path]) -> str:
    """One row of the table; ratios are means over seeds of the ratios to the plain run of the same seed."""
    one, other = accuracies(folders), accuracies(plain)
    apart = Sampled(one.values - other.values, one.resampled - other.resampled, one.units)
    found = subtract(apart, Sampled(np.zeros(1), np.zeros((1, RESAMPLES)), one.units))
    shown = "" if name == PLAIN else f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
    costs, plains = ([json.loads((f / "cost.json").read_text()) for f in each] for each in (folders, plain))

    def ratio(cost: Any) -> str:
        each = [cost(a) / cost(b) for a, b in zip(costs, plains, strict=True)]
        return f"{statistics.mean(each):.2f} [{min(each):.2f}, {max(each):.2f}]"

    steps = ratio(lambda c: statistics.median(c["steps"]))
    memory = statistics.mean(c["memory_mib"] for c in costs)
    whole = ratio(lambda c: sum(c["steps"]))
    return f"| {name} | {len(folders)} | {one.mean:.4f} | {shown} | {steps} | {whole} | {memory:,.0f} |"


def main() -> None:
    """Make the runs that are missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.train:
        return train(options.train, options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = range(1, options.seeds + 1)
    folders = {(name, seed): run(name, seed, options) for seed in seeds for name in OPTIONS}
    print(
        "| option | seeds | test accuracy | difference [95 %] | CPU time of a step | of all steps | memory, MiB |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name in OPTIONS:
        print(line(name, [folders[name, seed] for seed in seeds], [folders[PLAIN, seed] for seed in seeds]))
    return None


if __name__ == "__main__":
    main()
