"""Per-label tables and the confusion matrix, cut down to what can be read; what is left out is counted."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmfit.evaluation.report.files import Json, RunFiles, dig, items, mapping, number, records

_LARGEST_MATRIX, _SHOWN_OF_LARGER = 20, 18
_PAIRS = 15
_LONGEST_HEAD = 12

Cells = list[tuple[int, int, int]]


@dataclass(frozen=True)
class LabelRow:
    """Scores of one label or average; None where they are not known."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: float | None


@dataclass(frozen=True)
class LabelTable:
    """Rows by label, then rows of averages (micro, macro, weighted)."""

    rows: list[LabelRow]
    averages: list[LabelRow]


@dataclass(frozen=True)
class Pair:
    """A frequent mistake: `share` is the part of the gold label's rows."""

    gold: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class Cell:
    """A count and its share of its row; `kind`: same (right), differs (wrong) or mixed (among the summed-up labels)."""

    count: int
    share: float
    kind: str


@dataclass(frozen=True)
class Confusion:
    """A readable part of the matrix: `rest` labels make one last row and column; `numbered` columns carry numbers."""

    labels: list[str]
    rows: list[list[Cell]]
    rest: int
    numbered: bool
    pairs: list[Pair]


def label_table(run: RunFiles, split: str) -> LabelTable | None:
    """The split's per-label scores, weakest first, labels without support last."""
    table = _table(dig(run.tables, split, "per_label"))
    if table:
        table.rows.sort(key=lambda row: (not row.support, row.f1 if row.f1 is not None else 2.0))
    return table


def token_table(run: RunFiles, split: str) -> LabelTable | None:
    """The split's token-level scores per tag, in the order of the file."""
    return _table(dig(run.tables, split, "token"))


def outside_share(tokens: LabelTable | None) -> float | None:
    """The share of words whose gold tag is O, the tag of words outside any entity."""
    supports = {row.label: row.support or 0 for row in tokens.rows} if tokens else {}
    total = sum(supports.values())
    return supports["O"] / total if total and "O" in supports else None


def confusion(run: RunFiles, split: str) -> Confusion | None:
    """The split's confusion matrix; of a large one, the labels with most errors and the rest summed up."""
    table = dig(run.tables, split, "confusion")
    labels = [str(label) for label in items(dig(table, "labels"))]
    cells = _cells(dig(table, "cells"), len(labels))
    if not cells:
        return None
    chosen = _chosen(cells, len(labels))
    named = [labels[index] for index in chosen]
    rest = len(labels) - len(chosen)
    numbered = len(chosen) > _LONGEST_HEAD or any(len(label) > _LONGEST_HEAD for label in named)
    return Confusion(named, _summed(cells, chosen, with_rest=rest > 0), rest, numbered, _pairs(labels, cells))


def _cells(cells: Any, size: int) -> list[tuple[int, int, int]]:
    """The cells that are not zero, as (gold index, predicted index, count)."""
    triples = [cell for cell in items(cells) if isinstance(cell, list) and len(cell) == 3]
    whole = [(i, j, count) for i, j, count in triples if all(isinstance(value, int) for value in (i, j, count))]
    return [(i, j, count) for i, j, count in whole if 0 <= i < size and 0 <= j < size and count > 0]


def _chosen(cells: Cells, size: int) -> list[int]:
    """The labels shown one by one: all, or of a large matrix those of the most frequent mistakes, side by side."""
    if size <= _LARGEST_MATRIX:
        return list(range(size))
    mistakes = sorted((cell for cell in cells if cell[0] != cell[1]), key=lambda cell: -cell[2])
    by_mistakes = [index for gold, predicted, _ in mistakes for index in (gold, predicted)]
    return list(dict.fromkeys([*by_mistakes, *range(size)]))[:_SHOWN_OF_LARGER]


def _summed(cells: Cells, chosen: list[int], *, with_rest: bool) -> list[list[Cell]]:
    """Counts between the chosen labels; all other labels are one more row and column at the end."""
    place = {index: position for position, index in enumerate(chosen)}
    width = len(chosen) + with_rest
    counts = [[0] * width for _ in range(width)]
    for gold, predicted, count in cells:
        counts[place.get(gold, width - 1)][place.get(predicted, width - 1)] += count
    totals = [sum(row) or 1 for row in counts]
    return [
        [Cell(count, count / total, _kind(i, j, len(chosen))) for j, count in enumerate(row)]
        for i, (row, total) in enumerate(zip(counts, totals, strict=True))
    ]


def _kind(row: int, column: int, single: int) -> str:
    if row != column:
        return "differs"
    return "same" if row < single else "mixed"


def _pairs(labels: Sequence[str], cells: Cells) -> list[Pair]:
    totals: Counter[int] = Counter()
    for gold, _, count in cells:
        totals[gold] += count
    wrong = (cell for cell in cells if cell[0] != cell[1])
    most = heapq.nsmallest(_PAIRS, wrong, key=lambda cell: (-cell[2], cell[0], cell[1]))
    return [Pair(labels[i], labels[j], count, count / totals[i]) for i, j, count in most]


def _table(table: Any) -> LabelTable | None:
    rows = [_row(record) for record in records(dig(table, "rows"))]
    averages = [_row({**scores, "label": name}) for name, scores in mapping(dig(table, "averages")).items()]
    return LabelTable(rows, averages) if rows else None


def _row(record: Json) -> LabelRow:
    precision, recall, f1, support = (number(record.get(name)) for name in ("precision", "recall", "f1", "support"))
    return LabelRow(str(record.get("label", "")), precision, recall, f1, support)
