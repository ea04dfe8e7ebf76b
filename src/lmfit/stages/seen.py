"""What is kept of a split while its predictions stream by: outcomes, slices, a fingerprint. Never its texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

from lmfit.data.example import Example
from lmfit.data.scripts import script_of
from lmfit.data.splits import group_of
from lmfit.data.words import split_words
from lmfit.evaluation.intervals import IntArray
from lmfit.evaluation.outcomes import Gathering, Outcomes
from lmfit.evaluation.scores import Scores
from lmfit.evaluation.slices import length_bins
from lmfit.tasks.base import Task

Pairs = Iterable[tuple[Example, Any]]
_FINGERPRINT = 2**128


class Seen:
    """The labelled examples of one split with their predictions, as far as the judgement of them needs.

    slices: names of columns, or of what can be said of any text (length, language, source).
    """

    def __init__(self, task: Task, slices: Sequence[str] = ()) -> None:
        self.task = task
        self.rows = 0
        self._digest = 0
        self._outcomes = Gathering(task.labels)
        self._documents: list[str | None] = []
        self._values: dict[str, list[Any]] = {by: [] for by in slices}
        self._pairs: list[tuple[Example, Any]] = []

    def watch(self, pairs: Pairs) -> Iterator[tuple[Example, Any]]:
        """The pairs, as they are."""
        for example, prediction in pairs:
            self._digest += _digest(example)
            self.rows += 1
            self._outcomes.append(self.task.outcome(example, prediction))
            self._documents.append(example.document)
            for by, values in self._values.items():
                values.append(_value(example, by))
            if self._values:
                bare = replace(example, text="", text_pair=None, words=[], columns={})
                self._pairs.append((bare, prediction.bare()))
            yield example, prediction

    @property
    def fingerprint(self) -> str:
        """A hash of the texts in any order: equal for the same rows, however they are read."""
        return _shown(self._digest)

    def outcomes(self) -> Outcomes | None:
        """All outcomes; None where the task's answers are no classes, or there are no rows."""
        return self._outcomes.joined(self._documents, "rows" if self.task.example_kind == "text" else "sentences")

    def columns(self) -> Mapping[str, Sequence[str]]:
        """The value of each row by the names of the slices."""
        return {
            by: length_bins(values) if by == "length" and values and isinstance(values[0], int) else values
            for by, values in self._values.items()
        }

    def scorer(self, seed: int) -> Callable[[IntArray, int], Scores]:
        """Scores of the rows with some indices."""

        def score(rows: IntArray, resamples: int) -> Scores:
            found: Scores = self.task.score((self._pairs[i] for i in rows), resamples=resamples, seed=seed)
            return found

        return score


def fingerprint_of(examples: Iterable[Example]) -> str:
    """The fingerprint that `Seen` gives these examples."""
    return _shown(sum(map(_digest, examples)))


def _digest(example: Example) -> int:
    text = f"{example.text}\0{example.text_pair or ''}".encode()
    return int.from_bytes(blake2b(text, digest_size=16).digest(), "big")


def _shown(digest: int) -> str:
    return f"{digest % _FINGERPRINT:032x}"


def _value(example: Example, by: str) -> Any:
    """What a slice is named by. Raises DataError where there is no such column."""
    if by not in example.columns and by in _OF_TEXTS:
        return _OF_TEXTS[by](example)
    value = group_of(example, by)
    return value if value.strip() else "(empty)"


def _length(example: Example) -> int:
    return len(example.words) if example.words is not None else len(split_words(example.text, "unicode"))


def _source(example: Example) -> str:
    return example.source or PurePath(example.origin.file).name


_OF_TEXTS: Mapping[str, Callable[[Example], Any]] = {
    "length": _length,
    "language": lambda example: script_of(example.text + (example.text_pair or "")),
    "source": _source,
}
NOT_COLUMNS = tuple(_OF_TEXTS)
