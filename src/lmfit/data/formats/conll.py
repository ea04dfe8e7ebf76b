"""Words in columns, one word a line, a blank line between sentences (CoNLL and its relatives)."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from lmfit.config.section import Column
from lmfit.data.example import Example, Origin
from lmfit.data.files import TextLines, chomp, split_suffix
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.words import is_han
from lmfit.errors import ConfigError, DataError

_SAMPLE_LINES = 2000
_BOUNDARY = re.compile(r"-DOCSTART-(?=[ \t]|$)|#begin document\b|#end document\b")
_BLANKS = re.compile(r"[ \t]+")
_NO_WORD = re.compile(r"\d+[-.]\d+[ \t]")
_CONLLU_COLUMNS = 10

Numbered = tuple[int, str]


@dataclass(frozen=True)
class _Layout:
    """A file's shape: how a line is split, into how many columns, where word and tag stand, what joins words."""

    split: Callable[[str], list[str]]
    columns: int
    token: int
    label: int | None
    joiner: str


class ConllReader(Reader[TextLines]):
    """Reads any column layout, separated by tabs (tokens may then hold blanks) or by blanks.

    -DOCSTART- and "#begin document" lines begin a document. A line "# ..." before the first word of a sentence is a
    comment if it has not the file's number of columns. Words stand in the text with a blank between them, or without
    one where most lines hold a single Han character. In a .conllu file, lines of ranges (1-2) and of empty nodes (1.1)
    are passed over; of its ten columns FORM (1) and UPOS (3) are read where data.columns is silent.
    """

    def __init__(self, options: ReadOptions) -> None:
        if options.kind != "words":
            raise ConfigError("conll files hold words with tags, not texts with a label", fix="set another data.format")
        for role, column in options.columns.items():
            if role not in ("tokens", "labels") or not isinstance(column, int):
                fix = "conll files have positions only, e.g. columns: {tokens: 0, labels: -1}"
                raise ConfigError(f"`{role}: {column}` is no column of a conll file", where="data.columns", fix=fix)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per sentence, tags as written in the file."""
        conllu = split_suffix(file.path)[0] == ".conllu"
        parts: Counter[str] = Counter()
        sentences = 0
        lines: Iterator[Numbered] = enumerate(map(chomp, file.lines()), start=1)
        if conllu:
            lines = _words_only(lines, file.path, parts, notices)
        head = list(islice(lines, _SAMPLE_LINES))
        layout = self._judge(head, file.path, conllu, notices)
        for document, block in _blocks(chain(head, lines), file.path, parts):
            rows = [(number, layout.split(line)) for number, line in block]
            with notices.mistakes:
                words = _without_comments(rows, layout, file.path, notices)
                parts.update({"words": len(words), "comment lines": len(rows) - len(words)})
                sentences += bool(words)
                if words:
                    yield _example(words, layout, file.path, document)
        notices.account(file.path, file.line_count, sentences, parts)

    def _judge(self, head: Sequence[Numbered], path: str, conllu: bool, notices: Notices) -> _Layout:
        content = [(n, line) for n, line in head if line.strip() and not _BOUNDARY.match(line)]
        words = [(n, line) for n, line in content if not line.startswith("# ")] or content
        if not words:
            return _Layout(_split_blanks, 0, 0, None, " ")
        tabs = all("\t" in line for _, line in words)
        split = _split_tabs if tabs else _split_blanks
        columns = len(split(words[0][1]))
        asked: dict[str, Column | list[Column]] = {"tokens": 0, "labels": -1}
        if conllu and columns == _CONLLU_COLUMNS and not self._options.columns:
            asked = {"tokens": 1, "labels": 3}
            notices.say("words are column 1 (FORM), tags column 3 (UPOS) (data.columns)", path)
        token, label = self._positions(asked | dict(self._options.columns), columns, f"{path}:{words[0][0]}")
        tokens = [fields[token] for fields in (split(line) for _, line in words) if len(fields) == columns]
        glued = 2 * sum(len(word) == 1 and is_han(word) for word in tokens) > len(tokens)
        between = "Han characters joined without blanks" if glued else "words joined by blanks"
        notices.say(f"{columns} columns between {'tabs' if tabs else 'blanks'}, {between}", path)
        return _Layout(split, columns, token, label, "" if glued else " ")

    def _positions(
        self, asked: Mapping[str, Column | list[Column]], columns: int, where: str
    ) -> tuple[int, int | None]:
        """Positions of word and tag in a line; the tag's is None where an unlabelled file has none."""
        found = {role: p % columns for role, p in asked.items() if isinstance(p, int) and -columns <= p < columns}
        wanted = ["tokens", "labels"] if self._options.labelled else ["tokens"]
        if missing := next((role for role in wanted if role not in found), None):
            what = f"no column {asked[missing]} for the {missing}: the line has {columns}"
            raise DataError(what, where=where, fix="set data.columns, e.g. {tokens: 0, labels: -1}")
        label = found.get("labels")
        if label != found["tokens"]:
            return found["tokens"], label
        if self._options.labelled:
            what = f"words and tags would come from the same column: the line has {columns}"
            raise DataError(what, where=where, fix="each line needs a word and its tag; see data.columns")
        return found["tokens"], None


