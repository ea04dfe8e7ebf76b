"""An example as read from a file: text, labels, and where it came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Label = str | float | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an example stands: `line` is the 1-based line (or row) on which it begins."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Example:
    """One unit of data. Offsets count code points, half-open, in `text`.

    label: text classification: a name, a number (regression), a tuple of names (multi-label), or None (unlabelled).
    words: (start, end) of each word in `text`; None where the file has no words (they are made by data/words.py).
    tags: one tag per word, normalised to IOB2 (or plain tags such as parts of speech); None when unlabelled.
    document: rows of one document share it (conll -DOCSTART-, a group column); the bootstrap resamples documents.
    source: where it comes from, as the config names it. weight: what it weighs in the training loss.
    columns: every input column as read, for prediction output.
    """

    origin: Origin
    text: str
    text_pair: str | None = None
    label: Label = None
    words: list[tuple[int, int]] | None = None
    tags: list[str] | None = None
    document: str | None = None
    id: str = ""
    source: str = ""
    weight: float = 1.0
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """The label where it is a single name, also as a list of one; None for any other."""
        label = self.label[0] if isinstance(self.label, tuple) and len(self.label) == 1 else self.label
        return label if isinstance(label, str) else None


class Examples(Protocol):
    """A split that can be read again and again, always in the same order."""

    def __iter__(self) -> Iterator[Example]:
        """Yield the examples from the start."""
