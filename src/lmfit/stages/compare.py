"""lmfit compare: are the differences real, and what differs between the runs? Reads run folders; no torch."""

from collections.abc import Sequence
from glob import glob
from pathlib import Path

from lmfit import console
from lmfit.errors import InputError
from lmfit.evaluation.comparison.compare import Comparison, compare
from lmfit.evaluation.comparison.contenders import contenders
from lmfit.runs import Run, find_run, runs_folder

_SPECIAL = frozenset("*?[")


def run(
    names: Sequence[str],
    *,
    against: str = "first",
    metrics: Sequence[str] = (),
    split: str | None = None,
    seed: int = 13,
) -> Comparison:
    """Compare the runs of these names or patterns, in their order; `runs/latest` and repeats count once.

    Raises InputError where a run is unfinished or was scored on other rows.
    """
    runs: dict[Path, Run] = {}
    for name in names:
        for found in _matching(name) if _SPECIAL & set(name) else [find_run(name)]:
            runs.setdefault(found.path.resolve(), found)
    return compare(contenders(list(runs.values())), against=against, metrics=metrics, split=split, seed=seed)


def _matching(pattern: str) -> list[Run]:
    """The finished runs of a pattern, given as a path or below the runs folder; others are told and left out."""
    paths = sorted(glob(pattern)) or sorted(glob(str(runs_folder() / pattern)))
    found = [Run(Path(path)) for path in paths if (Path(path) / "run.json").is_file()]
    for run in found:
        if run.status != "finished":
            console.warn(f"{run.path} is {run.status} and left out")
    finished = [run for run in found if run.status == "finished"]
    if not finished:
        raise InputError(f"no finished run matches `{pattern}`", fix="lmfit runs shows what there is")
    return finished
