"""Prediction speed: lmfit against `Trainer.predict` with the same trained weights and test rows, interleaved.

    python scripts/benchmarks/predict_speed.py RUN conll2003 --repeats 5 --out speed.json

RUN is a run folder of lmfit, trained on the named data set. Four contestants in turn, each in a process of its own:
lmfit as shipped, lmfit with `--precision fp32`, the Trainer with its defaults (fp32, 8 rows a batch) and tuned (bf16,
group_by_length). lmfit's time includes tokenising, the Trainer's does not. The scores show that all compute the same.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCORE = {"conll2003": ("f1", "f1"), "stsb": ("pearson", "pearson")}
ACCURACY = ("accuracy", "accuracy")
PEERS = {"default": (), "tuned": ("--precision", "bf16", "--group-by-length")}
LMFIT = """
import json, sys
import lmfit
from lmfit.config.load import load_config
from lmfit.data.sources import load_splits

run, precision, metric = sys.argv[1:]
model = lmfit.load(run, precision=precision)
data = load_config("finetune", f"{run}/config.yaml").config.data
test = load_splits(data, model.task.example_kind).test
scores = model.task.score(model.stream(test), resamples=10, seed=0)
print(json.dumps({"tokens_per_second": model.tokens_per_second, "score": scores.metrics[metric]["value"]}))
"""


def run_lmfit(options: argparse.Namespace, precision: str) -> dict[str, float]:
    """One pass over the test rows, with the run's own way of reading them."""
    metric = SCORE.get(options.task, ACCURACY)[0]
    command = [sys.executable, "-c", LMFIT, str(options.run), precision, metric]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def run_peer(options: argparse.Namespace, *extra: str) -> dict[str, float]:
    """One pass of `Trainer.predict` over the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, str(HERE / "peer_trainer.py"), options.task, "--seed", "1", "--epochs", "0"]
        where = ["--model", str(options.run / "model"), "--data", str(options.data), "--out", str(out)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([*command, *where, *extra], check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, **quiet)
        result = json.loads(out.read_text())
    metric = SCORE.get(options.task, ACCURACY)[1]
    return {
        "tokens_per_second": result["speed"]["predict_tokens_per_second"],
        "score": result["scores"]["test"][metric],
    }


def table(rounds: list[dict[str, dict[str, float]]]) -> str:
    """A Markdown table: medians, and the median [least, most] of the ratios within each round."""
    lines = ["| contestant | tokens/s | score | lmfit / it |", "|---|---|---|---|"]
    for name in rounds[0]:
        speed = statistics.median(found[name]["tokens_per_second"] for found in rounds)
        ratios = [found["lmfit"]["tokens_per_second"] / found[name]["tokens_per_second"] for found in rounds]
        spread = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        lines.append(f"| {name} | {speed:,.0f} | {rounds[0][name]['score']:.4f} | {spread} |")
    return "\n".join(lines)


def main() -> None:
    """Run all rounds, print the table, keep every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("task")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rounds = []
    for number in range(1, options.repeats + 1):
        found = {"lmfit": run_lmfit(options, "auto"), "lmfit fp32": run_lmfit(options, "fp32")}
        found |= {f"Trainer {name}": run_peer(options, *extra) for name, extra in PEERS.items()}
        rounds.append(found)
        print(f"round {number}: {json.dumps(found)}", file=sys.stderr, flush=True)
    print(table(rounds))
    if options.out:
        options.out.write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
