"""The folders below RUN/evaluations: named, written beside and then renamed; and what a run knows of its validation."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmfit.data.example import Example, Origin
from lmfit.errors import InputError
from lmfit.evaluation.outcomes import Outcomes
from lmfit.outputs import move_away
from lmfit.runs import EVALUATIONS, Run
from lmfit.stages.seen import Seen
from lmfit.tasks.base import Task
from lmfit.tasks.predictions import LabelPrediction

_VALIDATION = Path("predictions/validation.jsonl")


def choose_folder(chosen: Run, file: str, name: str | None, *, overwrite: bool) -> Path:
    """evaluations/NAME of a run. Without a name it is the file's, then with -2, -3 behind it.

    Raises InputError for a name that is no file name, or that is taken.
    """
    if name is not None:
        folder = chosen.path / EVALUATIONS / _checked(name)
        if folder.exists() and not overwrite:
            fix = "another name: --name; or move the old one away: --overwrite"
            raise InputError(f"there is an evaluation `{name}` of this run already", where=str(folder), fix=fix)
        return folder
    stem = Path(file.partition("#")[0]).name.partition(".")[0] or "data"
    folder, number = chosen.path / EVALUATIONS / stem, 1
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{stem}-{number}")
    return folder


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A folder to write into that takes its name when all is written; an old one of that name is moved away."""
    writing = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(parents=True)
    try:
        yield writing
        if folder.exists():
            move_away(folder)
        writing.rename(folder)
    finally:
        shutil.rmtree(writing, ignore_errors=True)


def has_validation(run: Run) -> bool:
    """Whether the run kept its predictions of a validation split."""
    return (run.path / _VALIDATION).is_file()


def validation_outcomes(run: Run, task: Task) -> Outcomes | None:
    """What the run's own model answered on its validation split, as far as it was written with probabilities."""
    if not has_validation(run):
        return None
    seen = Seen(task)
    with open(run.path / _VALIDATION, encoding="utf-8") as lines:
        rows = (json.loads(line) for line in lines)
        pairs = ((_labelled(row["gold"]), _answer(row)) for row in rows)
        for _ in seen.watch(pairs):
            pass
    return seen.outcomes()


def _labelled(gold: str | list[str]) -> Example:
    return Example(Origin(str(_VALIDATION), 0), "", label=tuple(gold) if isinstance(gold, list) else gold)


def _answer(row: dict[str, object]) -> LabelPrediction:
    label, scores = row["label"], row["scores"]
    return LabelPrediction("", None, label, 0.0, scores)  # type: ignore[arg-type]


def _checked(name: str) -> str:
    if not name or Path(name).name != name or name.startswith("."):
        raise InputError(f"`{name}` cannot name an evaluation", where="--name", fix="use letters, digits, - and _")
    return name
