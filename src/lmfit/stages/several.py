"""Runs made of several: children in NAME/children/, each an ordinary run folder that can be resumed by itself."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.durable import publish
from lmfit.errors import Interrupted
from lmfit.runs import CHILDREN, Run, read_json
from lmfit.stages.corpus import Ready
from lmfit.stages.prepare import Prepared
from lmfit.stages.scoring import SLICES


@dataclass(frozen=True)
class Child:
    """One run of several. name: its folder; title: what is said of it; prepared: None where it prepares for itself."""

    name: str
    title: str
    loaded: LoadedConfig[Any]
    prepared: Prepared | Ready | None = None


class Several(ABC):
    """What a run is made of, and what comes of it: seeds, folds, later trials and controls."""

    @abstractmethod
    def plan(self, run: Run, finished: Sequence[Run]) -> Iterator[Child]:
        """The children of `run` in their order; `finished` grows meanwhile: a later one may rest on those before."""

    def release(self, child: Run) -> None:  # noqa: B027
        """What a finished child no longer needs; nothing by default."""

    @abstractmethod
    def summarise(self, run: Run, children: Sequence[Run]) -> dict[str, Any]:
        """Write the run's own results from those of its finished children. Returns facts for run.json."""


def train_children(run: Run, several: Several, work: Callable[[Run, Child], object]) -> list[Run]:
    """Each child that is not finished yet goes through `work`, in its locked folder; all children, finished."""
    finished: list[Run] = []
    for child in several.plan(run, finished):
        folder = Run(run.path / CHILDREN / child.name)
        if not folder.is_finished:
            folder.path.mkdir(parents=True, exist_ok=True)
            console.say(child.title)
            with folder.locked(), interrupted_as(run):
                work(folder, child)
        several.release(folder)
        finished.append(folder)
    return finished


@contextmanager
def interrupted_as(run: Run) -> Iterator[None]:
    """Who interrupts a child goes on with the whole."""
    try:
        yield
    except Interrupted as stopped:
        raise Interrupted(
            stopped.exit_code - 128, what=str(stopped.args[0]), fix=f"go on with: lmfit resume {run.path}"
        ) from None


def adopt(run: Run, child: Run) -> None:
    """The child's model, log, predictions and slices become the run's own."""
    _copy(child.model, run.model)
    for name in ("log.jsonl", SLICES):
        if (child.path / name).is_file():
            shutil.copyfile(child.path / name, run.path / name)
    for path in sorted((child.path / "predictions").glob("*.jsonl")):
        (run.path / "predictions").mkdir(exist_ok=True)
        shutil.copyfile(path, run.path / "predictions" / path.name)


def tables_of(child: Run, split: str) -> dict[str, Any]:
    """The tables of a child's split: calibration, costs and robustness among them."""
    found: dict[str, Any] = read_json(child.path / "tables.json", "run").get(split, {})
    return found


def _copy(source: Path, target: Path) -> None:
    """A copy of a folder, written beside and renamed."""
    temporary = target.with_name(f".writing-{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(source, temporary)
    publish(temporary, target)


def told(run: Run, metric: str, **facts: Any) -> dict[str, Any]:
    """A child as the parent's run.json lists it: `metric` on each of its splits, steps, seconds, facts of its own."""
    manifest = run.manifest
    values = {split: entries[metric]["value"] for split, entries in run.metrics.items() if metric in entries}
    steps = {name: manifest[name] for name in ("steps", "best_step")}
    return {"name": run.path.name, **facts, **values, **steps, "train_seconds": manifest["timing"]["train_seconds"]}
