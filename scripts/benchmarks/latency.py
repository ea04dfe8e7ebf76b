"""How many times as fast runs answer as the first of them: in turn, row by row, at the lengths of the test rows.

    OMP_NUM_THREADS=1 python scripts/benchmarks/latency.py FIRST RUN [RUN ...] [--rounds 5]

All runs read the test rows of FIRST, 200 of them evenly over all lengths. Ratios are taken within each round; told are
their median, least and most, for single rows (p50) and for batches of 32.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

from lmfit.compression.speed import measure
from lmfit.config.load import load_run_config
from lmfit.data.sources import load_splits
from lmfit.inference.load import load_predictor
from lmfit.inference.predictor import Predictor
from lmfit.machine import cpu_flags, cpu_threads, processor_name
from lmfit.runs import Run
from lmfit.stages.prepare import tokenised


def megabytes(run: Path) -> float:
    """The size of the model's file."""
    return max(path.stat().st_size for path in (run / "model").iterdir()) / 1e6


def loaded(run: Run) -> Predictor:
    """A PyTorch model computes in fp32, another one as it was compressed."""
    return load_predictor(run, device="cpu", precision="fp32" if run.manifest["backend"] == "pytorch" else "auto")


def main() -> None:
    """Print one row for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    predictors = {str(run): loaded(Run(run)) for run in asked.runs}
    first = predictors[str(asked.runs[0])]
    config: Any = load_run_config(Run(asked.runs[0])).config
    test = load_splits(config.data, first.task.example_kind).test
    assert test is not None
    subjects = {name: (one, tokenised(one.task, one.framer, test)) for name, one in predictors.items()}
    rounds = [{name: times.told() for name, times in measure(subjects).items()} for _ in range(asked.rounds)]
    print(f"{processor_name()} ({', '.join(cpu_flags())}), {cpu_threads()} threads\n")
    print(
        "| run | MB | single row, ms | times as fast | batch of 32, rows/s | times as fast |\n|---|---|---|---|---|---|"
    )
    base = str(asked.runs[0])
    for name in predictors:
        single = [one[name]["latency_ms"]["p50"] for one in rounds]
        batch = [one[name]["rows_per_second"] for one in rounds]
        ahead = [one[base]["latency_ms"]["p50"] / ms for one, ms in zip(rounds, single, strict=True)]
        beyond = [rate / one[base]["rows_per_second"] for one, rate in zip(rounds, batch, strict=True)]
        fast, faster = (f"{statistics.median(r):.2f} [{min(r):.2f}, {max(r):.2f}]" for r in (ahead, beyond))
        print(
            f"| {Path(name).name} | {megabytes(Path(name)):.1f} | {statistics.median(single):.2f} | {fast} "
            f"| {statistics.median(batch):,.0f} | {faster} |"
        )


if __name__ == "__main__":
    main()
