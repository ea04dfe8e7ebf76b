"""Where examples come from: the splits that a config names, and the input of a prediction."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from lmfit.catalog import FORMATS
from lmfit.config.schema import DataConfig, Files, SplitConfig
from lmfit.data.accounts import Account
from lmfit.data.division import divide
from lmfit.data.encoding import inspect
from lmfit.data.example import Example
from lmfit.data.files import TextFile, TextLines, TextStream, expand, split_suffix
from lmfit.data.findings import Finding
from lmfit.data.format_choice import choose_format, refuse_binary
from lmfit.data.formats.base import Kind, Reader, ReadOptions, WordMode
from lmfit.data.notices import Notices
from lmfit.data.scheme import Scheme, detect_scheme, is_odd
from lmfit.data.source import SMALL, Source, balanced, checked, fingerprint_of, first, in_iob2, only
from lmfit.data.word_mode import with_words
from lmfit.errors import ConfigError, DataError, InputError

__all__ = ["Source", "Splits", "load_splits", "read_input"]

Chosen = tuple[TextFile, str]
"""A file and the name of its format."""


@dataclass(frozen=True)
class Splits:
    """The splits of a data set, and what was found out on the way: facts, doubts, where the lines of files went.

    Words only: scheme, the tagging scheme of the files; words, how raw text becomes words.
    """

    train: Source
    validation: Source | None
    test: Source | None
    notices: list[str]
    doubts: list[Finding]
    accounts: list[Account]
    scheme: Scheme | None = None
    words: WordMode | None = None


def load_splits(data: DataConfig, task_kind: Kind) -> Splits:
    """Open every split of a config and read it once. Raises InputError for whatever cannot be read."""
    notices = Notices(gather=True)
    found, options = _open_all(data, task_kind, notices)
    is_words = task_kind == "words"
    scheme = _scheme(data, found["train"], notices) if is_words else None
    for name in found:
        if scheme is not None:
            found[name] = found[name].then(in_iob2(scheme), ["scheme", scheme])
        if data.limit is not None:
            found[name] = found[name].then(first(data.limit), ["limit", data.limit])
        if data.limit_per_class is not None and name == "train":
            found[name] = balanced(found[name], data.limit_per_class, data.split_seed, notices)
        found[name].load(notices)
    for name in ("validation", "test"):
        if name in found and found[name].fingerprint == found["train"].fingerprint:
            notices.say(f"{name} and train have the same contents: its scores say nothing about new texts")
    validation, test = found.get("validation"), found.get("test")
    words = options.words if is_words else None
    return Splits(found["train"], validation, test, notices.facts, notices.doubts, notices.accounts, scheme, words)


def read_input(
    path: str,
    kind: Kind,
    options: ReadOptions | None = None,
    *,
    encoding: str = "auto",
    notices: Notices | None = None,
) -> Iterator[Example]:
    """Stream the examples of unlabelled input in their order: text (one a line), csv, tsv, jsonl, json, conll.

    `-` is standard input: JSON lines where it looks so, else text. Labels may be missing and are kept where they are.
    `options` says columns and format (default: found out); every input column goes into Example.columns.
    """
    notices = notices or Notices()
    if options is not None and options.format == "hub":
        fix = "write the rows to a file first, e.g. JSON lines"
        raise InputError("a Hub data set cannot be the input of a prediction", where="--input-format", fix=fix)
    options = replace(options or ReadOptions(kind), kind=kind, labelled=False, keep_columns=True)
    for file in _inputs(path, encoding, notices):
        refuse_binary(file.path)
        own = replace(options, format=choose_format(file, options, notices))
        yield from checked(FORMATS.load(own.format)(own).read(file, notices))


def _sound(name: str, files: Files, options: ReadOptions, encoding: str, notices: Notices) -> list[Chosen]:
    """The files of a split, each with its format. Raises DataError for missing or empty files."""
    chosen: list[Chosen] = []
    for path, part in _expanded(name, files):
        refuse_binary(path)
        file = inspect(path, part, encoding, notices=notices)
        if not file.size:
            raise DataError(f"`{path}` is empty", fix="name another file, or take it out of the list")
        chosen.append((file, choose_format(file, options, notices)))
    return chosen


def _read(chosen: Sequence[Chosen], options: ReadOptions, notices: Notices) -> Iterator[Example]:
    """The examples of files, one after the other."""
    readers = [_reader(options, form) for _, form in chosen]
    for reader, (file, _) in zip(readers, chosen, strict=True):
        yield from notices.mistakes.settled(checked(reader.read(file, notices)))


def _reader(options: ReadOptions, form: str) -> Reader:
    reader: Reader = FORMATS.load(form)(replace(options, format=form))
    return reader


def _source(name: str, chosen: Sequence[Chosen], options: ReadOptions, notices: Notices) -> Source:
    """A source over files; a small one is loaded. Its fingerprint holds the suffixes, which may decide on columns."""
    names = [file.path + (f"#{file.part}" if file.part else "") for file, _ in chosen]
    reading = [
        [file.sha256, file.part, file.encoding, split_suffix(file.path)[0], asdict(replace(options, format=form))]
        for file, form in chosen
    ]
    small = sum(file.size for file, _ in chosen) < SMALL
    digest = fingerprint_of(reading)
    stream = partial(_read, chosen, options)
    return Source(name, names, digest, stream, small=small).hold(notices)


def _expanded(name: str, files: Files) -> list[tuple[str, str]]:
    """The files of a split; one that is not there is an error about the split's key."""
    try:
        return expand(files)
    except InputError as error:
        error.problems = tuple(replace(problem, where=problem.where or f"data.{name}") for problem in error.problems)
        raise


