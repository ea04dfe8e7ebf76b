"""From marked stretches of a text (entities with offsets) to words with IOB2 tags."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from lmfit.data.example import Origin
from lmfit.data.notices import Notices
from lmfit.errors import DataError

_LABEL_KEYS = ("label", "type", "entity", "entity_group", "tag")


class Span(NamedTuple):
    """A labelled stretch of a text: code points, half-open."""

    start: int
    end: int
    label: str


def tag_words(
    text: str, words: Iterable[tuple[int, int]], entities: object, origin: Origin, notices: Notices
) -> tuple[list[tuple[int, int]], list[str]]:
    """Words and IOB2 tags of a text with entities: objects with start, end, label, or lists [start, end, label].

    words: (start, end) in ascending order; one that crosses the border of an entity is cut there (counted).
    Raises DataError for offsets outside the text, entities that overlap, and an entity whose own `text` differs from
    what its offsets cover.
    """
    spans = _spans(text, entities, str(origin))
    borders = sorted({border for span in spans for border in (span.start, span.end)})
    pieces: list[tuple[int, int]] = []
    for start, end in words:
        cuts = borders[bisect_right(borders, start) : bisect_left(borders, end)]
        if cuts:
            fix = "do the offsets begin and end where words do? See data.words for how text becomes words"
            notices.doubt("cut-words", "words cut at the border of an entity", origin, fix)
        pieces += zip([start, *cuts], [*cuts, end], strict=True)
    if any(text[span.start].isspace() or text[span.end - 1].isspace() for span in spans):
        what = "texts with entities that begin or end in blanks (taken off)"
        notices.doubt("blank-edges", what, origin, "move the offsets to the words")
    starts = [start for start, _ in pieces]
    tags = ["O"] * len(pieces)
    for span in spans:
        begin, end = bisect_left(starts, span.start), bisect_left(starts, span.end)
        if begin == end:
            raise DataError(
                f"an entity from {span.start} to {span.end} holds no word", where=str(origin), fix="remove it"
            )
        tags[begin:end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (end - begin - 1)
    return pieces, tags


def _spans(text: str, entities: object, where: str) -> list[Span]:
    if not isinstance(entities, Sequence) or isinstance(entities, str):
        raise DataError("entities are no list", where=where, fix='write [{"start": 0, "end": 5, "label": "PER"}, ...]')
    spans = sorted(_span(text, entity, where) for entity in entities)
    for before, after in pairwise(spans):
        if after.start < before.end:
            what = f"two entities overlap: {before.start} to {before.end} and {after.start} to {after.end}"
            raise DataError(what, where=where, fix="one word can have one tag only; keep one of them")
    return spans


def _span(text: str, entity: Any, where: str) -> Span:
    if isinstance(entity, Mapping):
        label = next((entity[key] for key in _LABEL_KEYS if key in entity), None)
        start, end = entity.get("start"), entity.get("end")
    elif isinstance(entity, Sequence) and not isinstance(entity, str) and len(entity) == 3:
        start, end, label = entity
        entity = {}
    else:
        start = end = label = None
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label.strip():
        raise DataError(
            "an entity needs start, end and label", where=where, fix='{"start": 0, "end": 5, "label": "PER"}'
        )
    if not 0 <= start < end <= len(text):
        what = f"an entity from {start} to {end} does not lie in the text of {len(text)} characters"
        raise DataError(
            what, where=where, fix="offsets count characters (code points) from 0; end is the next after it"
        )
    covered = entity.get("text", text[start:end])
    if covered != text[start:end]:
        what = f"an entity says `{covered}` but its offsets {start} to {end} cover `{text[start:end]}`"
        raise DataError(what, where=where, fix="offsets count characters (code points), not bytes or UTF-16 units")
    return Span(start, end, label.strip())
