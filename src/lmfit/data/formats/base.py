"""What every reader is given and gives back. A new format is one class with this face and a line in the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, TypeVar

from lmfit.config.data import DataConfig
from lmfit.config.section import Column
from lmfit.data.example import Example
from lmfit.data.notices import Notices

Kind = Literal["words", "text", "record"]
WordMode = Literal["auto", "whitespace", "unicode", "characters"]
File = TypeVar("File", contravariant=True)


@dataclass(frozen=True)
class ReadOptions:
    """How to read: the reader's share of the `data` section.

    kind: whether examples are words with tags, or texts with a label; record: rows as they stand, no column has a role.
    labelled: False for prediction; labels are then read where they are and may be missing.
    keep_columns: every input column goes into Example.columns.
    preferred: columns for roles that `columns` leaves open, taken where the file has all of them by name.
    """

    kind: Kind
    format: str = "auto"
    columns: Mapping[str, Column | list[Column]] = field(default_factory=dict)
    header: Literal["auto"] | bool = "auto"
    delimiter: str = "auto"
    quoting: Literal["auto", "standard", "none"] = "auto"
    sheet: Column | None = None
    label_first: bool = True
    label_separator: str | None = None
    unfit_spans: Literal["stop", "drop"] = "stop"
    words: WordMode = "auto"
    labelled: bool = True
    keep_columns: bool = False
    preferred: Mapping[str, Column | list[Column]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: DataConfig, kind: Kind) -> "ReadOptions":
        """The options for the labelled files of a config."""
        return cls(
            kind=kind,
            format=data.format,
            columns=data.columns,
            header=data.header,
            delimiter=data.delimiter,
            quoting=data.quoting,
            sheet=data.sheet,
            label_first=data.label_first,
            label_separator=data.label_separator,
            unfit_spans=data.unfit_spans,
            words=data.words,
        )


class Reader(Protocol[File]):
    """One file format; readers are subclasses.

    takes: what `read` is given: text (a TextLines), binary or folder (a StoredFile).
    parts: whether `FILE#PART` has a meaning.
    plain: whether its rows have columns, so that kind="record" gives each row as it stands.
    """

    takes: ClassVar[Literal["text", "binary", "folder"]] = "text"
    parts: ClassVar[bool] = False
    plain: ClassVar[bool] = False

    def __init__(self, options: ReadOptions) -> None:
        """Raises ConfigError for options that this format cannot follow."""

    def read(self, file: File, notices: Notices) -> Iterator[Example]:
        """Yield the file's examples in order; what was chosen or met goes into `notices`.

        Raises DataError with file and line for what cannot be read.
        """
