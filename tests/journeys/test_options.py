"""Options of training, each one line: what they change, what they refuse, and that a killed run ends the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import lmfit
from interruptions import TRAINING, killed, outcome
from lmfit.config.load import load_config
from lmfit.errors import ConfigError
from lmfit.runs import Run

Config = Callable[..., dict[str, Any]]
ALL = {"ema": 0.9, "r_drop": 1.0, "adversarial": "fgm", "gradient_checkpointing": True, "packing": "on"}


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.model / "model.safetensors")


@pytest.mark.parametrize("task", ["token-classification", "text-classification"])
def test_all_at_once_killed_and_resumed(
    task: str, tiny_config: Config, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    straight = lmfit.finetune(tiny_config(task, training=TRAINING | ALL, output=str(tmp_path / "straight")))
    run = killed(straight, tmp_path / "killed", [4, 8])
    assert command("resume", run.path)[0] == 0
    assert outcome(run) == outcome(straight)


@pytest.mark.parametrize("option", [{"ema": 0.9}, {"r_drop": 1.0}, {"adversarial": "fgm"}])
def test_each_option_changes_what_is_learnt(option: dict[str, Any], tiny_config: Config, tmp_path: Path) -> None:
    made = [
        lmfit.finetune(tiny_config("token-classification", training={"max_steps": 4} | settings, output=str(path)))
        for path, settings in ((tmp_path / "plain", {}), (tmp_path / "option", option))
    ]
    plain, other = map(weights, made)
    assert any(not torch.equal(plain[name], other[name]) for name in plain)


def test_checkpointing_changes_nothing(tiny_config: Config, tmp_path: Path) -> None:
    made = [
        lmfit.finetune(
            tiny_config("text-classification", training={"gradient_checkpointing": on}, output=str(tmp_path / str(on)))
        )
        for on in (False, True)
    ]
    plain, other = map(weights, made)
    assert all(torch.equal(plain[name], other[name]) for name in plain)


@pytest.mark.parametrize("judged", [True, False])
def test_the_model_is_the_average(judged: bool, tiny_config: Config, tmp_path: Path) -> None:
    """With validation data the best one, else the last one."""
    data = {} if judged else {"validation": None}
    training = {"max_steps": 4, "evaluate_every": 4, "ema": 0.9}
    config = tiny_config("text-classification", data=data, training=training, output=str(tmp_path / "run"))
    run = lmfit.finetune(config | {"evaluation": {"resamples": 100, "calibration": "none"}})
    step = next((run.path / "checkpoints").glob("step-*"))
    last, average = load_file(step / "model.safetensors"), load_file(step / "optimizer.safetensors")
    head = "classifier.bias"
    kept = [tensor for name, tensor in average.items() if name.endswith(".average")]
    assert not torch.equal(weights(run)[head], last[head])
    assert any(torch.equal(weights(run)[head], tensor) for tensor in kept)


def test_r_drop_needs_dropout(tiny_config: Config, tmp_path: Path) -> None:
    config = tiny_config("text-classification", "modernbert", training={"r_drop": 1.0}, output=str(tmp_path / "run"))
    with pytest.raises(ConfigError, match="drops nothing out"):
        lmfit.finetune(config)


@pytest.mark.parametrize("freeze", ["embeddings", "encoder", 1])
def test_an_adversary_needs_embeddings_that_learn(freeze: Any, tiny_config: Config) -> None:
    config = tiny_config("text-classification", training={"adversarial": "fgm"}, model={"freeze": freeze})
    with pytest.raises(ConfigError, match=r"model\.freeze leaves them none"):
        load_config("finetune", config)


def test_epsilon_without_an_adversary_is_refused(tiny_config: Config) -> None:
    with pytest.raises(ConfigError, match=r"adversarial_epsilon: has no effect"):
        load_config("finetune", tiny_config("text-classification", training={"adversarial_epsilon": 0.5}))
