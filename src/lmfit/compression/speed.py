"""How fast a model answers rows of the lengths that the user's data has: one at a time, and 32 at a time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmfit.data.rows import Row
from lmfit.inference.predictor import Predictor
from lmfit.machine import cpu_threads

SINGLE, BATCH, WARM = 200, 32, 5
ROUNDS = 3

Subject = tuple[Predictor, Sequence[Row]]


@dataclass(frozen=True)
class Times:
    """single: milliseconds of each call with one row; together: seconds of each round of batches over all rows."""

    rows: Sequence[Row]
    single: list[float]
    together: list[float]

    def told(self) -> dict[str, Any]:
        """Latency in milliseconds (p50, p95, p99) of single rows, rows and real tokens a second in batches of 32."""
        p50, p95, p99 = (round(float(p), 3) for p in np.percentile(self.single, (50, 95, 99)))
        seconds, tokens = float(np.median(self.together)), sum(map(len, self.rows))
        lengths = [int(p) for p in np.percentile([len(row) for row in self.rows], (50, 95, 100))]
        return {
            "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
            "rows_per_second": round(len(self.rows) / seconds, 1),
            "tokens_per_second": round(tokens / seconds, 1),
            "rows": len(self.rows),
            "tokens": {"p50": lengths[0], "p95": lengths[1], "longest": lengths[2]},
            "threads": cpu_threads(),
        }

    def times_as_fast_as(self, other: "Times") -> tuple[float, float]:
        """Between which ratios the middle half of the calls lie, each beside the other's that came just before."""
        ratios = [theirs / ours for ours, theirs in zip(self.single, other.single, strict=True)]
        low, high = np.percentile(ratios, (25, 75))
        return round(float(low), 3), round(float(high), 3)


def measure(subjects: Mapping[str, Subject]) -> dict[str, Times]:
    """Time models in turn, row by row and round by round: what else the machine does meets all of them alike.

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
    return {name: Times(chosen[name][1], single[name], together[name]) for name in chosen}


def _spread(rows: Sequence[Row]) -> list[Row]:
    """At most 200 rows, evenly over all lengths, shortest first."""
    ordered = sorted(rows, key=len)
    return [ordered[int(i)] for i in np.linspace(0, len(ordered) - 1, min(SINGLE, len(ordered)))]


def _timed(predictor: Predictor, rows: Sequence[Row]) -> float:
    batch = predictor.task.collate(rows, predictor.framer)
    started = time.perf_counter()
    predictor.backend.logits(batch)
    return time.perf_counter() - started
