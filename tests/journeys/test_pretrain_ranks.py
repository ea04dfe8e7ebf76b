"""Pretraining, search and transfer on two ranks: the gradient of one, the same run after a kill, one voice."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from interruptions import outcome
from lmfit.config.load import load_config
from lmfit.config.yaml import dump
from lmfit.device import Device
from lmfit.runs import Run
from lmfit.stages.corpus import TextMaterial, prepare_corpus
from lmfit.stages.text_training import text_trainer
from lmfit.training.budget import UNTIMED_STEPS
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.distributed import COMPANY
from lmfit.training.trainer import Trainer
from tiny_corpus import pretrain_config, write_corpus
from two_ranks import Told, command_on_ranks, on_ranks

Command = Callable[..., tuple[int, str, str]]
CPU = Device("cpu", None, "cpu", "fp32", 1)
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulated": {"micro_batch_size": 3},
    "unequal": {"batch_size": 7, "micro_batch_size": 2},
    "idle": {"batch_size": 1},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "news.txt")


def gradients(material: TextMaterial, settings: dict[str, Any], folder: Path) -> Any:
    """Loss, tokens and gradients of the second step, in float64."""
    from lmfit.pretraining.architecture import new_model

    torch.manual_seed(0)
    config = material.config
    model = new_model(config.model, material.tokenizer, config.pretraining.max_length, material.weights).double()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    training = config.training.model_copy(update=settings)
    changed = TextMaterial(config.model_copy(update={"training": training}), material.tokenizer, material.rows)
    trainer = text_trainer(changed, model, CPU, Checkpoints(folder, 1))
    loss, tokens = trainer.gradients(1)
    return loss, tokens, [p.grad for p in model.parameters() if p.grad is not None]


def test_two_ranks_give_the_gradient_of_one(corpus: Path, tmp_path: Path) -> None:
    """Masked tokens and next sentences: each has targets of its own, over all ranks."""
    ready = prepare_corpus(load_config("pretrain", pretrain_config(corpus)).config)

    def work() -> list[Any]:
        COMPANY.ranks()
        return [gradients(ready.material, settings, tmp_path) for settings in VARIANTS.values()]

    alone = work()
    for found in on_ranks(2, tmp_path, work):
        for name, one, two in zip(VARIANTS, alone, found, strict=True):
            assert one[0] == pytest.approx(two[0], rel=1e-10), name
            assert one[1] == two[1]
            assert max(float(g.abs().max()) for g in one[2]) > 1e-4
            for a, b in zip(one[2], two[2], strict=True):
                assert torch.allclose(a, b, rtol=0, atol=1e-10), name


def killed_at(step: int, rank: int) -> Callable[[int], None]:
    def before(own: int) -> None:
        work = Trainer.micro_batches

        def micro_batches(self: Trainer, at: int) -> Any:
            if at + 1 == step and own == rank:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(self, at)

        Trainer.micro_batches = micro_batches

    return before


def test_killed_and_resumed_on_two_ranks(corpus: Path, tmp_path: Path, command: Command) -> None:
    made = pretrain_config(corpus, pretraining={"dropout": 0.1}, training={"ema": 0.9, "log_every": 1})
    (tmp_path / "c.yaml").write_text(dump(made))
    told = command_on_ranks(2, tmp_path, "pretrain", tmp_path / "c.yaml", "-o", tmp_path / "straight")
    assert [each.code for each in told] == [0, 0], told
    assert "batch: 8 = 2 processes x 4" in told[0].err
    assert told[1] == Told(0, "", "")
    straight = Run(tmp_path / "straight")
    assert straight.manifest["device"]["processes"] == 2
    words = ("pretrain", tmp_path / "c.yaml", "-o", tmp_path / "cut")
    told = command_on_ranks(2, tmp_path, *words, before=killed_at(7, 1))
    assert [each.code for each in told] == [1, -signal.SIGKILL]
    shutil.copytree(tmp_path / "cut", tmp_path / "copy")
    told = command_on_ranks(2, tmp_path, "resume", tmp_path / "cut")
    assert [each.code for each in told] == [0, 0], told
    assert "resuming from step 4" in told[0].err
    assert outcome(Run(tmp_path / "cut")) == outcome(straight)
    assert Run(tmp_path / "cut").manifest["exactness"] == "exact"
    code, _, err = command("resume", tmp_path / "copy")
    assert code == 2
    assert "processes 2, now 1" in err


def test_a_pruned_search_on_two_ranks(tiny_config: Callable[..., Any], tmp_path: Path) -> None:
    """Rank 0 decides which trials end early, and the other one hears of it."""
    from lmfit.stages.study import Study

    def before(rank: int) -> None:
        def behind(self: Study, trial: Any, evaluation: int, value: float) -> str:
            assert rank == 0
            return "far behind" if (trial.number, evaluation) == (0, 2) else ""

        Study.behind = behind

    training = {"max_steps": 4, "batch_size": 16, "evaluate_every": 1, "checkpoint_every": 4}
    made = tiny_config("text-classification", training=training)
    del made["training"]["learning_rate"]
    space = {"training.learning_rate": {"log": [1e-4, 1e-2]}}
    (tmp_path / "s.yaml").write_text(dump(made | {"search": {"space": space, "trials": 2}}))
    told = command_on_ranks(2, tmp_path, "search", tmp_path / "s.yaml", "-o", tmp_path / "run", before=before)
    assert [each.code for each in told] == [0, 0], told
    found = [(trial["state"], trial["steps"]) for trial in Run(tmp_path / "run").manifest["search"]["trials"]]
    assert found == [("pruned", 2), ("finished", 4)]


def test_transfer_on_two_ranks_is_that_of_one(
    tiny_config: Callable[..., Any], tiny_data: dict[str, dict[str, Any]], tmp_path: Path, command: Command
) -> None:
    """Sources, target and control, with seeds: each child is trained by both ranks."""
    training = {"max_steps": 3, "batch_size": 16, "learning_rate": 1e-4, "evaluate_every": 3, "log_every": 1}
    source = {"data": tiny_data["text-classification"], "training": {"max_steps": 2}}
    made = tiny_config("text-classification", training=training, seeds=[1, 2])
    (tmp_path / "t.yaml").write_text(dump(made | {"transfer": {"sources": [source]}}))
    told = command_on_ranks(2, tmp_path, "transfer", tmp_path / "t.yaml", "-o", tmp_path / "two")
    assert [each.code for each in told] == [0, 0], told
    assert command("transfer", tmp_path / "t.yaml", "-o", tmp_path / "one")[0] == 0
    one, two = Run(tmp_path / "one"), Run(tmp_path / "two")
    children = ["control-seed-1", "control-seed-2", "seed-1", "seed-2", "source-1", "start"]
    for run in (one, two):
        assert sorted(path.name for path in (run.path / "children").iterdir()) == children
    for name in ("source-1", "control-seed-1"):
        first = [
            json.loads((run.path / "children" / name / "log.jsonl").read_text().splitlines()[0]) for run in (one, two)
        ]
        assert first[0]["loss"] == pytest.approx(first[1]["loss"], rel=0.2)
    assert two.manifest["transfer"]["seeds"] == 2


@pytest.mark.parametrize(
    "section",
    [
        {"seeds": [1, 2]},
        pytest.param({"data": {"validation": {"folds": 2}, "test": None}}, marks=pytest.mark.slow),
    ],
)
def test_seeds_and_folds_within_a_budget_on_two_ranks(
    section: dict[str, Any], tiny_config: Callable[..., Any], tmp_path: Path
) -> None:
    """The steps that a budget becomes are told to the other rank, in each child anew."""
    training = {"budget": "1s", "max_steps": None, "batch_size": 8, "evaluate_every": 1000}
    made = tiny_config("text-classification", training=training)
    for name, value in section.items():
        made[name] = {**made[name], **value} if isinstance(value, dict) else value
    (tmp_path / "c.yaml").write_text(dump(made))
    told = command_on_ranks(2, tmp_path, "finetune", tmp_path / "c.yaml", "-o", tmp_path / "run")
    assert [each.code for each in told] == [0, 0], told
    run = Run(tmp_path / "run")
    several = run.manifest["several"]["children"][:2]
    assert [Run(run.path / "children" / one["name"]).manifest["device"]["processes"] for one in several] == [2, 2]
    assert all(child["steps"] > UNTIMED_STEPS for child in several)
