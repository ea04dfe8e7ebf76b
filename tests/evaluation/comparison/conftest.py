"""Run folders made by hand: as much of them as a comparison reads."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lmfit.runs import Run

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """`make_run("a", rows, "accuracy")`: a finished run below ./runs, its rows predicted on test (or `split`)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LMFIT_RUNS", raising=False)

    def make(
        name: str,
        rows: Sequence[Mapping[str, Any]],
        headline: str = "accuracy",
        *,
        split: str = "test",
        log: Sequence[Mapping[str, Any]] = (),
        weights: bytes = b"weights",
        status: str = "finished",
        **config: Any,
    ) -> Run:
        run = Run(Path("runs") / name)
        held = run.path / "evaluations" / split if split not in ("test", "validation") else run.path
        file = held / "predictions.jsonl" if held != run.path else run.path / "predictions" / f"{split}.jsonl"
        for folder in (file.parent, run.model):
            folder.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        (held / "metrics.json").write_text(json.dumps({split: {headline: {"value": 0.5}}}))
        (run.path / "config.yaml").write_text(json.dumps(config))
        (run.path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
        (run.model / "model.safetensors").write_bytes(weights)
        run.record(
            status=status,
            model={"bytes": 91_600_000, "parameters": 22_700_000},
            timing={"train_seconds": 32.9},
            throughput={"predict_tokens_per_second": 4229.2},
        )
        return run

    return make
