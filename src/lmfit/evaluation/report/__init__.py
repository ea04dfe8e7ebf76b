"""report.html of a run: self-contained, without scripts, made from nothing but the run folder's own files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lmfit.durable import write_text
from lmfit.evaluation.report.files import read_run
from lmfit.evaluation.report.page import render

__all__ = ["write_report"]


def write_report(run_folder: Path, **facts: Any) -> Path:
    """Write `report.html` into `run_folder`, atomically, and return its path; `facts` stand over those of run.json.

    Parts whose files are missing or broken are left out, and the report says so. Equal files give an equal report.
    """
    path = run_folder / "report.html"
    run = read_run(run_folder)
    write_text(path, render(replace(run, manifest={**run.manifest, **facts})))
    return path
