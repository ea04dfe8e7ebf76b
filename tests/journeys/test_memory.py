"""Little memory, as a user meets it: told, finished, resumed; and the cost told beforehand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from lmfit.config.yaml import dump
from lmfit.device import InUse
from lmfit.runs import Run
from lmfit.training import memory

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tiny_config: Callable[..., Any], tmp_path: Path) -> Path:
    (tmp_path / "c.yaml").write_text(dump(tiny_config("text-classification", training={"batch_size": 16})))
    return tmp_path / "c.yaml"


def test_a_run_that_was_halved_says_so(
    tiny_config: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_in_use", lambda: InUse(0, 0))
    monkeypatch.setattr(
        memory.Memory, "needed", lambda self, trainer, number: max(n for n, _ in memory.shapes(trainer, number))
    )
    made = tiny_config("text-classification", training={"batch_size": 16}, device={"memory_limit": "4B"})
    run = lmfit.finetune(made, output=tmp_path / "run")
    manifest = Run(Path(run.path)).manifest
    assert manifest["exactness"] == "rounding"
    assert manifest["memory"]["micro_batch_size"] >= 1
    assert any("training.micro_batch_size=" in told for told in manifest["warnings"])
    states = [json.loads(path.read_text()) for path in (tmp_path / "run/checkpoints").glob("step-*/state.json")]
    assert {state["conditions"]["exactness"] for state in states} == {"rounding"}
    assert all(state["state"]["micro_batch_tokens"] for state in states)


def test_the_cost_is_told_in_a_few_lines(config: Path, command: Command) -> None:
    code, out, _ = command("check", config, "--cost")
    told = [line for line in out.splitlines() if line.startswith(("memory:", "step:", "time:", "disk:"))]
    assert code == 0
    assert len(told) == 4


def test_the_cost_is_json_too(config: Path, command: Command) -> None:
    code, out, _ = command("check", config, "--cost", "--json")
    cost = json.loads(out)["cost"]
    assert code == 0
    assert cost["steps"] == 2
    assert 0 < cost["train_seconds"][0] <= cost["train_seconds"][1]
    assert cost["peak_memory_bytes"] > 10**8


def test_a_device_without_cost_is_refused(config: Path, command: Command) -> None:
    code, _, err = command("check", config, "--device", "cpu")
    assert code == 2
    assert "--cost" in err


@pytest.mark.parametrize("limit", ["0", "1.5", "much", "0GB", "true"])
def test_a_limit_that_is_none_is_refused(limit: str, config: Path, command: Command) -> None:
    code, _, err = command("check", config, f"device.memory_limit={limit}")
    assert code == 2
    assert "memory_limit" in err
