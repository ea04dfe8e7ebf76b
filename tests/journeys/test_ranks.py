"""Two ranks work on one run, as torchrun starts them: equal to one, exact after a kill, one voice, one ending.

fault                                   exit     what survives
rank 1 dies                             1        the last checkpoint; resume goes on, identical
the whole group is killed               -        the same
SIGTERM to rank 1 alone                 143      this step
out of memory on rank 1                 0        the run; all ranks halve their micro-batches
a loss that is no number, on rank 1     0        the run; no rank learns from the step
a mistake of the user's                 2        nothing has begun; it is told once
another number of ranks on resume       2        the last checkpoint; --inexact goes on
a rank of a model in parts dies         1        the last checkpoint; resume on two ranks, or on one --inexact
torchrun restarts after a death         0        the run goes on from the last checkpoint
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from interruptions import TRAINING, outcome
from lmfit.config.yaml import dump
from lmfit.runs import Run
from lmfit.training.trainer import Trainer
from two_ranks import Told, command_on_ranks

Command = Callable[..., tuple[int, str, str]]


def still(folder: Path, target: Path) -> Path:
    """A copy of a model that drops nothing out."""
    shutil.copytree(folder, target)
    settings = json.loads((target / "config.json").read_text())
    settings |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (target / "config.json").write_text(json.dumps(settings))
    return target


@pytest.fixture(scope="module")
def config(tiny_config: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny_config("token-classification", training={**TRAINING, "log_every": 1})
    path = tmp_path_factory.mktemp("config") / "c.yaml"
    path.write_text(dump(made))
    return path


@pytest.fixture(scope="module")
def straight(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of two ranks that nothing happened to."""
    folder = tmp_path_factory.mktemp("straight")
    told = command_on_ranks(2, folder, "finetune", config, "-o", folder / "run")
    assert [each.code for each in told] == [0, 0], told
    assert "batch: 8 = 2 processes x 4" in told[0].err
    assert "report:" in told[0].out
    assert told[1] == Told(0, "", "")
    return Run(folder / "run")


def during(number: int, rank: int, act: Callable[[], object]) -> Callable[[int], None]:
    """Act on one rank while step `number` is done."""

    def before(own: int) -> None:
        work = Trainer.micro_batches

        def micro_batches(self: Trainer, at: int) -> Any:
            if at + 1 == number and own == rank:
                act()
            return work(self, at)

        Trainer.micro_batches = micro_batches

    return before


def goes_on(run: Run, straight: Run, folder: Path) -> str:
    told = command_on_ranks(2, folder, "resume", run.path)
    assert [each.code for each in told] == [0, 0], told
    assert outcome(run) == outcome(straight)
    assert run.status == "finished"
    assert run.manifest["exactness"] == "exact"
    return told[0].err


def test_two_ranks_equal_one(tiny: Any, tiny_config: Callable[..., Any], tmp_path: Path, command: Command) -> None:
    """With everything that touches gradients or weights, early stopping included."""
    training = {**TRAINING, "log_every": 1, "ema": 0.9, "adversarial": "fgm", "gradient_checkpointing": True}
    training |= {"micro_batch_size": 2, "early_stopping": {"patience": 2}, "adversarial_epsilon": 0.1}
    training |= {"learning_rate": 1e-4}
    model = {"name": str(still(tiny("bert"), tmp_path / "bert")), "on_unknown": "allow", "head_init": "random"}
    (tmp_path / "c.yaml").write_text(dump(tiny_config("text-classification", model=model, training=training)))
    assert command("finetune", tmp_path / "c.yaml", "-o", tmp_path / "one")[0] == 0
    told = command_on_ranks(2, tmp_path, "finetune", tmp_path / "c.yaml", "-o", tmp_path / "two")
    assert [each.code for each in told] == [0, 0], told
    assert "batch: 8 = 2 processes x 2 x 2 accumulated" in told[0].err
    one, two = outcome(Run(tmp_path / "one")), outcome(Run(tmp_path / "two"))
    assert one["steps"] == two["steps"]
    assert len(one["log"]) == len(two["log"])
    for a, b in zip(one["log"], two["log"], strict=True):
        if "loss" in a:
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-3)
            assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-2)
    assert [Run(tmp_path / name).manifest["device"]["processes"] for name in ("one", "two")] == [1, 2]


