"""Where a new run goes: a free folder, or the one that is asked for, which holds nothing that would be lost."""

import re
from collections.abc import Iterable
from pathlib import Path

from lmfit.errors import InputError
from lmfit.runs import CHILDREN, LOCK, Run, runs_folder

_UNBEGUN = re.compile(r"\.lock|config\.yaml|tokenizer|\.(config\.yaml|run\.json)\.\d+")
"""What a run leaves that is ended before it has a run.json."""


def choose_output(output: str | None, name: str, *, overwrite: bool = False, models: Iterable[str | Path] = ()) -> Path:
    """The folder of a new run: `output`, or runs/NAME, then NAME-2, NAME-3. A given one that is taken is refused.

    models: what the new run reads; a given output must not be, hold or lie in one that is a folder.
    """
    if output is None:
        path, number = runs_folder() / name, 1
        while path.exists():
            number += 1
            path = runs_folder() / f"{name}-{number}"
        return path
    path = Path(output)
    if path.exists() and not path.is_dir():
        raise InputError(f"output `{output}` is a file", fix="give another name with --output")
    for model in models:
        _refuse_overlap(path, Path(model))
    if _is_taken(path) and Run(path).is_locked():
        what = f"output `{output}` is taken: another process works in this run folder"
        raise InputError(what, where="output", fix="wait for its end, or give another name with --output")
    if _is_taken(path) and not overwrite:
        raise InputError(
            f"output `{output}` is taken ({_describe(path)})",
            where="output",
            fix=f"go on with it: lmfit resume {output}; or move it away: --overwrite; or another name: --output",
        )
    return path


def claim_output(output: str | None, name: str, *, overwrite: bool = False, models: Iterable[str | Path] = ()) -> Path:
    """Make the folder that `choose_output` gives; with `overwrite` the old one there is moved to NAME.old-1."""
    models = list(models)
    while True:
        path = choose_output(output, name, overwrite=overwrite, models=models)
        if _is_taken(path):
            move_away(path)
        try:
            path.mkdir(parents=True, exist_ok=output is not None)
        except FileExistsError:
            continue
        return path


def _refuse_overlap(path: Path, model: Path) -> None:
    """Raises InputError where `path` is a model's folder, lies inside it but among its children, or holds it."""
    if not model.is_dir():
        return
    new, read = path.resolve(), model.resolve()
    if new == read:
        told = "is the run or model that is read"
    elif read in new.parents and new.relative_to(read).parts[0] != CHILDREN:
        told = f"lies inside `{model}`, which is read"
    elif new in read.parents:
        told = f"holds `{model}`, which is read"
    else:
        return
    raise InputError(f"output `{path}` {told}", where="output", fix="give another name with --output")


def _is_taken(path: Path) -> bool:
    """Whether a folder holds anything, but what a run leaves that is ended before it has begun."""
    held = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    return bool(held) and not (LOCK in held and all(map(_UNBEGUN.fullmatch, held)))


def _describe(path: Path) -> str:
    return f"a run, {Run(path).status}" if (path / "run.json").is_file() else "not a run"


def move_away(path: Path) -> None:
    """Rename a folder to NAME.old-1, or the next free number. Raises InputError for a run at work."""
    if (path / "run.json").is_file() and Run(path).is_locked():
        raise InputError("another process works in this run folder", where=str(path))
    number = 1
    while (old := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    path.rename(old)
