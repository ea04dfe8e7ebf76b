"""How often the same test rows were looked at, by all runs of one runs folder."""

import fcntl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.errors import InputError
from lmfit.runs import CHILDREN, Run, read_json, write_json

FILE = ".looks.json"


def look(run: Run, fingerprint: str) -> dict[str, int]:
    """Count one more look at the rows with this fingerprint; returns {"looks", "runs"} so far, this one included.

    Runs below the same folder share a file; a lock keeps processes apart. Where the folder cannot be written, that is
    said, and {} returned.
    """
    folder = _folder(run.path.resolve())
    try:
        with open(folder / f"{FILE}.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            counted = _read(folder / FILE)
            own = dict(counted.get(fingerprint, {}))
            name = str(run.path.resolve().relative_to(folder))
            own[name] = own.get(name, 0) + 1
            write_json(folder / FILE, {**counted, fingerprint: own})
    except OSError as error:
        console.warn(f"looks at the test rows are not counted: {error}")
        return {}
    return {"looks": sum(own.values()), "runs": len(own)}


def forget(run: Run) -> None:
    """Take back the looks of a run's children, where nobody chooses by their scores (verify-resume)."""
    folder = _folder(run.path.resolve())
    inside = f"{run.path.resolve().relative_to(folder)}/{CHILDREN}/"
    with suppress(OSError), open(folder / f"{FILE}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        counted = _read(folder / FILE)
        kept = {rows: {k: n for k, n in by.items() if not k.startswith(inside)} for rows, by in counted.items()}
        write_json(folder / FILE, {rows: by for rows, by in kept.items() if by})


def looks_told(looks: Mapping[str, int], name: str) -> str:
    """A sentence on the looks at the rows of a split or a new file, from the second look on; else nothing."""
    if looks.get("looks", 0) < 2:
        return ""
    runs = "1 run" if looks["runs"] == 1 else f"{looks['runs']} runs"
    return f"the {name} rows were looked at {looks['looks']} times by {runs}; choose models on validation"


def _folder(path: Path) -> Path:
    """The runs folder: that of the parent for a child run."""
    while path.parent.name == CHILDREN:
        path = path.parent.parent
    return path.parent


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return read_json(path, "count of looks")
    except InputError as error:
        console.warn(f"{error}; counting begins anew")
        return {}
