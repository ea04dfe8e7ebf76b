"""Scores of parts of a split, and an honest word about the worst of them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from lmfit.evaluation.intervals import IntArray, resample_weights
from lmfit.evaluation.names import metric
from lmfit.evaluation.pairs import holm
from lmfit.evaluation.scores import Scores

FEW = 30
MOST_VALUES = 20
LENGTH_BINS = 4
_SPREAD_RESAMPLES = 200

Scorer = Callable[[IntArray, int], Scores]
"""Scores of the rows with these indices, with so many resamples."""


@dataclass(frozen=True)
class Slice:
    """The rows (indices) that have a value of `by`."""

    by: str
    value: str
    rows: IntArray


def length_bins(words: Sequence[int]) -> list[str]:
    """The quartile each length falls in, as `8–12 words`; fewer bins where lengths are alike."""
    values = np.asarray(words)
    edges = np.unique(np.quantile(values, np.arange(1, LENGTH_BINS) / LENGTH_BINS, method="lower"))
    place = np.searchsorted(edges, values)
    ends = {b: dict.fromkeys((values[place == b].min(), values[place == b].max())) for b in np.unique(place)}
    return [f"{'–'.join(map(str, ends[b]))} words" for b in place]


def slices_of(by: str, values: Sequence[str]) -> tuple[list[Slice], str]:
    """One slice for each of the (at most 20) most frequent values, and a note on what was left out."""
    counts = Counter(values)
    order = {value: i for i, value in enumerate(values)}
    kept = sorted(counts, key=lambda value: (-counts[value], order[value]))[:MOST_VALUES]
    array = np.asarray(values, dtype=object)
    left = sum(counts.values()) - sum(counts[value] for value in kept)
    note = f"{by}: {len(counts) - len(kept):,} rarer values ({left:,} rows) are not shown" if left else ""
    return [Slice(by, value, np.flatnonzero(array == value)) for value in kept], note


def score_slices(columns: Mapping[str, Sequence[str]], score: Scorer, *, resamples: int, seed: int) -> dict[str, Any]:
    """{"metric", "slices": [{"by", "value", "n", "score", "few", "difference", "p"}], "notes", "worst"} of a split.

    Each slice of at least 30 rows is tested against the rest of the split: difference of the headline metric over the
    standard error that it has if the slice is like the rest (bootstrap of the whole split, scaled to the sizes),
    normal, two-sided; `p` is corrected for the number of slices (Holm 1979). Intervals hold for one slice at a time.
    """
    found, notes, raw = [], [], []
    rows = np.arange(len(next(iter(columns.values()))))
    whole = score(rows, 0)
    headline, error = whole.headline, _standard_error(whole, seed)
    for by, values in columns.items():
        slices, note = slices_of(by, values)
        notes += [note] if note else []
        for one in slices:
            scores = score(one.rows, resamples)
            few = len(one.rows) < FEW
            row = {"by": by, "value": one.value, "n": len(one.rows), "score": scores.metrics[headline], "few": few}
            rest = np.setdiff1d(rows, one.rows)
            tested = None if few or len(rest) < FEW else _against(scores, score(rest, 0), error)
            raw.append(tested[1] if tested else None)
            found.append(row | {"difference": tested[0] if tested else None})
    for row, p in zip(found, holm(raw), strict=True):
        row["p"] = p
    return {"metric": headline, "slices": found, "notes": notes, "worst": worst(found, headline)}


def worst(rows: Sequence[Mapping[str, Any]], headline: str) -> dict[str, Any] | None:
    """The tested slice that is furthest behind the rest, and a sentence; None where none is behind."""
    tested = [row for row in rows if row["p"] is not None]
    sign = 1 if tested and metric(headline).better == "higher" else -1
    behind = [row for row in tested if sign * row["difference"] < 0]
    if not behind:
        return None
    row = min(behind, key=lambda row: (row["p"], sign * row["difference"]))
    name, score, margin = f"{row['by']} = {row['value']}", row["score"]["value"], abs(row["difference"])
    told = f"worst slice: {name} ({row['n']:,} rows), {headline} {score:.3f}, {margin:.3f} behind the rest"
    holds = row["p"] < 0.05
    verdict = "this holds" if holds else "this may be chance"
    sentence = f"{told}; {verdict} after correction for {len(tested)} slices (Holm, p = {shown_p(row['p'])})"
    return {"by": row["by"], "value": row["value"], "holds": holds, "sentence": sentence}


def shown_p(p: float) -> str:
    """`0.013`, or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _against(part: Scores, rest: Scores, error: float) -> tuple[float, float] | None:
    """(difference, p) of the headline in two sets of different rows; None where it is undefined or does not vary.

    error: standard error of the headline on a set of one row, if all rows are alike.
    """
    name = part.headline
    a, b = part.metrics[name]["value"], rest.metrics[name]["value"]
    if a is None or b is None or not error > 0:
        return None
    spread = error * np.sqrt(1 / part.units.count + 1 / rest.units.count)
    return a - b, float(2 * norm.sf(abs(a - b) / spread))


def _standard_error(scores: Scores, seed: int) -> float:
    """Of the headline on a single unit: that of the whole split by the bootstrap, times the root of its units."""
    name = scores.headline
    chunks = [scores.units.scores(w)[name] for w in resample_weights(scores.units, _SPREAD_RESAMPLES, seed)]
    return float(np.nanstd(np.concatenate(chunks), ddof=1) * np.sqrt(scores.units.count))
