"""Scale: memory and time of `lmfit check` and `lmfit finetune` on CSV files that grow, and the speed of tokenising.

    python scripts/benchmarks/scale.py --megabytes 5 50 500 --folder /tmp/scale

Rows are made of words drawn from real rows (--words FILE, any text; by default the bundled headlines), 8 to 30 a row,
hence hardly any text comes twice. Each command runs in a process of its own, with an empty token cache. `peak` is the
highest resident size, `own` the highest of its anonymous part (memory-mapped files count in the first alone).
Tokenising runs against `tokenizers.encode_batch` on the same texts, in turns; the best turn of each counts.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LABELS = ("business", "science", "sports", "world")
BATCH = 2048


def make_csv(path: Path, size: int, words: list[str]) -> int:
    """Write a CSV file of about `size` bytes; returns its rows."""
    generator, rows = random.Random(size), 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "day"])
        while file.tell() < size:
            for _ in range(1000):
                rows += 1
                text = " ".join(generator.choices(words, k=generator.randint(8, 30)))
                day = f"20{generator.randint(10, 24)}-{generator.randint(1, 12):02}-{generator.randint(1, 28):02}"
                writer.writerow([rows, text, generator.choice(LABELS), day])
    return rows


def memory_of(pid: int) -> dict[str, int]:
    """VmHWM and RssAnon of a process, in kilobytes; nothing where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {key: int(value.split()[0]) for key, _, value in (line.partition(":") for line in lines) if key in MEMORY}


MEMORY = ("VmHWM", "RssAnon")


def watch(command: list[str], folder: Path) -> dict[str, Any]:
    """Run a command; its seconds, CPU seconds, peak and own memory in megabytes."""
    started = time.perf_counter()
    with open(folder / "log.txt", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        peak = own = 0
        while True:
            found = memory_of(process.pid)
            peak, own = max(peak, found.get("VmHWM", 0)), max(own, found.get("RssAnon", 0))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.05)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{(folder / 'log.txt').read_text()[-2000:]}")
    seconds = time.perf_counter() - started
    cpu = usage.ru_utime + usage.ru_stime
    return {"seconds": round(seconds, 1), "cpu": round(cpu, 1), "peak_mb": peak >> 10, "own_mb": own >> 10}


def measure(folder: Path, file: Path, by: str) -> dict[str, Any]:
    """`check` and `finetune` on a file."""
    part = {"split": 0.01, "by": by} | ({"key": "day"} if by == "date" else {})
    config = {
        "task": "text-classification",
        "data": {"train": str(file), "validation": part, "test": part, "columns": {"text": "text", "label": "label"}},
        "training": {"max_steps": 20},
        "output": str(folder / "run"),
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    os.environ["LMFIT_CACHE"] = str(folder / "cache")
    lmfit = [sys.executable, "-m", "lmfit"]
    found = {"check": watch([*lmfit, "check", "config.yaml"], folder)}
    subprocess.run(["rm", "-rf", folder / "cache", folder / "run"], check=True)
    found["finetune"] = watch([*lmfit, "finetune", "config.yaml"], folder)
    found["finetune"] |= json.loads((folder / "run/run.json").read_text())["timing"]
    subprocess.run(["rm", "-rf", folder / "cache", folder / "run"], check=True)
    return found


def tokenising(words: list[str], texts: int, turns: int) -> dict[str, float]:
    """Texts per second (and per CPU second): raw `encode_batch`, and lmfit from examples to rows on disk."""
    from lmfit.config.model import ModelConfig
    from lmfit.config.tasks import TextClassificationSettings
    from lmfit.data.example import Example, Origin
    from lmfit.data.framing import Framer
    from lmfit.data.rows import Row, cached_rows
    from lmfit.inference.predictor import encode_all
    from lmfit.models.load import find_model, load_tokenizer
    from lmfit.tasks.base import Stats
    from lmfit.tasks.text_classification import TextClassification

    generator = random.Random(0)
    made = [" ".join(generator.choices(words, k=generator.randint(8, 30))) for _ in range(texts)]
    examples = [Example(Origin("a", i), text, label=LABELS[i % 4]) for i, text in enumerate(made)]
    tokenizer = load_tokenizer(find_model(ModelConfig()))
    framer, settings = Framer(tokenizer, 256), TextClassificationSettings()
    task = TextClassification(settings, "single_label", list(LABELS))

    def raw(_: int) -> None:
        for i in range(0, texts, BATCH):
            tokenizer.backend_tokenizer.encode_batch(made[i : i + BATCH])

    def ours(turn: int) -> None:
        stats = Stats()

        def rows() -> Iterator[Row]:
            for encoded in encode_all(task, examples, framer, stats):
                yield from encoded.rows

        cached_rows({"turn": turn, "at": time.time()}, rows(), stats.as_dict)

    best: dict[str, float] = {}
    for turn in range(turns):
        contestants: list[Callable[[int], None]] = [raw, ours]
        for run in contestants:
            started, cpu = time.perf_counter(), time.process_time()
            run(turn)
            now = {run.__name__: time.perf_counter() - started, f"{run.__name__}_cpu": time.process_time() - cpu}
            best |= {name: max(best.get(name, 0), texts / seconds) for name, seconds in now.items()}
    shares = {f"share{end}": round(best[f"ours{end}"] / best[f"raw{end}"], 3) for end in ("", "_cpu")}
    return {name: round(speed) for name, speed in best.items()} | shares


def main() -> None:
    """Read the options, measure, print a JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="*", default=[5, 50, 500])
    parser.add_argument("--words", type=Path, default=None)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--by", default="random", choices=["random", "stratified", "date"])
    parser.add_argument("--texts", type=int, default=50_000, help="texts to tokenise; 0: none")
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    from lmfit.data.samples import FOLDER

    words = (asked.words or next(Path(FOLDER).glob("sample_headlines.train.csv"))).read_text(encoding="utf-8").split()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        os.environ["LMFIT_CACHE"] = str(folder / "cache")
        if asked.texts:
            print(json.dumps({"tokenising": tokenising(words, asked.texts, asked.turns)}), flush=True)
        for size in asked.megabytes:
            file = folder / "rows.csv"
            rows = make_csv(file, int(size * 1e6), words)
            found = measure(folder, file, asked.by)
            print(json.dumps({"megabytes": size, "rows": rows, **found}), flush=True)


if __name__ == "__main__":
    main()