def _inputs(path: str, encoding: str, notices: Notices) -> Iterator[TextLines]:
    if path == "-":
        yield TextStream("stdin", sys.stdin.buffer)
    elif os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
        with open(path, "rb") as stream:
            yield TextStream(path, stream)
    else:
        for name, part in expand(path):
            yield inspect(name, part, encoding, notices=notices)


def _open_all(data: DataConfig, kind: Kind, notices: Notices) -> tuple[dict[str, Source], ReadOptions]:
    """The source of each split that the config has, parts of the training data taken off it; the options decided."""
    parts = {"validation": data.validation, "test": data.test}
    taken = {name: part for name, part in parts.items() if isinstance(part, SplitConfig)}
    if sum(part.split for part in taken.values()) >= 1:
        raise ConfigError("validation and test leave nothing to train on", where="data", fix="lower their shares")
    options = replace(ReadOptions.of(data, kind), keep_columns=any(part.key is not None for part in taken.values()))
    found, options = _open_given(data, options, notices)
    whole = found["train"]
    if taken:
        whole.load(notices)
        rule = divide(taken, whole, data.split_seed, notices)
        what = [{name: part.model_dump() for name, part in taken.items()}, data.split_seed]
        found["train"] = whole.then(only(rule, None), ["train", what])
        found |= {name: whole.unsaid().then(only(rule, name), [name, what], name) for name in taken}
    return found, options


def _open_given(data: DataConfig, options: ReadOptions, notices: Notices) -> tuple[dict[str, Source], ReadOptions]:
    """The source of each split that has files, or a split of a Hub data set, of its own."""
    if data.format == "hub":
        from lmfit.data.formats.hub import open_hub

        return open_hub(data, options, notices)
    given = {"train": data.train, "validation": data.validation, "test": data.test}
    files = {
        name: _sound(name, paths, options, data.encoding, notices)
        for name, paths in given.items()
        if isinstance(paths, str | list)
    }
    options = with_words(options, lambda preview: _read(files["train"], preview, Notices()), notices)
    return {name: _source(name, chosen, options, notices) for name, chosen in files.items()}, options


def _scheme(data: DataConfig, train: Source, notices: Notices) -> Scheme:
    if data.scheme != "auto":
        return data.scheme
    try:
        scheme = detect_scheme(example.tags or [] for example in train)
    except DataError as error:
        problem = error.problems[0]
        where = next(str(example.origin) for example in train if any(map(is_odd, example.tags or [])))
        raise DataError(problem.what, where=where, fix=problem.fix) from error
    told = {"plain": "without prefixes, each a label of its own", "IOB2": "IOB2"}.get(scheme, f"{scheme}, read as IOB2")
    notices.say(f"tags: {told} (data.scheme)")
    return scheme