def _words_only(lines: Iterable[Numbered], path: str, parts: Counter[str], notices: Notices) -> Iterator[Numbered]:
    """The lines of a .conllu file without those that are no word of the sentence by themselves."""
    for number, line in lines:
        if _NO_WORD.match(line):
            parts["ranges and empty nodes"] += 1
            notices.count("ranges (1-2) and empty nodes (1.1) passed over", f"{path}:{number}")
        else:
            yield number, line


def _split_blanks(line: str) -> list[str]:
    return _BLANKS.split(line.strip(" \t"))


def _split_tabs(line: str) -> list[str]:
    return line.split("\t")


def _blocks(lines: Iterable[Numbered], path: str, parts: Counter[str]) -> Iterator[tuple[str | None, list[Numbered]]]:
    """Runs of lines between blank lines and document boundaries (counted), with the document they stand in."""
    document: str | None = None
    block: list[Numbered] = []
    for number, line in lines:
        boundary = _BOUNDARY.match(line)
        if line.strip() and not boundary:
            block.append((number, line))
            continue
        parts["document lines" if boundary else "blank lines"] += 1
        if block:
            yield document, block
            block = []
        if boundary:
            document = f"{path}:{number}"
    if block:
        yield document, block


def _without_comments(
    rows: list[tuple[int, list[str]]], layout: _Layout, path: str, notices: Notices
) -> list[tuple[int, list[str]]]:
    """The rows that are words. Raises DataError for a row with another number of columns."""
    start = 0
    while start < len(rows) and len(rows[start][1]) != layout.columns and rows[start][1][0].startswith("#"):
        notices.count("comment lines (# ...) passed over", f"{path}:{rows[start][0]}")
        start += 1
    for number, fields in rows[start:]:
        if len(fields) != layout.columns:
            what = f"{len(fields)} columns where the lines before have {layout.columns}"
            fix = "a word or its tag is missing, or a word holds a blank (separate the columns by tabs then)"
            raise DataError(what, where=f"{path}:{number}", fix=fix)
        empty = next((p for p in (layout.token, layout.label) if p is not None and not fields[p].strip()), None)
        if empty is not None:
            raise DataError(f"column {empty} is empty", where=f"{path}:{number}", fix="give the word and its tag")
    return rows[start:]


def _example(rows: Sequence[tuple[int, list[str]]], layout: _Layout, path: str, document: str | None) -> Example:
    words: list[tuple[int, int]] = []
    tokens = [fields[layout.token] for _, fields in rows]
    position = 0
    for token in tokens:
        words.append((position, position + len(token)))
        position += len(token) + len(layout.joiner)
    label = layout.label
    tags = None if label is None else [sys.intern(fields[label].strip()) for _, fields in rows]
    return Example(Origin(path, rows[0][0]), layout.joiner.join(tokens), words=words, tags=tags, document=document)
