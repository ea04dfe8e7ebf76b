"""Runs as a kill leaves them, and what must not depend on interruptions."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from lmfit.runs import Run, write_json

TRAINING = {"max_steps": 12, "checkpoint_every": 4, "evaluate_every": 3, "log_every": 5, "keep": 3}


class Killed(BaseException):
    """Ends the process for the test; nothing catches it but what catches everything."""


def outcome(run: Run) -> dict[str, Any]:
    """What must not depend on interruptions."""
    lines = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    return {
        "weights": sha256((run.model / "model.safetensors").read_bytes()).hexdigest(),
        "log": [{name: value for name, value in line.items() if name != "time"} for line in lines],
        "metrics": run.metrics,
        "steps": (run.manifest["steps"], run.manifest["best_step"]),
        "predictions": (run.path / "predictions" / "test.jsonl").read_text(),
    }


def killed(straight: Run, target: Path, checkpoints: list[int]) -> Run:
    """A copy as a kill would have left it: some checkpoints, no result, status running."""
    shutil.copytree(straight.path, target)
    run = Run(target)
    for name in ("model", "predictions"):
        shutil.rmtree(target / name)
    (target / "metrics.json").unlink()
    for folder in (target / "checkpoints").glob("step-*"):
        if int(folder.name[5:]) not in checkpoints:
            shutil.rmtree(folder)
    started = {k: v for k, v in run.manifest.items() if k not in ("finished", "headline", "verdict", "steps")}
    write_json(target / "run.json", started | {"status": "running"})
    return run


def edit_conditions(run: Run, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change under what the checkpoints of a run were made, checksums included."""
    for folder in (run.path / "checkpoints").glob("step-*"):
        facts = json.loads((folder / "state.json").read_text())
        edit(facts["conditions"])
        (folder / "state.json").write_text(json.dumps(facts))
        sums = json.loads((folder / "checksums.json").read_text())
        sums["state.json"] = sha256((folder / "state.json").read_bytes()).hexdigest()
        (folder / "checksums.json").write_text(json.dumps(sums))
