"""Brat standoff annotation: texts in .txt files, what is marked in them in .ann files of the same name."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from lmfit.data.encoding import inspect
from lmfit.data.example import Example, Origin
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.spans import Span, UnfitSpans, tag_words
from lmfit.data.stored import StoredFile, files_below
from lmfit.data.words import Mode, split_words
from lmfit.errors import ConfigError, DataError

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ENTITY = re.compile(r"T\S*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")


class BratReader(Reader[StoredFile]):
    """Reads one example per line of text that is not blank; lines that an entity crosses are one example.

    Takes a folder, or one .ann or .txt file. All lines of a file are one document. Relations, events and attributes
    are passed over and counted.
    """

    takes = "folder"

    def __init__(self, options: ReadOptions) -> None:
        if options.kind != "words":
            raise ConfigError("brat files hold entities, not texts with a label", where="data.format")
        if options.columns:
            raise ConfigError("brat files have no columns", where="data.columns", fix="take data.columns out")
        self._options = options
        self._mode: Mode = "unicode" if options.words == "auto" else options.words

    def read(self, file: StoredFile, notices: Notices) -> Iterator[Example]:
        """Yield the examples file by file. Raises DataError for .ann files without their .txt."""
        files, parts, marks = list(files_below(file.path)), Counter[str](), Counter[str]()
        texts = [path for path in files if path.suffix == ".txt"]
        for path in files:
            if path.suffix == ".ann" and path.with_suffix(".txt") not in texts:
                raise DataError(f"there is no `{path.with_suffix('.txt')}`", where=str(path), fix="put the text beside")
        for path in texts:
            annotation = path.with_suffix(".ann")
            content = inspect(str(path), encoding=file.encoding, notices=notices)
            parts["there"] += content.line_count
            if self._options.labelled and annotation not in files:
                parts["lines of texts without an .ann file"] += content.line_count
                notices.count("texts without an .ann file, left out", path)
                continue
            text = "".join(content.lines())
            spans = self._spans(annotation, text, marks, notices) if self._options.labelled else []
            yield from self._examples(path, text, spans, parts, notices)
        rows = parts.pop("rows", 0)
        notices.account(file.path, parts.pop("there", 0), rows, parts)
        notices.account(f"{file.path} (.ann)", marks.pop("there", 0), 0, marks)

    def _examples(
        self, path: Path, text: str, spans: Sequence[Span], parts: Counter[str], notices: Notices
    ) -> Iterator[Example]:
        lines = text.count("\n") + (not text.endswith("\n") and bool(text))
        for begin, end in _pieces(text, spans):
            piece = text[begin:end]
            parts["rows"] += 1
            parts["lines of text"] += piece.count("\n") + 1
            lines -= piece.count("\n") + 1
            origin = Origin(str(path), 1 + text.count("\n", 0, begin))
            example = Example(origin, piece, document=str(path))
            if self._options.labelled:
                words = split_words(piece, self._mode)
                inside = [Span(s.start - begin, s.end - begin, s.label) for s in spans if begin <= s.start < end]
                with notices.mistakes:
                    example.words, example.tags = tag_words(
                        piece, words, inside, origin, notices, self._options.unfit_spans
                    )
            yield example
        parts["blank lines"] += lines

    def _spans(self, annotation: Path, text: str, marks: Counter[str], notices: Notices) -> list[Span]:
        """The entities of an .ann file: each within the text and equal to the text that is written beside it.

        marks: how many lines of .ann files there are, and how many of them were what.
        """
        found = []
        file = inspect(str(annotation), notices=notices)
        marks["there"] += file.line_count
        for number, line in enumerate((line.rstrip("\r\n") for line in file.lines()), start=1):
            origin = Origin(str(annotation), number)
            if line.startswith("T"):
                with notices.mistakes:
                    span = _span(line, text, origin, UnfitSpans(self._options.unfit_spans, origin, notices))
                    found += [span] if span else []
                    marks["entities" if span else "entities left out"] += 1
            elif line.strip() and not line.startswith("#"):
                marks["relations, events and attributes"] += 1
                notices.count("relations, events and attributes passed over", origin)
            else:
                marks["notes" if line.strip() else "blank lines"] += 1
        return sorted(found)


def _span(line: str, text: str, origin: Origin, faults: UnfitSpans) -> Span | None:
    match = _ENTITY.fullmatch(line)
    if not match:
        fix = "an entity is T1<tab>LABEL START END<tab>TEXT"
        raise DataError("no entity of brat's standoff format", where=str(origin), fix=fix)
    label, places, covered = match.groups()
    parts = [(int(begin), int(end)) for begin, end in (place.split() for place in places.split(";"))]
    gaps = [text[a:b] for (_, a), (b, _) in pairwise(parts)]
    start, end = parts[0][0], parts[-1][1]
    if any(gap.strip() for gap in gaps):
        what = f"a discontinuous entity: {places.replace(';', ' and ')} ({label})"
        faults.meet("are discontinuous", what, "mark one stretch of text")
    elif not 0 <= start < end <= len(text):
        what = f"an entity from {start} to {end} does not lie in the text of {len(text)} characters"
        faults.meet("do not lie in the text", what, "is the .txt file the one that was annotated?")
    elif covered is not None and covered.split() != text[start:end].split():
        what = f"an entity says `{covered}` but its offsets {start} to {end} cover `{text[start:end]}`"
        faults.meet("do not match their text", what, "is the .txt file the one that was annotated?")
    else:
        return Span(start, end, label)
    return None


def _pieces(text: str, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Start and end of each line that is not blank, without its end; lines that a span crosses are one piece."""
    begin = position = reach = 0
    ordered = iter(sorted(spans))
    span = next(ordered, None)
    for line in _LINE.findall(text):
        position += len(line)
        while span is not None and span.start < position:
            reach = max(reach, span.end)
            span = next(ordered, None)
        if reach < position:
            piece = text[begin:position]
            if piece.strip():
                yield begin, begin + len(piece.rstrip("\r\n"))
            begin = position
    if text[begin:].strip():
        yield begin, len(text)
