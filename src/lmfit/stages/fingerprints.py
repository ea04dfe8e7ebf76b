"""Hashes of all that a training leaves, each over what must not depend on when it was interrupted."""

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from lmfit.runs import Run, read_json

_TIMED = ("train_seconds", "log_bytes", "budget_seconds")


def fingerprints(run: Run) -> dict[str, str]:
    """SHA-256 of a finished run by name: checkpoint (weights, optimizer, state), best weights, log, results."""
    newest = max((run.path / "checkpoints").glob("step-*"))
    state = read_json(newest / "state.json", "checkpoint")["state"]
    kept = {name: value for name, value in state.items() if name not in _TIMED}
    return {
        "weights": _files([newest / "model.safetensors"]),
        "optimizer": _files([newest / "optimizer.safetensors"]),
        "state": _json([newest.name, run.manifest["exactness"], kept]),
        "best weights": _files(sorted(run.model.glob("*.safetensors"))),
        "log": _json(_without_times(run.path / "log.jsonl")),
        "metrics": _json(run.metrics),
        "predictions": _files(sorted((run.path / "predictions").glob("*.jsonl"))),
    }


def _without_times(log: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


def _json(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _files(paths: list[Path]) -> str:
    """One hash over files with their names."""
    whole = sha256()
    for path in paths:
        with open(path, "rb") as file:
            whole.update(path.name.encode() + file_digest(file, "sha256").digest())
    return whole.hexdigest()
