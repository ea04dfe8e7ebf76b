"""Documents of text files, tables, JSON lines and Hub data sets, as a stream."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from lmfit.catalog import CORPUS_FORMATS, TASKS
from lmfit.config.load import load_config
from lmfit.config.pretraining import CorpusConfig, CorpusFile
from lmfit.data.encoding import inspect
from lmfit.data.example import Origin
from lmfit.data.files import chomp, expand, split_suffix
from lmfit.data.formats.base import ReadOptions
from lmfit.data.formats.hub import load_hub
from lmfit.data.inputs import Input, open_one
from lmfit.data.notices import Notices
from lmfit.data.sources import load_splits
from lmfit.errors import ConfigError, DataError, suggestion

_BY_SUFFIX = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".tsv": "tsv",
    ".warc": "warc",
    ".wet": "warc",
    ".xml": "wikipedia",
    ".yaml": "config",
    ".yml": "config",
}
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Document:
    """A text that stands by itself, and where it begins."""

    text: str
    origin: Origin


@dataclass(frozen=True)
class Part:
    """One file of a source (or a split of a Hub data set), and how it is to be read.

    source: the number of its source; sha256: of its bytes as they are stored; loaded: the split of a Hub data set, the
    training rows of a config.
    """

    path: str
    format: str
    documents: str
    text: str
    encoding: str
    source: int
    sha256: str
    loaded: Any = None

    def describe(self) -> list[str]:
        """All that decides what is read, the path left out."""
        return [self.format, self.documents, self.text, self.encoding, self.sha256]

    def read(self, limit: int | None, notices: Notices) -> Iterator[Document]:
        """Its documents, at most `limit`."""
        reader: Read = CORPUS_FORMATS.load(self.format)
        return islice(reader(self, notices), limit)


class Read(Protocol):
    """A format of the catalogue."""

    def __call__(self, part: Part, notices: Notices) -> Iterator[Document]:
        """The documents of a file. Raises DataError with file and line for what cannot be read."""


def parts_of(config: CorpusConfig) -> list[Part]:
    """Every file that the sources name, in order. Raises DataError for what is not there, ConfigError for overlaps."""
    found: list[Part] = []
    for number, source in enumerate(config.sources):
        parts = _hub_parts if "hub" in (source.format, config.format) else _file_parts
        found += parts(config, source, number)
    seen: dict[str, str] = {}
    for part in found:
        place = os.path.realpath(part.path)
        if place in seen:
            other = "" if seen[place] == part.path else f", once as `{seen[place]}`"
            fix = "name it once, with the weight it should have"
            raise ConfigError(f"`{part.path}` is named by two sources{other}", where="data.train", fix=fix)
        seen[place] = part.path
    return found


def _file_parts(config: CorpusConfig, source: CorpusFile, number: int) -> Iterator[Part]:
    for path, _ in expand(source.path):
        form = source.format or config.format
        if form == "auto":
            form = format_of(path)
        try:
            with open(path, "rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
        except IsADirectoryError:
            raise DataError(f"`{path}` is a folder", fix=f"name its files: {path}/*") from None
        if form == "config":
            yield _config_part(path, number)
            continue
        unit, column = source.documents or config.documents, source.text or config.text
        yield Part(path, form, unit, column, config.encoding, number, digest)


def format_of(path: str) -> str:
    """The format that a file's suffix tells; text where it tells none."""
    return _BY_SUFFIX.get(split_suffix(path)[0], "text")


def _config_part(path: str, number: int) -> Part:
    """The training rows that a config of `lmfit finetune` divides off; never those that it validates or tests on."""
    config = load_config("finetune", Path(path)).config
    rows = load_splits(config.data, TASKS.load(config.task.name).example_kind).train
    return Part(path, "config", "line", "", "auto", number, rows.fingerprint, rows)


def read_training_rows(part: Part, notices: Notices) -> Iterator[Document]:
    """One document a text of a training row, its label left aside; a pair of texts is two of them."""
    for example in part.loaded:
        for text in (example.text, example.text_pair):
            if text is not None:
                yield Document(text, example.origin)


def _hub_parts(config: CorpusConfig, source: CorpusFile, number: int) -> Iterator[Part]:
    dataset = load_hub(str(config.name), config.subset, config.revision)
    if source.path not in dataset:
        what = f"`{config.name}` has no split `{source.path}`"
        raise ConfigError(what, where="data.train", fix=suggestion(source.path, list(dataset)))
    split, column = dataset[source.path], source.text or config.text
    if column not in split.column_names:
        what = f"`{config.name}` has no column `{column}`"
        raise ConfigError(what, where="data.text", fix=suggestion(column, split.column_names))
    name = f"{config.name}/{source.path}"
    yield Part(name, "hub", "line", column, "auto", number, str(split._fingerprint), split)


def read_hub(part: Part, notices: Notices) -> Iterator[Document]:
    """One document a row of a split, in the column `data.text`."""
    number = 0
    for batch in part.loaded.select_columns([part.text]).iter(batch_size=_LOOKED_AT):
        for value in batch[part.text]:
            number += 1
            origin = Origin(part.path, number)
            yield Document(_as_text(value, part, origin), origin)


def read_records(part: Part, notices: Notices) -> Iterator[Document]:
    """One document a row or line, in the column `data.text`."""
    options = ReadOptions("record", format=part.format, labelled=False)
    file, form = open_one(part.path, "", options, part.encoding, notices)
    for example in Input(file, form).read(options, notices):
        if part.text not in example.columns:
            fix = suggestion(part.text, list(map(str, example.columns)))
            raise DataError(f"no column `{part.text}` (data.text)", where=str(example.origin), fix=fix)
        yield Document(_as_text(example.columns[part.text], part, example.origin), example.origin)


def read_tagged(part: Part, notices: Notices) -> Iterator[Document]:
    """One document a sentence of tagged words: the words, with blanks between them."""
    options = ReadOptions("words", format=part.format, labelled=False)
    file, form = open_one(part.path, "", options, part.encoding, notices)
    for example in Input(file, form).read(options, notices):
        yield Document(example.text, example.origin)


def _as_text(value: object, part: Part, origin: Origin) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"`{part.text}` holds {type(value).__name__}, not text", where=str(origin))
    return value


def read_text(part: Part, notices: Notices) -> Iterator[Document]:
    """One document a file, a line, or between blank lines."""
    file = inspect(part.path, encoding=part.encoding, notices=notices)
    unit = part.documents
    if unit == "auto":
        blank = any(not line.strip() for line in islice(file.lines(), _LOOKED_AT))
        unit = "blank" if blank else "file"
        notices.say(f"one document {'between blank lines' if blank else 'in the whole file'}", part.path)
    lines = map(chomp, file.lines())
    if unit == "line":
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield Document(line, Origin(part.path, number))
    elif unit == "file":
        yield Document("\n".join(lines), Origin(part.path, 1))
    else:
        yield from _between_blanks(lines, part.path)


def _between_blanks(lines: Iterable[str], path: str) -> Iterator[Document]:
    held: list[str] = []
    begin = 1
    for number, line in enumerate(lines, start=1):
        if line.strip():
            begin = begin if held else number
            held.append(line)
        elif held:
            yield Document("\n".join(held), Origin(path, begin))
            held = []
    if held:
        yield Document("\n".join(held), Origin(path, begin))
