"""How fast a model answers rows of the lengths that the user's data has: one at a time, and 32 at a time."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmfit.data.rows import Row
from lmfit.inference.predictor import Predictor
from lmfit.machine import cpu_threads

SINGLE, BATCH, WARM = 200, 32, 5
ROUNDS = 3

Subject = tuple[Predictor, Sequence[Row]]


def measure(subjects: Mapping[str, Subject]) -> dict[str, dict[str, Any]]:
    """Latency in milliseconds (p50, p95, p99) of single rows, rows and real tokens a second in batches of 32.

    Models are timed in turn, row by row and round by round, so that what else the machine does meets all of them alike.
    Throughput is the median of 3 rounds. A row is one model input (a window of a long text).
    """
    chosen = {name: (predictor, _spread(rows)) for name, (predictor, rows) in subjects.items()}
    single: dict[str, list[float]] = {name: [] for name in chosen}
    for number in range(-WARM, max(len(rows) for _, rows in chosen.values())):
        for name, (predictor, rows) in chosen.items():
            seconds = _timed(predictor, [rows[number % len(rows)]])
            if number >= 0:
                single[name].append(1000 * seconds)
    together: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(ROUNDS):
        for name, (predictor, rows) in chosen.items():
            together[name].append(sum(_timed(predictor, rows[i : i + BATCH]) for i in range(0, len(rows), BATCH)))
    return {name: _told(single[name], together[name], chosen[name][1]) for name in chosen}


def _spread(rows: Sequence[Row]) -> list[Row]:
    """At most 200 rows, evenly over all lengths, shortest first."""
    ordered = sorted(rows, key=len)
    return [ordered[int(i)] for i in np.linspace(0, len(ordered) - 1, min(SINGLE, len(ordered)))]


def _timed(predictor: Predictor, rows: Sequence[Row]) -> float:
    batch = predictor.task.collate(rows, predictor.framer)
    started = time.perf_counter()
    predictor.backend.logits(batch)
    return time.perf_counter() - started


def _told(single: Sequence[float], together: Sequence[float], rows: Sequence[Row]) -> dict[str, Any]:
    p50, p95, p99 = (round(float(p), 3) for p in np.percentile(single, (50, 95, 99)))
    seconds, tokens = float(np.median(together)), sum(map(len, rows))
    lengths = [int(p) for p in np.percentile([len(row) for row in rows], (50, 95, 100))]
    return {
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
        "rows_per_second": round(len(rows) / seconds, 1),
        "tokens_per_second": round(tokens / seconds, 1),
        "rows": len(rows),
        "tokens": {"p50": lengths[0], "p95": lengths[1], "longest": lengths[2]},
        "threads": cpu_threads(),
    }
