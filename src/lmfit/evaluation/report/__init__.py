"""report.html of a run: self-contained, without scripts, made from nothing but the run folder's own files."""

from pathlib import Path

from lmfit.evaluation.report.files import read_run
from lmfit.evaluation.report.page import render
from lmfit.runs import write_text

__all__ = ["write_report"]


def write_report(run_folder: Path) -> Path:
    """Write `report.html` into `run_folder`, atomically, and return its path.

    Parts whose files are missing or broken are left out, and the report says so. Equal files give an equal report.
    """
    path = run_folder / "report.html"
    write_text(path, render(read_run(run_folder)))
    return path
