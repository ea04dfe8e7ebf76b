"""Data sets of the Hub, read through `datasets` (imported here only when one is asked for)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from lmfit.config.data import DataConfig, FileConfig, FoldsConfig, SplitConfig
from lmfit.data.columns import TARGET, Chosen, check_roles, choose
from lmfit.data.example import Example, Origin
from lmfit.data.formats.base import ReadOptions
from lmfit.data.formats.features import decoder
from lmfit.data.inputs import listed_files
from lmfit.data.notices import Notices
from lmfit.data.records import RecordBuilder
from lmfit.data.source import SMALL, Source, checked, fingerprint_of
from lmfit.data.word_mode import with_words
from lmfit.errors import ConfigError, InputError, suggestion
from lmfit.hub import explain_hub_errors, is_offline

_BATCH = 1000
_USUAL: Mapping[str, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}


class HubReader:
    """Reads one split of a Hub data set. Class numbers become names; a class of -1 (hidden) is no label."""

    def __init__(self, options: ReadOptions, dataset: Any, name: str, given: FileConfig) -> None:
        check_roles(options)
        self._options = options
        self._dataset = dataset
        self._given = given
        self.name = name
        self.bytes = int(dataset.data.nbytes)
        self._decoders = {column: decoder(feature) for column, feature in dataset.features.items()}

    def read(self, notices: Notices) -> Iterator[Example]:
        """Yield one example per row; the line of its origin is the row's number from 1."""
        names, where = list(self._decoders), f"{self.name}:1"
        builder = RecordBuilder(self._options, self._chosen(notices), names, where, notices)
        number = 0
        for number, record in enumerate(self._records(), start=1):
            with notices.mistakes:
                example = builder.example(record, Origin(self.name, number))
                example.weight, example.source = self._given.weight, self._given.source or ""
                yield example
        notices.account(self.name, self._dataset.num_rows, number, {"rows": number}, unit="stored rows")

    def hides_labels(self) -> bool:
        """Whether the first row has no label, as test splits of public contests have."""
        target = self._chosen(Notices()).get(TARGET[self._options.kind])
        first = next(self._records(), None)
        return first is not None and target is not None and first[target[0]] is None

    def fingerprint(self) -> str:
        """A hash of the rows and of what their values stand for."""
        import pyarrow as pa

        digest = sha256()
        for table in self._dataset.with_format("arrow").iter(batch_size=_BATCH):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema.remove_metadata()) as writer:
                writer.write_table(table.replace_schema_metadata(None))
            digest.update(sink.getvalue())
        weighed = self._given.model_dump(exclude={"path"}, exclude_defaults=True)
        return fingerprint_of([digest.hexdigest(), self._dataset.features.to_dict(), weighed])

    def _chosen(self, notices: Notices) -> Chosen:
        return choose(self._options, list(self._decoders), f"{self.name}:1", notices)

    def _records(self) -> Iterator[dict[str, Any]]:
        for batch in self._dataset.iter(batch_size=_BATCH):
            columns = [map(self._decoders[name], values) for name, values in batch.items()]
            for values in zip(*columns, strict=True):
                yield dict(zip(batch, values, strict=True))


def open_hub(data: DataConfig, options: ReadOptions, notices: Notices) -> tuple[dict[str, Source], ReadOptions]:
    """A source per split: those that data.train, validation and test name, else the usual names; the options decided.

    A test split without labels is left out (and said) unless it was asked for.
    Raises InputError where the data set cannot be had.
    """
    dataset = load_hub(str(data.name), data.subset, data.revision)
    names = {split: _names(data, split, dataset) for split in _USUAL}

    def readers_of(split: str, options: ReadOptions) -> list[HubReader]:
        return [HubReader(options, dataset[part.path], f"{data.name}/{part.path}", part) for part in names[split]]

    def preview(options: ReadOptions) -> Iterator[Example]:
        return chain.from_iterable(reader.read(Notices()) for reader in readers_of("train", options))

    options = with_words(options, preview, notices)
    found: dict[str, Source] = {}
    for split in names:
        readers = readers_of(split, options)
        if readers and getattr(data, split) is None and readers[0].hides_labels():
            notices.say("left out, its labels are hidden", readers[0].name)
        elif readers:
            found[split] = _source(split, readers, options).hold(notices)
    if "train" not in found:
        raise ConfigError(f"`{data.name}` has no split `train`", fix=f"data.train: one of {', '.join(dataset)}")
    return found, options


def _names(data: DataConfig, split: str, dataset: Mapping[str, Any]) -> list[FileConfig]:
    """What the data set calls a split of the config; none for a part of the training data."""
    asked = getattr(data, split)
    if isinstance(asked, SplitConfig | FoldsConfig):
        return []
    usual = next((name for name in _USUAL[split] if name in dataset), None)
    parts = listed_files(asked or usual or [])
    for part in parts:
        if part.path not in dataset:
            what = f"`{data.name}` has no split `{part.path}`"
            raise ConfigError(what, where=f"data.{split}", fix=suggestion(part.path, list(dataset)))
    return parts


def _source(split: str, readers: Sequence[HubReader], options: ReadOptions) -> Source:
    def stream(notices: Notices) -> Iterator[Example]:
        for reader in readers:
            yield from notices.mistakes.settled(checked(reader.read(notices), notices))

    digest = fingerprint_of([[reader.fingerprint() for reader in readers], asdict(options)])
    small = sum(reader.bytes for reader in readers) < SMALL
    return Source(split, [reader.name for reader in readers], digest, stream, small=small)


def cached_data_sets() -> list[str]:
    """Names of the Hub data sets on this machine."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface"))
    folder = Path(os.environ.get("HF_DATASETS_CACHE", home / "datasets")).expanduser()
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name.replace("___", "/") for path in found if path.is_dir() and path.name != "downloads")


def load_hub(name: str, subset: str | None, revision: str | None) -> Mapping[str, Any]:
    """All splits of a data set: from the Hub, or offline from the cache."""
    if is_offline() and name.lower() not in [cached.lower() for cached in cached_data_sets()]:
        have = ", ".join(cached_data_sets()) or "none"
        fix = f"connect once, or name local files (on this machine: {have}; samples: see lmfit list datasets)"
        raise InputError(f"the Hub cannot be reached, and the data set `{name}` is not on this machine", fix=fix)
    from datasets import load_dataset

    try:
        with explain_hub_errors(name, "data set"):
            loaded = load_dataset(name, subset, revision=revision)
    except InputError as error:
        if "Config name is missing" not in str(error):
            raise
        told = " ".join(str(error.__cause__).split())
        raise InputError(f"the data set `{name}` has several parts", fix=f"set data.subset ({told})") from error
    except RuntimeError as error:
        fix = "try data.revision: refs/convert/parquet, where the Hub keeps a converted copy"
        raise InputError(f"the data set `{name}` cannot be read: {error}", fix=fix) from error
    if not isinstance(loaded, Mapping):
        raise InputError(f"the data set `{name}` has no splits", fix="set data.subset")
    return loaded
