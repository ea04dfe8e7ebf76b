"""From marked stretches of a text (entities with offsets) to words with IOB2 tags."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from lmfit.data.example import Origin
from lmfit.data.notices import Notices
from lmfit.errors import DataError

LABEL_KEYS = ("label", "type", "entity", "entity_group", "tag")
_FORM = '{"start": 0, "end": 5, "label": "PER"}'

Offsets = tuple[int, int]


class Span(NamedTuple):
    """A labelled stretch of a text: code points, half-open."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class UnfitSpans:
    """What becomes of spans that no tag per word can hold: the first one is an error, or they are counted."""

    mode: Literal["stop", "drop"]
    origin: Origin
    notices: Notices

    def meet(self, kind: str, what: str, fix: str) -> None:
        """One such span. Raises DataError, or counts it as one of its `kind`."""
        if self.mode == "stop":
            fix = f"{fix}; or leave such spans out: data.unfit_spans: drop"
            raise DataError(what, where=str(self.origin), fix=fix)
        self.notices.doubt("lost-entities", f"entities left out, for they {kind}", self.origin, fix)


def tag_words(
    text: str,
    words: Sequence[Offsets],
    entities: object,
    origin: Origin,
    notices: Notices,
    unfit: Literal["stop", "drop"] = "stop",
) -> tuple[list[Offsets], list[str]]:
    """Words and IOB2 tags of a text with entities: objects with start, end, label, or lists [start, end, label].

    words: (start, end) in ascending order. An entity that covers part of a word gets the whole word, one with
    blanks around it is trimmed (both counted); a word that two entities share is cut at their borders (counted).
    Raises DataError for what is no entity; with `stop` also for offsets outside the text, entities that overlap or
    hold no word, and an entity whose own `text` differs from what its offsets cover.
    """
    faults = UnfitSpans(unfit, origin, notices)
    spans = [span for span in _spans(text, entities, faults) if _holds_word(span, words, faults)]
    pieces = _cut_shared(words, spans, origin, notices)
    starts, ends = [start for start, _ in pieces], [end for _, end in pieces]
    tags = ["O"] * len(pieces)
    for span in spans:
        begin, end = bisect_right(ends, span.start), bisect_left(starts, span.end)
        if starts[begin] < span.start or ends[end - 1] > span.end:
            fix = "do the offsets begin and end where words do? See data.words for how text becomes words"
            notices.doubt("cut-words", "entities that end inside a word, widened to whole words", origin, fix)
        elif text[span.start].isspace() or text[span.end - 1].isspace():
            what = "entities with blanks around them, which were taken off"
            notices.doubt("blank-edges", what, origin, "move the offsets to the words")
        tags[begin:end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (end - begin - 1)
    return pieces, tags


def _holds_word(span: Span, words: Sequence[Offsets], faults: UnfitSpans) -> bool:
    begin = bisect_right(words, span.start, key=lambda word: word[1])
    if begin < len(words) and words[begin][0] < span.end:
        return True
    faults.meet("hold no word", f"an entity from {span.start} to {span.end} holds no word", "remove it")
    return False


def _cut_shared(words: Sequence[Offsets], spans: Sequence[Span], origin: Origin, notices: Notices) -> list[Offsets]:
    """The words; one in which an entity ends and another begins is cut at the borders of all entities in it."""
    borders = sorted({border for span in spans for border in span[:2]})
    ends = [end for _, end in words]
    shared = {
        bisect_right(ends, after.start)
        for before, after in pairwise(spans)
        if bisect_right(ends, after.start) == bisect_left(ends, before.end)
        and words[bisect_right(ends, after.start)][0] < before.end
    }
    pieces: list[Offsets] = []
    for number, (start, end) in enumerate(words):
        if number not in shared:
            pieces.append((start, end))
            continue
        what = "words that hold several entities, cut at their borders"
        notices.doubt("cut-words", what, origin, "see data.words for how text becomes words")
        cuts = borders[bisect_right(borders, start) : bisect_left(borders, end)]
        pieces += zip([start, *cuts], [*cuts, end], strict=True)
    return pieces


def _spans(text: str, entities: object, faults: UnfitSpans) -> list[Span]:
    """The entities in ascending order, none of which overlap; of equal ones the first."""
    where = str(faults.origin)
    if not isinstance(entities, Sequence) or isinstance(entities, str):
        alone = "; if each row has one label: task: text-classification" if isinstance(entities, str) else ""
        raise DataError("entities are no list", where=where, fix=f"write [{_FORM}, ...]{alone}")
    read = [_span(text, entity, faults) for entity in entities]
    spans = sorted({span for span in read if span is not None})
    for _ in range(len(read) - read.count(None) - len(spans)):
        faults.notices.count("entities marked twice, read once", faults.origin)
    return sorted(_apart(spans, faults)) if any(b.start < a.end for a, b in pairwise(spans)) else spans


def _apart(spans: Iterable[Span], faults: UnfitSpans) -> Iterator[Span]:
    """Of spans that overlap the longest, of equally long ones the first."""
    taken: list[Offsets] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        at = bisect_left(taken, span[:2])
        near = [other for other in taken[max(at - 1, 0) : at + 1] if other[0] < span.end and span.start < other[1]]
        if near:
            (start, end), fix = near[0], "one word can have one tag only; keep one of them"
            what = f"two entities overlap: {start} to {end} and {span.start} to {span.end} ({span.label})"
            faults.meet("overlap a longer one", what, fix)
        else:
            taken.insert(at, span[:2])
            yield span


def _span(text: str, entity: Any, faults: UnfitSpans) -> Span | None:
    """The entity, None for one that is left out."""
    given_start, given_end, given_label, covered = _parts(entity)
    start, end, label = _whole(given_start), _whole(given_end), given_label
    if start is None or end is None or not isinstance(label, str) or not label.strip():
        told = _wrong(given_start, given_end, given_label)
        raise DataError(f"an entity needs start, end and label{told}", where=str(faults.origin), fix=_FORM)
    if covered is not None and not _same(covered, text[max(start, 0) : end]):
        begin, stop = _from_utf_16(text, start), _from_utf_16(text, end)
        if not _same(covered, text[begin:stop]):
            what = f"an entity says `{covered}` but its offsets {start} to {end} cover `{text[max(start, 0) : end]}`"
            faults.meet("do not match their text", what, "offsets count characters (code points), not bytes")
            return None
        faults.notices.count(
            "entities with offsets in UTF-16 units, turned into characters by their text", faults.origin
        )
        start, end = begin, stop
    if not 0 <= start < end <= len(text):
        what = f"an entity from {start} to {end} does not lie in the text of {len(text)} characters"
        faults.meet("do not lie in the text", what, "offsets count characters from 0; end is the next after it")
        return None
    return Span(start, end, label.strip())


def _parts(entity: Any) -> tuple[Any, Any, Any, str | None]:
    """(start, end, label, text) of an entity, None for what it has not."""
    if isinstance(entity, Mapping):
        label = next((entity[key] for key in LABEL_KEYS if key in entity), None)
        start, end = (entity.get(key, entity.get(f"{key}_offset")) for key in ("start", "end"))
        covered = entity.get("text")
        return start, end, label, covered if isinstance(covered, str) else None
    if isinstance(entity, Sequence) and not isinstance(entity, str) and len(entity) == 3:
        start, end, label = entity
        return start, end, label, None
    return None, None, None, None


def _whole(offset: Any) -> int | None:
    """An offset as a whole number, also where it is written as 4.0; None for anything else."""
    if isinstance(offset, float) and offset.is_integer():
        return int(offset)
    return offset if type(offset) is int else None


def _wrong(start: Any, end: Any, label: Any) -> str:
    """What is missing or of a wrong type: `: start is a text ('0'), not a whole number`."""
    told = [
        f"{name} is {_shown(offset)}, not a whole number"
        for name, offset in (("start", start), ("end", end))
        if _whole(offset) is None
    ]
    if not isinstance(label, str) or not label.strip():
        told.append("label is empty" if isinstance(label, str) else f"label is {_shown(label)}, not a name")
    return f": {'; '.join(told)}"


def _shown(value: object) -> str:
    return f"{kind_of(value)} ({value!r:.20})" if isinstance(value, str | float) else kind_of(value)


def _same(covered: str, found: str) -> bool:
    r"""Whether two texts are equal but for blanks; Label Studio writes line ends as \n, with a backslash."""
    return covered == found or _bare(covered) == _bare(found)


def _bare(text: str) -> str:
    return "".join(text.replace("\\n", " ").split())


def _from_utf_16(text: str, offset: int) -> int:
    """The character at an offset in UTF-16 units, as JavaScript counts."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * max(offset, 0)].decode("utf-16-le", "ignore"))


def kind_of(value: object) -> str:
    """`a text`, `a list`, ..., `missing` for none: how an error says what stands where something else should."""
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return "missing" if value is None else names.get(type(value), f"of type {type(value).__name__}")
