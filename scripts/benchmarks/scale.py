"""Scale: memory and time of `lmfit check` and `lmfit finetune` on CSV files that grow, and the speed of tokenising.

    python scripts/benchmarks/scale.py ../shared/data --gigabytes 0.05 0.5 5 --folder /tmp

Rows are made of whole sentences of SST-2 and BANKING77 drawn anew, 3 to 10 a row (a review of some 110 words); about
300 rows each are set aside for validation and test, whatever the size. `check` starts with an empty cache and
tokenises; `finetune` then reads, audits and splits again, takes the tokens from the cache and does 10 steps. Each
command runs in a process of its own. own: the highest anonymous resident memory, MiB; peak: with the pages of mapped
files, which the kernel takes back when it likes. phases: seconds as the progress lines tell them (every 15 seconds).
Tokenising runs against `tokenizers` alone (`encode_batch_fast`, the quickest way) on the same texts, in turns;
medians over the turns, and of the ratios within a turn.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LABELS = ("business", "science", "sports", "world")
BATCH = 2048
HELD_OUT, STEPS = 300, 10
MEMORY = ("VmHWM", "RssAnon")
PROGRESS = re.compile(r"^(.+?): [\d,]+.*, (\d+) s$")


def real_sentences(data: Path) -> list[str]:
    """The sentences of SST-2 and BANKING77."""
    movies = (data / "sst2/stsa.binary.train").read_text(encoding="utf-8").splitlines()
    with open(data / "banking77/train.csv", encoding="utf-8", newline="") as file:
        questions = [row["text"] for row in csv.DictReader(file)]
    return [line[2:] for line in movies] + questions


def review(generator: random.Random, sentences: list[str]) -> str:
    """Some sentences, one after the other."""
    return " ".join(generator.choices(sentences, k=generator.randint(3, 10)))


def make_csv(path: Path, size: int, sentences: list[str]) -> int:
    """Write a CSV file of about `size` bytes; returns its rows."""
    generator, rows = random.Random(size), 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "day"])
        while file.tell() < size:
            for _ in range(1000):
                rows += 1
                day = f"20{generator.randint(10, 24)}-{generator.randint(1, 12):02}-{generator.randint(1, 28):02}"
                writer.writerow([rows, review(generator, sentences), generator.choice(LABELS), day])
    return rows


def memory_of(pid: int) -> dict[str, int]:
    """VmHWM and RssAnon of a process, in kilobytes; nothing where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {key: int(value.split()[0]) for key, _, value in (line.partition(":") for line in lines) if key in MEMORY}


def watch(command: list[str], folder: Path) -> dict[str, Any]:
    """Run a command; its seconds, CPU seconds, peak and own memory in MiB, and seconds by phase."""
    started = time.perf_counter()
    log = folder / "log.txt"
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=folder)
        peak = own = 0
        while True:
            found = memory_of(process.pid)
            peak, own = max(peak, found.get("VmHWM", 0)), max(own, found.get("RssAnon", 0))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.05)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text()[-2000:]}")
    told = {"seconds": time.perf_counter() - started, "cpu": usage.ru_utime + usage.ru_stime}
    phases = {found[1]: int(found[2]) for line in log.read_text().splitlines() if (found := PROGRESS.match(line))}
    return {name: round(x, 1) for name, x in told.items()} | {"own": own >> 10, "peak": peak >> 10, "phases": phases}


def measure(folder: Path, file: Path, rows: int, by: str) -> dict[str, Any]:
    """`check` and `finetune` on a file."""
    part = {"split": min(0.1, HELD_OUT / rows), "by": by} | ({"key": "day"} if by == "date" else {})
    config = {
        "task": "text-classification",
        "data": {"train": str(file), "validation": part, "test": part, "columns": {"text": "text", "label": "label"}},
        "training": {"max_steps": STEPS},
        "output": str(folder / "run"),
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    lmfit = [sys.executable, "-m", "lmfit"]
    found = {"check": watch([*lmfit, "check", "config.yaml"], folder)}
    found["finetune"] = watch([*lmfit, "finetune", "config.yaml"], folder)
    found["finetune"] |= json.loads((folder / "run/run.json").read_text())["timing"]
    for name in ("cache", "run"):
        shutil.rmtree(folder / name)
    return found


def tokenising(sentences: list[str], texts: int, turns: int) -> dict[str, Any]:
    """Texts per second (and per CPU second): raw `encode_batch_fast`, and lmfit from examples to rows on disk."""
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
    made = [review(generator, sentences) for _ in range(texts)]
    examples = [Example(Origin("a", i), text, label=LABELS[i % 4]) for i, text in enumerate(made)]
    tokenizer = load_tokenizer(find_model(ModelConfig()))
    framer, settings = Framer(tokenizer, 256), TextClassificationSettings()
    task = TextClassification(settings, "single_label", list(LABELS))

    def raw(_: int) -> None:
        for i in range(0, texts, BATCH):
            tokenizer.backend_tokenizer.encode_batch_fast(made[i : i + BATCH])

    def ours(turn: int) -> None:
        stats = Stats()

        def rows() -> Iterator[Row]:
            for encoded in encode_all(task, examples, framer, stats):
                yield from encoded.rows

        cached_rows({"turn": turn, "at": time.time()}, rows(), stats.as_dict)

    contestants: list[Callable[[int], None]] = [raw, ours]
    speeds: dict[str, list[float]] = {}
    for turn in range(turns):
        for run in contestants:
            started, cpu = time.perf_counter(), time.process_time()
            run(turn)
            for clock, seconds in (("", time.perf_counter() - started), ("_cpu", time.process_time() - cpu)):
                speeds.setdefault(run.__name__ + clock, []).append(texts / seconds)
    told: dict[str, Any] = {name: round(statistics.median(found)) for name, found in speeds.items()}
    for clock in ("", "_cpu"):
        shares = sorted(a / b for a, b in zip(speeds["ours" + clock], speeds["raw" + clock], strict=True))
        told["share" + clock] = [round(x, 3) for x in (statistics.median(shares), shares[0], shares[-1])]
    return told


def main() -> None:
    """Read the options, measure, print a JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of real data sets")
    parser.add_argument("--gigabytes", type=float, nargs="*", default=[0.05, 0.5, 5])
    parser.add_argument("--folder", type=Path, default=None, help="where the files lie while they are needed")
    parser.add_argument("--by", default="random", choices=["random", "stratified", "date"])
    parser.add_argument("--texts", type=int, default=20_000, help="texts to tokenise; 0: none")
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    sentences = real_sentences(asked.data)
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        os.environ["LMFIT_CACHE"] = str(folder / "cache")
        if asked.texts:
            print(json.dumps({"tokenising": tokenising(sentences, asked.texts, asked.turns)}), flush=True)
            shutil.rmtree(folder / "cache")
        for size in asked.gigabytes:
            file = folder / "rows.csv"
            started = time.perf_counter()
            rows = make_csv(file, int(size * 1e9), sentences)
            seconds = round(time.perf_counter() - started, 1)
            found = measure(folder, file, rows, asked.by)
            print(json.dumps({"gigabytes": size, "rows": rows, "making": seconds, **found}), flush=True)


if __name__ == "__main__":
    main()
