"""The worst errors of a split, found in one pass over its predictions with only those kept in memory."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmfit.evaluation.report.files import Json, items, json_lines, number, records

_KEPT, _MOST_POINTS = 50, 2000
_EXCERPT, _LEAD = 600, 200

Span = tuple[int, int, str]


@dataclass(frozen=True)
class Piece:
    """A stretch of text. `state` of an entity: right, missed (gold only) or spurious (predicted only)."""

    text: str
    label: str = ""
    state: str = ""


@dataclass(frozen=True)
class ErrorItem:
    """One wrong row, ready to be shown. `texts` holds the text and, for pairs, the second one."""

    origin: str
    score: float | None
    texts: list[str]
    gold: list[str] = field(default_factory=list)
    predicted: list[str] = field(default_factory=list)
    gold_lines: list[list[Piece]] = field(default_factory=list)
    predicted_lines: list[list[Piece]] = field(default_factory=list)
    missed: int = 0
    spurious: int = 0
    excerpt: tuple[int, int, int] | None = None
    """(first, last, all) characters where only a part of a long text is shown."""


@dataclass(frozen=True)
class WorstErrors:
    """The worst of `wrong` rows among `labelled` ones; `ranking` by score, entities, labels or distance."""

    shown: list[ErrorItem]
    wrong: int
    labelled: int
    unreadable: int
    ranking: str
    without_texts: bool
    points: list[tuple[float, float]]
    """(gold, predicted) of a regression: all, or of many every 2nd, 4th ... row."""


def worst_errors(path: Path, kept: int = _KEPT) -> WorstErrors | None:
    """Read the prediction rows at `path` as a stream; None where there are none with gold labels."""
    heap: list[tuple[float, int, Json]] = []
    points = _Thinned()
    wrong = labelled = unreadable = 0
    ranking = ""
    for index, row in enumerate(json_lines(path)):
        if row is None:
            unreadable += 1
            continue
        judged = _judge(row)
        if judged is None:
            continue
        labelled += 1
        ranking, badness = judged
        if ranking == "distance":
            points.add((row["gold"], row["label"]))
        if badness > 0:
            wrong += 1
            entry = (badness, -index, row)
            heapq.heappush(heap, entry) if len(heap) < kept else heapq.heappushpop(heap, entry)
    if not labelled:
        return None
    rows = [row for _, _, row in sorted(heap, key=lambda entry: entry[:2], reverse=True)]
    shown = [error_item(row) for row in rows if isinstance(row.get("text"), str)]
    return WorstErrors(shown, wrong, labelled, unreadable, ranking, bool(rows) and not shown, points.kept)


class _Thinned:
    """At most 2,000 points, evenly from however many are added."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, float]] = []
        self._added, self._stride = 0, 1

    def add(self, point: tuple[float, float]) -> None:
        """Keep every stride-th point; when there are too many, drop every second one and double the stride."""
        if self._added % self._stride == 0:
            self.kept.append(point)
        self._added += 1
        if len(self.kept) > _MOST_POINTS:
            self.kept, self._stride = self.kept[::2], self._stride * 2


def how_wrong(row: Json) -> float:
    """How wrong a labelled prediction row is: 0 is right; by score, number of entities or labels, or distance."""
    judged = _judge(row)
    return judged[1] if judged else 0.0


def _judge(row: Json) -> tuple[str, float] | None:
    """(ranking, how wrong: 0 is right) of a row, or None without a gold label."""
    gold = row.get("gold")
    if "entities" in row:
        return ("entities", len(_spans(gold) ^ _spans(row["entities"]))) if isinstance(gold, list) else None
    label = row.get("label")
    if isinstance(gold, list):
        return "labels", len({str(name) for name in gold} ^ {str(name) for name in items(label)})
    gold_number, label_number = number(gold), number(label)
    if gold_number is not None and label_number is not None:
        return "distance", abs(gold_number - label_number)
    if gold is None:
        return None
    return "score", 0.0 if gold == label else 1.0 + (number(row.get("score")) or 0.0)


def error_item(row: Json) -> ErrorItem:
    """A labelled prediction row, ready to be shown. Raises KeyError where it has no text."""
    origin, score, text = str(row.get("origin") or row.get("id") or ""), number(row.get("score")), row["text"]
    if "entities" in row:
        return _entity_item(origin, text, _spans(row.get("gold")), _spans(row["entities"]))
    texts = [part for part in (text, row.get("text_pair")) if isinstance(part, str)]
    texts = [f"{part[:_EXCERPT]} …" if len(part) > _EXCERPT else part for part in texts]
    longest = max(len(text), len(str(row.get("text_pair") or "")))
    excerpt = (1, _EXCERPT, longest) if longest > _EXCERPT else None
    return ErrorItem(origin, score, texts, _names(row.get("gold")), _names(row.get("label")), excerpt=excerpt)


def _entity_item(origin: str, text: str, gold: set[Span], predicted: set[Span]) -> ErrorItem:
    start, end = 0, len(text)
    if len(text) > _EXCERPT:
        first_wrong = min(span[0] for span in gold ^ predicted)
        start = max(0, min(first_wrong - _LEAD, len(text) - _EXCERPT))
        end = start + _EXCERPT
    return ErrorItem(
        origin,
        None,
        [text],
        gold_lines=[_pieces(text, layer, predicted, "missed", start, end) for layer in _layers(gold)],
        predicted_lines=[_pieces(text, layer, gold, "spurious", start, end) for layer in _layers(predicted)],
        missed=len(gold - predicted),
        spurious=len(predicted - gold),
        excerpt=(start + 1, end, len(text)) if end - start < len(text) else None,
    )


def _pieces(text: str, layer: list[Span], others: set[Span], wrong: str, start: int, end: int) -> list[Piece]:
    pieces = [Piece("… ")] if start else []
    at = start
    for span in layer:
        left, right = max(span[0], at), min(span[1], end)
        if left >= right:
            continue
        pieces.append(Piece(text[at:left]))
        pieces.append(Piece(text[left:right], span[2], "right" if span in others else wrong))
        at = right
    pieces.append(Piece(text[at:end] + (" …" if end < len(text) else "")))
    return [piece for piece in pieces if piece.text]


def _layers(spans: Iterable[Span]) -> list[list[Span]]:
    """Spans in as few rows as hold them without overlap; one empty row where there are none."""
    rows: list[list[Span]] = [[]]
    for span in sorted(spans):
        row = next((row for row in rows if not row or row[-1][1] <= span[0]), None)
        if row is None:
            rows.append([span])
        else:
            row.append(span)
    return rows


def _spans(entities: Any) -> set[Span]:
    found = set()
    for entity in records(entities):
        start, end = entity.get("start"), entity.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end:
            found.add((start, end, str(entity.get("label", ""))))
    return found


def _names(label: Any) -> list[str]:
    return [f"{name:.3g}" if isinstance(name, float) else str(name) for name in items(label)]
