"""What a model must beat: the most frequent answer, and what counts of words can do without any pretraining."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from lmfit import console
from lmfit.data.example import Example, Examples
from lmfit.errors import DataError
from lmfit.evaluation.entities import repair_iob2
from lmfit.evaluation.names import Kind
from lmfit.evaluation.tfidf import TfidfModel, all_blank, classifier, draw, regressor

T = TypeVar("T")

BATCH = 4096


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline; `note` says what it is, and whether it saw only a part of the examples."""

    note: str
    _answer: Callable[[Sequence[Example]], list[Any]]

    def predict(self, examples: Examples) -> list[Any]:
        """One answer per example: a label, a tuple of labels, a number, or a list with one tag per word."""
        rows = console.progress(examples, total=None, what="baseline answers")
        return [answer for batch in _batches(rows) for answer in self._answer(batch)]


@dataclass(frozen=True)
class _Shown:
    """Examples whose every pass shows how far it is."""

    examples: Examples

    def __iter__(self) -> Iterator[Example]:
        return console.progress(self.examples, total=None, what="fitting baselines")


@dataclass(frozen=True)
class _Coding:
    """The answers of a kind as numbers: (rows,) or (rows, C) to learn from, one row of output back to an answer."""

    rows: int
    majority: Any
    note: str
    classes: int
    encode: Callable[[Sequence[Any]], NDArray[Any]]
    decode: Callable[[NDArray[Any]], Any]
    model: BaseEstimator
    method: str


def fit_baselines(kind: Kind, train: Examples) -> dict[str, Baseline]:
    """The baselines for a kind of prediction by name, the strongest last. Goes through `train` twice.

    Equal examples give equal baselines. Raises DataError where there is no example, or one without label.
    """
    return _FITTERS[kind](_Shown(train))


def _fit_text(
    train: Examples, *, read: Callable[[Example], Any], coding_of: Callable[[Iterable[Any]], _Coding]
) -> dict[str, Baseline]:
    """The most frequent answer (mean of numbers), and TF-IDF with a linear model where there is something to learn."""
    coding = coding_of(read(example) for example in train)
    if not coding.rows:
        raise DataError("no training examples: a baseline cannot be fitted")
    examples = draw(train, max(1, coding.classes))
    gold = coding.encode([read(example) for example in examples])
    majority = Baseline(coding.note, lambda rows: [coding.majority] * len(rows))
    if gold.size == 0 or np.ptp(gold) == 0:
        return {"majority": replace(majority, note=f"{coding.note}; no TF-IDF: all training answers are equal")}
    if all_blank(examples):
        return {"majority": replace(majority, note=f"{coding.note}; no TF-IDF: all training texts are blank")}
    model = TfidfModel(coding.model, examples, gold, coding.classes)
    part = "" if len(examples) == coding.rows else f", fitted on {len(examples):,} of {coding.rows:,} examples"
    note = f"{model} with {coding.method}{part}"
    return {
        "majority": majority,
        "tfidf": Baseline(note, lambda rows: [coding.decode(row) for row in model.predict(rows)]),
    }


def _code_labels(answers: Iterable[str]) -> _Coding:
    counts = Counter(answers)
    names = sorted(counts)
    ids = {name: i for i, name in enumerate(names)}
    majority = _most_frequent(counts) if counts else ""
    return _Coding(
        rows=counts.total(),
        majority=majority,
        note=f"always {majority}",
        classes=len(names),
        encode=lambda labels: np.array([ids[label] for label in labels]),
        decode=lambda row: names[int(row[0])],
        model=classifier(),
        method="logistic regression",
    )


def _code_label_sets(answers: Iterable[tuple[str, ...]]) -> _Coding:
    rows, counts = 0, Counter[str]()
    for labels in answers:
        rows += 1
        counts.update(labels)
    names = sorted(counts)
    majority = (_most_frequent(counts),) if counts else ()
    return _Coding(
        rows=rows,
        majority=majority,
        note=f"always {majority[0]} alone" if majority else "never a label",
        classes=len(names),
        encode=lambda rows: np.array([[name in labels for name in names] for labels in rows], dtype=np.int8),
        decode=lambda row: tuple(name for name, on in zip(names, row, strict=True) if on),
        model=classifier(),
        method="logistic regression",
    )


def _code_numbers(answers: Iterable[float]) -> _Coding:
    parts = [(len(batch), math.fsum(batch)) for batch in _batches(answers)]
    rows = sum(size for size, _ in parts)
    mean = math.fsum(total for _, total in parts) / max(1, rows)
    return _Coding(
        rows=rows,
        majority=mean,
        note=f"always the mean, {mean:.4g}",
        classes=1,
        encode=np.array,
        decode=lambda row: float(row[0]),
        model=regressor(),
        method="ridge regression",
    )


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    stream = iter(items)
    while batch := list(islice(stream, BATCH)):
        yield batch


def _label(example: Example) -> str:
    if example.label is None:
        raise _unlabelled(example)
    return example.name or str(example.label)


def _label_set(example: Example) -> tuple[str, ...]:
    if example.label is None:
        raise _unlabelled(example)
    return example.label if isinstance(example.label, tuple) else (str(example.label),)


def _number(example: Example) -> float:
    try:
        return float(example.label)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _unlabelled(example, "number") from None


def _fit_tags(train: Examples, *, unknown: str | None, valid: Callable[[list[str]], list[str]]) -> dict[str, Baseline]:
    """The most frequent tag of all, and of each word; words never seen get `unknown` (None: the most frequent tag)."""
    of_word: dict[str, Counter[str]] = defaultdict(Counter)
    for example in train:
        if example.tags is None:
            raise _unlabelled(example, "tags")
        for word, tag in zip(_words(example), example.tags, strict=True):
            of_word[word][tag] += 1
    if not of_word:
        raise DataError("no training words: a baseline cannot be fitted")
    total: Counter[str] = Counter()
    for tags in of_word.values():
        total.update(tags)
    majority, tag_of = _most_frequent(total), {word: _most_frequent(tags) for word, tags in of_word.items()}
    fallback = unknown or majority
    return {
        "majority": Baseline(f"always {majority}", lambda rows: [valid([majority] * len(_words(e))) for e in rows]),
        "most_frequent_tag": Baseline(
            f"the most frequent tag of each word; {fallback} for words not seen in training",
            lambda rows: [valid([tag_of.get(word, fallback) for word in _words(e)]) for e in rows],
        ),
    }


def _words(example: Example) -> list[str]:
    if example.words is None:
        raise DataError("an example has no words", where=str(example.origin))
    return [example.text[start:end] for start, end in example.words]


def _unlabelled(example: Example, what: str = "label") -> DataError:
    return DataError(f"a training example has no {what}", where=str(example.origin), fix="label it or take it out")


def _most_frequent(counts: Counter[str]) -> str:
    """The key counted most; of equal ones the first in order."""
    return min(counts, key=lambda key: (-counts[key], key))


_FITTERS: dict[Kind, Callable[[Examples], dict[str, Baseline]]] = {
    "entities": partial(_fit_tags, unknown="O", valid=repair_iob2),
    "tags": partial(_fit_tags, unknown=None, valid=list),
    "single_label": partial(_fit_text, read=_label, coding_of=_code_labels),
    "multi_label": partial(_fit_text, read=_label_set, coding_of=_code_label_sets),
    "regression": partial(_fit_text, read=_number, coding_of=_code_numbers),
}
