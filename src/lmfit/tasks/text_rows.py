"""Model inputs of a text or a pair of texts: framed, cut into windows where they are too long, doubts counted."""

from collections.abc import Sequence
from typing import Any

from lmfit.data.example import Example
from lmfit.data.framing import Framer, Window, cut
from lmfit.data.rows import Row
from lmfit.errors import DataError
from lmfit.tasks.base import UNKNOWN_EXAMPLES, Stats

Tokens = list[int]
Framed = tuple[Tokens, Tokens | None]
"""The token ids of a text and of the one beside it, where there is one."""


def text_rows(
    example: Example, ids: Tokens, other: Tokens | None, target: Any, framer: Framer, stats: Stats
) -> list[Row]:
    """The rows of an example whose token ids are known; windows of one share its weight.

    Raises DataError where overflow is `error` and it is too long.
    """
    _note_unknown(example, ids, other, framer, stats)
    framed = _windows(example, ids, other, framer, stats)
    rows = [_row(framer, *part, target, example.weight / len(framed)) for part in framed]
    stats.counts["examples"] += 1
    stats.counts["words"] += len(ids) + len(other or ())
    stats.counts["rows"] += len(rows)
    stats.counts["tokens"] += sum(map(len, rows))
    return rows


def _note_unknown(example: Example, ids: Tokens, other: Tokens | None, framer: Framer, stats: Stats) -> None:
    if not ids and not other:
        stats.note("vanished", example.origin)
    for text, tokens in ((example.text, ids), (example.text_pair, other)):
        count = (tokens or []).count(framer.unknown_id)  # type: ignore[arg-type]
        if not count:
            continue
        stats.counts["unknown"] += count
        if text and len(stats.first.setdefault("unknown", [])) < UNKNOWN_EXAMPLES:
            stats.counts["unknown"] -= 1
            stats.note("unknown", example.origin, _first_unknown(text, framer))


def _first_unknown(text: str, framer: Framer) -> str:
    """The surface of the first piece of `text` that the tokenizer does not know."""
    encoding = framer.backend.encode(text, add_special_tokens=False)
    begin, end = next(
        span for token, span in zip(encoding.ids, encoding.offsets, strict=True) if token == framer.unknown_id
    )
    return text[begin:end]


def _windows(example: Example, ids: Tokens, other: Tokens | None, framer: Framer, stats: Stats) -> list[Framed]:
    """Token lists that fit the model. Of a pair the longer text slides, the shorter one stays whole.

    A shorter text that fills more than half of the room is cut to half, which counts as truncated.
    """
    budget = framer.budget(pair=other is not None)
    if len(ids) + len(other or ()) <= budget:
        return [(ids, other)]
    if framer.overflow == "error":
        raise DataError(
            f"a text is longer than max_length {framer.max_length}",
            where=str(example.origin),
            fix="set data.overflow=window, or raise data.max_length",
        )
    stats.note("windowed", example.origin)
    if other is None:
        windows = _kept(example, cut(len(ids), budget), framer, stats)
        return [(ids[w.begin : w.end], None) for w in windows]
    swap = len(other) > len(ids)
    longer, shorter = (other, ids) if swap else (ids, other)
    if len(shorter) > budget // 2 and framer.overflow == "window":
        stats.note("truncated", example.origin)
    shorter = shorter[: budget // 2]
    windows = _kept(example, cut(len(longer), budget - len(shorter)), framer, stats)
    parts = [longer[w.begin : w.end] for w in windows]
    return [(shorter, part) if swap else (part, shorter) for part in parts]


def _kept(example: Example, windows: list[Window], framer: Framer, stats: Stats) -> list[Window]:
    if framer.overflow == "window":
        return windows
    stats.note("truncated", example.origin)
    return windows[:1]


def _row(framer: Framer, first: Tokens, second: Tokens | None, target: Any, weight: float) -> Row:
    ids, types = framer.frame(first, second)
    tokens: dict[str, Sequence[int]] = {"input_ids": ids}
    if framer.uses_types:
        tokens["token_type_ids"] = types
    return Row(tokens, {"target": target, "weight": weight})