def test_the_whole_group_is_killed(config: Path, straight: Run, tmp_path: Path, command: Command) -> None:
    """Resumed on two ranks it is identical; one alone is refused, and goes on with --inexact."""
    run = Run(tmp_path / "run")
    before = during(7, 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
    told = command_on_ranks(2, tmp_path, "finetune", config, "-o", run.path, before=before)
    assert told[0].code == -signal.SIGKILL
    assert told[1].code == 1
    assert "process 0 of the training is gone" in told[1].err
    shutil.copytree(run.path, tmp_path / "copy")
    assert "resuming from step 4" in goes_on(run, straight, tmp_path)
    code, _, err = command("resume", tmp_path / "copy")
    assert code == 2
    assert "processes 2, now 1" in err
    assert "--inexact" in err
    code, _, err = command("resume", tmp_path / "copy", "--inexact")
    assert code == 0, err
    assert Run(tmp_path / "copy").manifest["exactness"] == "rounding"


def test_one_rank_dies(config: Path, straight: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    before = during(7, 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
    told = command_on_ranks(2, tmp_path, "finetune", config, "-o", run.path, before=before)
    assert [each.code for each in told] == [1, -signal.SIGKILL]
    assert "another process of the training is gone; what the last checkpoint holds is safe" in told[0].err
    assert f"lmfit resume {run.path}" in told[0].err
    assert run.status == "failed"
    goes_on(run, straight, tmp_path)


def test_a_signal_to_one_rank(config: Path, straight: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    before = during(6, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    told = command_on_ranks(2, tmp_path, "finetune", config, "-o", run.path, before=before)
    assert [each.code for each in told] == [143, 143], told
    assert "interrupted; the state is saved" in told[0].err
    assert told[1].err == ""
    assert sorted(path.name for path in (run.path / "checkpoints").glob("step-*")) == ["step-00000004", "step-00000006"]
    assert "resuming from step 6" in goes_on(run, straight, tmp_path)


def test_memory_runs_out_and_a_loss_is_no_number_on_one_rank(config: Path, tmp_path: Path) -> None:
    def before(rank: int) -> None:
        work = Trainer.forward_backward

        def spoilt(self: Trainer, batch: Any, targets: float) -> float:
            if rank == 1 and self.state.step == 2 and len(batch["input_ids"]) > 2:
                raise torch.OutOfMemoryError("too much")
            loss = work(self, batch, targets)
            return float("nan") if rank == 1 and self.state.step == 5 else loss

        Trainer.forward_backward = spoilt

    run = Run(tmp_path / "run")
    words = ("finetune", config, "-o", run.path, "training.on_nan=skip")
    told = command_on_ranks(2, tmp_path, *words, before=before)
    assert [each.code for each in told] == [0, 0], told
    assert "out of memory with 4 rows" in told[0].err
    assert run.manifest["exactness"] == "rounding"
    assert run.manifest["memory"]["micro_batch_tokens"]
    assert "1 of 12 steps taught nothing" in " ".join(run.manifest["warnings"])
    assert told[1].err == ""


def test_a_mistake_is_told_once(config: Path, tmp_path: Path) -> None:
    told = command_on_ranks(2, tmp_path, "finetune", config, "data.train=nowhere.conll", "-o", tmp_path / "run")
    assert [each.code for each in told] == [2, 2], told
    assert told[0].err.count("nowhere.conll") >= 1
    assert told[1].err == ""
    assert not (tmp_path / "run").exists()


def test_a_model_in_parts(config: Path, straight: Run, tmp_path: Path, command: Command) -> None:
    """Sharded on two ranks: the same training; killed it goes on identically, and on one rank with --inexact."""
    words = ("finetune", config, "training.sharding=full", "training.ema=0.9")
    told = command_on_ranks(2, tmp_path, *words, "-o", tmp_path / "whole")
    assert [each.code for each in told] == [0, 0], told
    run, whole = Run(tmp_path / "run"), Run(tmp_path / "whole")
    assert sorted(path.name for path in (whole.path / "checkpoints/step-00000012").iterdir()) == [
        "checksums.json",
        "shard-00001-model-00001-of-00001.safetensors",
        "shard-00002-model-00001-of-00001.safetensors",
        "state.json",
    ]
    first, other = (json.loads((each.path / "log.jsonl").read_text().splitlines()[0]) for each in (whole, straight))
    assert first["loss"] == pytest.approx(other["loss"], rel=1e-6)
    before = during(7, 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
    told = command_on_ranks(2, tmp_path, *words, "-o", run.path, before=before)
    assert told[0].code == 1, told
    shutil.copytree(run.path, tmp_path / "alone")
    assert "resuming from step 4" in goes_on(run, whole, tmp_path)
    code, _, err = command("resume", tmp_path / "alone", "--inexact")
    assert code == 0, err
    assert "resuming from step 4" in err
    one, two = (json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[5]) for name in ("alone", "run"))
    assert one["loss"] == pytest.approx(two["loss"], rel=0.5)


@pytest.mark.slow
def test_torchrun_restarts_after_a_death(config: Path, straight: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    script = tmp_path / "dies_once.py"
    script.write_text(
        "import os, signal, sys\n"
        "from lmfit.training.trainer import Trainer\n"
        "from lmfit.cli import main\n"
        "work = Trainer.micro_batches\n"
        "def micro_batches(self, at):\n"
        "    if at == 6 and os.environ['RANK'] == '1' and os.environ['TORCHELASTIC_RESTART_COUNT'] == '0':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return work(self, at)\n"
        "Trainer.micro_batches = micro_batches\n"
        "main()\n"
    )
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = [*launcher, "--max-restarts", "1", str(script), "finetune", str(config), "-o", str(run.path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "resuming from step 4" in done.stderr
    assert outcome(run) == outcome(straight)
    assert run.manifest["exactness"] == "exact"


@pytest.mark.slow
def test_the_command_starts_processes(config: Path, straight: Run, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lmfit", "finetune", str(config), "--processes", "2"]
    done = subprocess.run([*words, "-o", str(tmp_path / "run")], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert outcome(Run(tmp_path / "run")) == outcome(straight)
    wrong = subprocess.run([*words, "data.train=nowhere.conll"], check=False, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.count("error:") == 1
    stopped = subprocess.Popen([*words, "training.max_steps=100000", "-o", str(tmp_path / "long")])
    while not (tmp_path / "long/log.jsonl").is_file() or not (tmp_path / "long/log.jsonl").stat().st_size:
        time.sleep(0.2)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(120) == 143
    assert Run(tmp_path / "long").status == "interrupted"
