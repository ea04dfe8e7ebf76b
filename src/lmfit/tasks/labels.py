"""What the labels of texts are: single names, several names, or numbers."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Literal

import numpy as np

from lmfit.config.tasks import TextClassificationSettings
from lmfit.data.example import Example
from lmfit.data.mistakes import Mistakes
from lmfit.errors import DataError

Problem = Literal["single_label", "multi_label", "regression"]

_WHOLE = re.compile(r"-?[0-9]{1,300}")


def survey(
    asked: Problem | Literal["auto"], train: Iterable[Example]
) -> tuple[Problem, Counter[str], bool | None, bool]:
    """(problem, label -> how often, whether texts come in pairs, whether labels are lists).

    auto: several labels where any row has a list of none or of several; a list of one may stand for a single label.
    Raises DataError with the first rows whose labels do not fit.
    """
    mistakes = Mistakes(gather=True)
    counts: Counter[str] = Counter()
    pairs: bool | None = None
    lists = several = False
    alone: Example | None = None
    for example in train:
        pairs = example.text_pair is not None if pairs is None else pairs
        if isinstance(example.label, tuple):
            lists, several = True, several or len(example.label) != 1
            problem: Problem = "multi_label"
        else:
            alone, problem = alone or example, "single_label"
        problem = problem if asked == "auto" else asked
        with mistakes:
            counts.update(_counted(example, problem))
    mistakes.settle()
    if asked != "auto":
        return asked, counts, pairs, lists
    if several and alone is not None:
        for example in train:
            with mistakes:
                names_of(example, "multi_label")
        mistakes.settle()
    return "multi_label" if several else "single_label", counts, pairs, lists


def _counted(example: Example, problem: Problem) -> list[str]:
    """What a row counts as: its labels, or one number."""
    if problem == "regression":
        number_of(example)
        return [""]
    return names_of(example, problem)


def names_of(example: Example, problem: str) -> list[str]:
    """The names of its labels. Raises DataError where they do not fit the kind of problem."""
    if example.label is None:
        raise DataError("a row has no label", where=str(example.origin), fix="label it or take it out")
    if problem == "multi_label":
        if not isinstance(example.label, tuple):
            raise DataError(
                f"multi-label data, but this row's label is `{example.label}`, not a list",
                where=str(example.origin),
                fix="write JSON lists, or set data.label_separator",
            )
        return list(example.label)
    if isinstance(example.label, tuple) and len(example.label) == 1:
        return list(example.label)
    if isinstance(example.label, tuple):
        raise DataError(
            "a row with a list of labels in single-label data",
            where=str(example.origin),
            fix="set task.problem=multi_label and give every row a list",
        )
    return [str(example.label)]


def number_of(example: Example) -> float:
    """Its label as a number. Raises DataError where it is none."""
    try:
        value = float(example.label)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(
            f"regression needs a number as label, found `{example.label}`",
            where=str(example.origin),
            fix="correct the row, or set task.problem=single_label",
        )
    return value


def spread_of(train: Iterable[Example]) -> tuple[tuple[float, float], str]:
    """((mean, standard deviation) of numbers, what is to be said of them); the deviation of equal numbers is 1."""
    numbers = np.fromiter((number_of(example) for example in train), np.float64)
    mean, deviation = float(numbers.mean()), float(numbers.std()) if np.ptp(numbers) else 0.0
    told = f"labels: numbers from {numbers.min():,.6g} to {numbers.max():,.6g}, mean {mean:,.6g}"
    return (mean, deviation or 1.0), f"{told}, standard deviation {deviation:,.6g}"


def natural_order(label: str) -> tuple[int, float, str]:
    """Numbers by value, then words by letter."""
    return (0, float(label), label) if _WHOLE.fullmatch(label) else (1, 0.0, label)


def refuse_numbers(labels: list[str], settings: TextClassificationSettings) -> None:
    """Labels such as 3.25 are a measurement, unless the config says that they are classes."""
    decimals = [label for label in islice(labels, 1000) if label.count(".") == 1 and label.replace(".", "").isdigit()]
    if settings.problem == "auto" and len(decimals) > len(labels) / 2 and len(labels) > 10:
        raise DataError(
            f"the labels look like measurements ({', '.join(decimals[:3])}, ...; {len(labels)} different ones)",
            fix="set task.problem=regression, or task.problem=single_label to take each number as a class",
        )
