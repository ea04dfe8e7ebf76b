"""The runs of a comparison, what is known of them, and where their predictions lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit.errors import InputError, Problem
from lmfit.evaluation.names import HEADLINE, Kind
from lmfit.runs import CHILDREN, Run, read_json

_SPLITS = ("test", "validation")


@dataclass(frozen=True)
class Contender:
    """A finished run: its name in the table, and the run of each of its seeds (itself, where it has but one)."""

    name: str
    run: Run
    seeds: tuple[Run, ...]

    @property
    def manifest(self) -> dict[str, Any]:
        """run.json."""
        return self.run.manifest

    def files(self, split: str) -> list[Path]:
        """The predictions of each seed on a split, or on the evaluation of that name."""
        return [predictions(seed, split) for seed in self.seeds]

    def kind(self, split: str) -> Kind | None:
        """The kind of prediction, told by the metrics of the split; None where it has none."""
        folder = self.seeds[0].path
        path = folder / "metrics.json" if split in _SPLITS else folder / "evaluations" / split / "metrics.json"
        measured = read_json(path, "run with metrics").get(split, {}) if path.is_file() else {}
        return next((kind for kind, headline in HEADLINE.items() if headline in measured), None)


def predictions(run: Run, split: str) -> Path:
    """Where the predictions of a split, or of an evaluation of that name, lie."""
    if split in _SPLITS:
        return run.path / "predictions" / f"{split}.jsonl"
    return run.path / "evaluations" / split / "predictions.jsonl"


def contenders(runs: Sequence[Run]) -> list[Contender]:
    """The runs under the shortest names that tell them apart.

    Raises InputError where one is given twice, is unfinished or is no run.
    """
    problems = [
        Problem(f"`{run.path}` is {run.status}", str(run.path), "leave it out, or finish it: lmfit resume")
        for run in runs
        if (run.path / "run.json").is_file() and run.status != "finished"
    ]
    problems += [
        Problem(
            f"`{run.path}` is no run folder, so it holds no predictions", str(run.path), "name the run it came from"
        )
        for run in runs
        if not (run.path / "run.json").is_file()
    ]
    if problems:
        raise InputError(problems[0].what, problems=problems)
    return [Contender(name, run, _seeds(run)) for name, run in zip(_names(runs), runs, strict=True)]


def _seeds(run: Run) -> tuple[Run, ...]:
    found = sorted((run.path / CHILDREN).glob("seed-*/run.json"))
    return tuple(Run(path.parent) for path in found) or (run,)


def _names(runs: Sequence[Run]) -> list[str]:
    """The last parts of the paths, as few as tell all of them apart."""
    parts = [run.path.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(path[-length:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    raise InputError("a run was given twice", where=str(runs[0].path), fix="name each run once")


def choose_split(runs: Sequence[Contender], split: str | None) -> str:
    """The split asked for, else test or validation, whichever all have. Raises InputError where one lacks it."""
    wanted = [split] if split else list(_SPLITS)
    for name in wanted:
        if all(path.is_file() for run in runs for path in run.files(name)):
            return name
    lacking = next(run for run in runs if not all(path.is_file() for path in run.files(wanted[0])))
    held = [name for name in (*_SPLITS, *_evaluations(lacking)) if all(path.is_file() for path in lacking.files(name))]
    what = f"`{lacking.name}` has no predictions for {' or '.join(wanted)}"
    fix = f"it has them for: {', '.join(held)}" if held else "it was made without test and validation data"
    raise InputError(what, where=str(lacking.run.path), fix=f"{fix}; or lmfit evaluate RUN --data FILE --name NAME")


def _evaluations(run: Contender) -> list[str]:
    return sorted(path.parent.name for path in (run.seeds[0].path / "evaluations").glob("*/predictions.jsonl"))
