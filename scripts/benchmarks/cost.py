"""What `lmfit check --cost` says beforehand, beside what the run then takes: peak memory, training time, time in all.

    python scripts/benchmarks/cost.py --data ../shared/data --steps 60

Each command is a process of its own, forked from one that has imported what they need. Times of a shared machine move
between the two, which is part of the error of times. Data: the first lines of each file (--lines).
"""

import argparse
import io
import itertools
import json
import multiprocessing
import tempfile
from contextlib import redirect_stderr, redirect_stdout
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
SMALL = {"model": "scratch-characters"}
CONTESTANTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "words, minilm-l6, batch 8": (NER, ["training.batch_size=8"]),
    "words, minilm-l6, batch 32": (NER, []),
    "texts to 64 tokens, minilm-l6, batch 16": (REVIEWS, ["training.batch_size=16", "data.max_length=64"]),
    "texts to 256 tokens, minilm-l6, batch 8": (REVIEWS, ["training.batch_size=8"]),
    "texts to 256 tokens, minilm-l6, batch 32": (REVIEWS, ["training.batch_size=32"]),
    "texts to 256 tokens, minilm-l6, batch 32, limit 1.5 GB": (
        REVIEWS,
        ["training.batch_size=32", "device.memory_limit=1.5GB"],
    ),
    "words, small, batch 32": (NER | SMALL, []),
    "texts to 256 tokens, small, batch 64": (REVIEWS | SMALL, ["training.batch_size=64"]),
}
PRELOADED = ["transformers.models.bert.modeling_bert", "sklearn.linear_model", "lmfit.cli", "lmfit.stages.finetune"]


def located(config: dict[str, Any], data: Path, folder: Path, lines: int) -> dict[str, Any]:
    """The config with the first lines of its files below `data`, copied to `folder`."""
    files = {k: v for k, v in config["data"].items() if k in ("train", "validation", "test")}
    for name, path in files.items():
        with open(data / path, encoding="utf-8") as file:
            (folder / f"{name}.txt").write_text("".join(itertools.islice(file, lines)), encoding="utf-8")
    return config | {"data": config["data"] | {name: str(folder / f"{name}.txt") for name in files}}


def called(*words: str) -> dict[str, Any]:
    """What an lmfit command prints as JSON."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with context.Pool(1) as pool:
        return pool.apply(_command, (words,))


def _command(words: tuple[str, ...]) -> dict[str, Any]:
    from lmfit.cli import main

    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(told), redirect_stderr(io.StringIO()) as errors:
        try:
            main([*words, "--json", "--quiet"])
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"{words}: {errors.getvalue()}") from end
    told.flush()
    found: dict[str, Any] = json.loads(told.buffer.getvalue())  # type: ignore[attr-defined]
    return found


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
    parser.add_argument("--lines", type=int, default=4000, help="Lines of each data file that are used.")
    parser.add_argument("--only", default="", help="Contestants whose name holds this.")
    asked = parser.parse_args()
    print(
        "| run | MB foreseen | MB taken | error | training, s | took | in all, s | took | micro-batch: foreseen, run |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (config, words) in CONTESTANTS.items():
        if asked.only in name:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                (folder / "cost.yaml").write_text(json.dumps(located(config, asked.data, folder, asked.lines)))
                limits = [*words, f"training.max_steps={asked.steps}"]
                print(f"| {name} {measured(folder / 'cost.yaml', limits, folder / 'run')}", flush=True)


if __name__ == "__main__":
    main()
