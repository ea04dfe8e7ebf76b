"""Predictions of a finished run, read back beside the examples that they are about."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lmfit.data.example import Example
from lmfit.errors import InputError
from lmfit.tasks.base import Task


def recalled(task: Task, examples: Iterable[Example], path: Path) -> Iterator[tuple[Example, Any]]:
    """(example, prediction) from a predictions file that was written for the same examples in the same order.

    Raises InputError where the file is missing or is about other examples.
    """
    rows = read_rows(path)
    for example in examples:
        yield example, recall(task, example, next(rows, {}), path)


def recall(task: Task, example: Example, row: Mapping[str, Any], path: Path) -> Any:
    """The prediction in a row of the predictions file `path`. Raises InputError where it is about another example."""
    if row.get("origin") != str(example.origin):
        what = f"the predictions are not about the data as it is now ({example.origin})"
        raise InputError(what, where=str(path), fix="put the old files back, or start a new run")
    return task.recall(example, row)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a predictions file, as a stream. Raises InputError where it is missing or damaged."""
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read: {error}", where=str(path)) from None
