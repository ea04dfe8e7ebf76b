"""Whether two runs are the same: in every answer, in every bit, or up to which step of their logs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lmfit.runs import Run

_WEIGHTS = ("*.safetensors", "*.onnx")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Sameness:
    """Two runs that answer alike. `bits`: predictions with scores, weights and logs are equal, too; else `why` not."""

    bits: bool
    why: str = ""


def sameness(a: Run, b: Run, *, written: bool) -> Sameness:
    """Compare two runs that give equal answers; `written`: whether their prediction rows are equal with all scores."""
    logs = [run.path / "log.jsonl" for run in (a, b)]
    trained = all(log.is_file() for log in logs)
    step = first_different_step(*logs) if trained else None
    if step is not None:
        return Sameness(False, f"their logs first differ at {step}")
    if _weights(a) != _weights(b):
        return Sameness(False, "their logs are equal, their weights are not" if trained else "their weights differ")
    if not written:
        return Sameness(False, "logs and weights are equal, the scores of the predictions are not")
    return Sameness(bits=True)


def first_different_step(a: Path, b: Path) -> str | None:
    """Where two logs first differ, in words; times are left out. None where they are equal."""
    first, second = _lines(a), _lines(b)
    while True:
        one, other = next(first, None), next(second, None)
        if one is None and other is None:
            return None
        if one != other:
            step = (one or other or {}).get("step", "?")
            return f"step {step}{_told(one or {}, other or {})}"


def _told(one: dict[str, Any], other: dict[str, Any]) -> str:
    if not (one and other):
        return " (one log ends before it)"
    name = next(name for name in {**one, **other} if one.get(name) != other.get(name))
    return f" ({name} {_short(one.get(name))} and {_short(other.get(name))})"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 24 else f"{text[:24]}..."


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with open(path, encoding="utf-8") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                line = {"unreadable": text}
            yield {name: value for name, value in line.items() if name != "time"}


def _weights(run: Run) -> list[tuple[str, bytes]]:
    files = sorted(path for pattern in _WEIGHTS for path in run.model.rglob(pattern))
    return [(str(path.relative_to(run.model)), _digest(path)) for path in files]


def _digest(path: Path) -> bytes:
    digest = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()
