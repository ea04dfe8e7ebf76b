"""Where examples come from: the splits that a config names, and the input of a prediction."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, groupby, islice
from typing import Any

from lmfit.config.data import DataConfig, Files, FoldsConfig, SplitConfig
from lmfit.data.accounts import Account
from lmfit.data.division import divide
from lmfit.data.example import Example
from lmfit.data.files import TextStream, expand, split_suffix
from lmfit.data.findings import Finding
from lmfit.data.folds import take_fold
from lmfit.data.formats.base import Kind, ReadOptions, WordMode
from lmfit.data.inputs import Input, listed_files, open_inputs, open_one, read_stream
from lmfit.data.notices import Notices
from lmfit.data.scheme import Scheme, scheme_of
from lmfit.data.source import SMALL, Source, balanced, fewer, fingerprint_of, first, in_iob2
from lmfit.data.word_mode import with_words
from lmfit.errors import ConfigError, DataError, InputError, retold

__all__ = ["Source", "Splits", "load_splits", "read_input"]


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

    @property
    def named(self) -> dict[str, Source]:
        """Those that are there, by name."""
        held = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in held.items() if split is not None}

    @property
    def fingerprints(self) -> dict[str, Any]:
        """For run.json: files, rows and content hash of each split."""
        return {
            name: {"files": split.files, "rows": len(split), "sha256": split.fingerprint}
            for name, split in self.named.items()
        }


def load_splits(data: DataConfig, task_kind: Kind, *, keep_columns: bool = False) -> Splits:
    """Open every split of a config and read it once, with every input column in the examples if asked for.

    Raises InputError for whatever cannot be read.
    """
    notices = Notices(gather=True)
    found, options = _open_all(data, task_kind, notices, keep_columns=keep_columns)
    is_words = task_kind == "words"
    scheme = _scheme(data, found["train"], notices) if is_words else None
    for name in found:
        if scheme is not None:
            found[name] = found[name].then(in_iob2(scheme), ["scheme", scheme])
        if data.limit is not None:
            found[name] = found[name].then(first(data.limit), ["limit", data.limit])
        if data.limit_per_class is not None and name == "train":
            found[name] = balanced(found[name], data.limit_per_class, data.split_seed, notices)
        if data.limit_train is not None and name == "train":
            found[name] = fewer(found[name], data.limit_train, data.split_seed)
    if isinstance(data.validation, FoldsConfig):
        take_fold(found, data.validation, data.split_seed, notices)
    for source in found.values():
        source.load(notices)
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
    """Stream the examples of unlabelled input in their order: text (one a line), a table, JSON, ...

    `-` is standard input: JSON lines where it looks so, else text. Labels may be missing and are kept where they are.
    `options` says columns and format (default: found out); every input column goes into Example.columns.
    """
    notices = notices or Notices()
    if options is not None and options.format == "hub":
        fix = "write the rows to a file first, e.g. JSON lines"
        raise InputError("a Hub data set cannot be the input of a prediction", where="--input-format", fix=fix)
    options = replace(options or ReadOptions(kind), kind=kind, labelled=False, keep_columns=True)
    if path == "-":
        yield from read_stream(TextStream("stdin", sys.stdin.buffer), options, notices)
    elif os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        with open(path, "rb") as stream:
            yield from read_stream(TextStream(path, stream), options, notices)
    else:
        for name, part in expand(path):
            file, form = open_one(name, part, options, encoding, notices)
            yield from Input(file, form).read(options, notices)


def _sound(name: str, files: Files, options: ReadOptions, encoding: str, notices: Notices) -> list[Input]:
    """The files of a split; one that is not there is an error about the split's key."""
    given = listed_files(files)
    if not given:
        raise ConfigError("the list of files is empty", where=f"data.{name}", fix="name at least one file")
    with retold(lambda problem: replace(problem, where=problem.where or f"data.{name}")):
        return [item for file in given for item in open_inputs(file, options, encoding, notices)]


def _read(inputs: Sequence[Input], options: ReadOptions, notices: Notices) -> Iterator[Example]:
    """The examples of files, one after the other; options that a later one cannot follow are met at once."""
    return chain.from_iterable([item.read(options, notices) for item in inputs])


def _source(name: str, inputs: Sequence[Input], options: ReadOptions, notices: Notices) -> Source:
    """A source over files; a small one is loaded. Its fingerprint holds the suffixes, which may decide on columns."""
    names = [item.file.path + (f"#{item.file.part}" if item.file.part else "") for item in inputs]
    digest = fingerprint_of([_reading(item, options) for item in inputs])
    small = sum(item.file.size for item in inputs) < SMALL
    return Source(name, names, digest, partial(_read, inputs, options), small=small).hold(notices)


def _reading(item: Input, options: ReadOptions) -> list[object]:
    """All that decides which examples are read from a file, but its name."""
    file, asked = item.file, asdict(replace(options, format=item.format, keep_columns=False))
    weighed = [item.weight, item.source] if (item.weight, item.source) != (1.0, "") else []
    return [file.sha256, file.part, file.encoding, split_suffix(file.path)[0], asked, *weighed]


def _open_all(
    data: DataConfig, kind: Kind, notices: Notices, *, keep_columns: bool
) -> tuple[dict[str, Source], ReadOptions]:
    """The source of each split that the config has, parts of the training data taken off it; the options decided."""
    parts = {"validation": data.validation, "test": data.test}
    taken = {name: part for name, part in parts.items() if isinstance(part, SplitConfig)}
    if sum(part.split for part in taken.values()) >= 1:
        raise ConfigError("validation and test leave nothing to train on", where="data", fix="lower their shares")
    keyed = any(getattr(part, "key", None) is not None for part in parts.values())
    options = replace(ReadOptions.of(data, kind), keep_columns=keep_columns or keyed)
    found, options = _open_given(data, options, notices)
    whole = found["train"]
    if taken:
        whole.load(notices)
        rule = divide(taken, whole, data.split_seed, notices)
        what = [{name: part.model_dump() for name, part in taken.items()}, data.split_seed]
        found |= whole.parted(rule, {"train": (None, ["train", what])} | {name: (name, [name, what]) for name in taken})
        _refuse_lost_labels(whole, found["train"], list(taken))
    return found, options


def _refuse_lost_labels(whole: Source, train: Source, taken: Sequence[str]) -> None:
    """Raises DataError where all rows that are left to train on have one label, and the whole has more."""
    first = next((example.name for example in train), None)
    if first is None or len(list(islice(_runs(train), 2))) > 1:
        return
    counts = Counter(example.name for example in whole)
    if others := {label: count for label, count in counts.items() if label not in (None, first)}:
        told = ", ".join(f"{label} ({count:,})" for label, count in list(others.items())[:5])
        what = f"every training row has the label `{first}`; rows of all others went to {' and '.join(taken)}: {told}"
        raise DataError(
            what, where="data", fix="split with by: stratified, e.g. {split: 0.1, by: stratified}; or more rows"
        )


def _runs(source: Source) -> Iterator[str | None]:
    """Labels that are single names, each once where it comes several times in a row."""
    return (label for label, _ in groupby(example.name for example in source))


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
    scheme = scheme_of(train)
    told = {"plain": "without prefixes, each a label of its own", "IOB2": "IOB2"}.get(scheme, f"{scheme}, read as IOB2")
    notices.say(f"tags: {told} (data.scheme)")
    return scheme
