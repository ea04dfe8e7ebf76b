"""How long the audit takes, and how much memory it keeps a row.

    python scripts/benchmarks/audit_speed.py ../shared/data /tmp/audit

Audits CoNLL-2003 (three splits), and a CSV of a million rows beside a test file of 20,000, made in the given folder
from rows of BANKING77 with their words in another order. Prints a Markdown table: seconds of reading (load_splits), of
the audit (with two passes over what is too large for memory), of the audit again (from the cache); in brackets CPU
seconds.
"""

import argparse
import csv
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lmfit.config.data import DataConfig
from lmfit.data.audit.audit import audited
from lmfit.data.audit.scan import scan
from lmfit.data.sources import load_splits


def main() -> None:
    """Print the table; each measurement runs in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--copies", type=int, default=1, help="texts this many times as long")
    parser.add_argument("--measure", choices=["conll", "csv"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| data | rows | reading, s | audit, s | again, s | findings | bytes kept a row | peak MiB |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in ("conll", "csv"):
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--measure", name], check=True)


def measure(options: argparse.Namespace) -> None:
    """One row of the table."""
    os.environ["LMFIT_CACHE"] = tempfile.mkdtemp(dir=options.folder)
    data, kind = _conll(options) if options.measure == "conll" else _table(options)
    started = _clocks()
    splits = load_splits(DataConfig(**data), kind)
    times = [_since(started)]
    held = {name: getattr(splits, name) for name in ("train", "validation", "test") if getattr(splits, name)}
    for _ in range(2):
        started = _clocks()
        audit = audited(held, lambda e: e.tags or [str(e.label)], "benchmark")
        times.append(_since(started))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = sum(profile.rows for profile in audit.profiles.values())
    kept = _bytes_a_row(held["train"])
    print(f"| {options.measure} | {rows:,} | {' | '.join(times)} | {len(audit.findings)} | {kept} | {peak:,.0f} |")


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(started: tuple[float, float]) -> str:
    wall, cpu = (now - then for now, then in zip(_clocks(), started, strict=True))
    return f"{wall:.1f} ({cpu:.1f})"


def _bytes_a_row(train: Any) -> str:
    """The size of the arrays kept of the training split, a row."""
    one = scan(train, lambda e: [], sketched=True)
    arrays = [array for array in vars(one).values() if hasattr(array, "nbytes")]
    return f"{sum(array.nbytes for array in arrays) / one.profile.rows:.0f}"


def _conll(options: argparse.Namespace) -> tuple[dict[str, Any], Any]:
    folder = options.data / "conll2003"
    files = {"train": "eng.train", "validation": "eng.testa", "test": "eng.testb"}
    return {name: str(folder / file) for name, file in files.items()} | {"format": "conll"}, "words"


def _table(options: argparse.Namespace) -> tuple[dict[str, Any], Any]:
    with open(options.data / "banking77" / "train.csv", newline="", encoding="utf-8") as file:
        known = [(row["text"].split(), row["category"]) for row in csv.DictReader(file)]
    paths = {}
    for name, rows, seed in (("train", options.rows, 0), ("test", 20_000, 1)):
        paths[name] = str(options.folder / f"{name}-{rows}-{options.copies}.csv")
        if not Path(paths[name]).exists():
            _write(paths[name], known, rows, options.copies, random.Random(seed))
    return paths, "text"


def _write(path: str, known: list[tuple[list[str], str]], rows: int, copies: int, generator: random.Random) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(rows):
            words, label = known[row % len(known)]
            shuffled = generator.sample(words * copies, len(words) * copies)
            writer.writerow([" ".join(shuffled), label])


if __name__ == "__main__":
    main()
