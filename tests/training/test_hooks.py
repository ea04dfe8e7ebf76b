import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.config.training import EarlyStopping
from lmfit.data.batching import BatchPlan
from lmfit.errors import Interrupted
from lmfit.training.checkpoint import TrainState
from lmfit.training.distributed import ALONE
from lmfit.training.hooks import KeepBest, Log, Save, StopOnSignal, due, epochs_between
from lmfit.training.replicas import Replicas
from lmfit.training.trainer import StepResult


class Desk:
    """Stands for a trainer: a state, a plan of 5 steps an epoch, and what was saved."""

    def __init__(self, step: int = 0, total: int = 20) -> None:
        self.state = TrainState(step=step, total_steps=total)
        self.plan = BatchPlan(np.ones(10), 1, batch_size=2)
        self.model = torch.nn.Module()
        self.optimizer = SimpleNamespace(param_groups=[])
        self.ranks, self.placement = ALONE, Replicas(self.model, ALONE)
        self.saved: list[int] = []
        self.best: list[tuple[int, float]] = []
        self.checkpoints = SimpleNamespace(save_best=lambda model, step, value: self.best.append((step, value)))

    @property
    def epoch(self) -> float:
        return self.state.step / 5

    def save(self) -> None:
        self.saved.append(self.state.step)

    def go(self, hook: Any, result: StepResult | None = None) -> None:
        self.state.step += 1
        hook.on_step(self, result or StepResult(1.0, 2.0, 0.1, 10, 0.5))


@pytest.mark.parametrize(
    ("every", "steps"),
    [
        ("epoch", [5, 10, 12]),
        (4, [4, 8, 12]),
        (0.25, [3, 6, 9, 12]),
        (0.001, list(range(1, 13))),
        (100, [12]),
        (5.0, [5, 10, 12]),
    ],
)
def test_due(every: Any, steps: list[int]) -> None:
    desk = Desk(total=12)
    found = []
    for step in range(1, 13):
        desk.state.step = step
        found += [step] if due(desk, every) else []
    assert found == steps


@pytest.mark.parametrize(
    ("steps_per_epoch", "total", "epochs"),
    [(1, 200, 10), (3, 201, 4), (1, 60, 6), (1, 9, 1), (2, 6, 1), (10, 1000, 1), (400, 1200, 1)],
)
def test_of_many_tiny_epochs_every_few_count(steps_per_epoch: int, total: int, epochs: int) -> None:
    assert epochs_between(steps_per_epoch, total) == epochs
    desk = Desk(total=total)
    desk.plan = BatchPlan(np.ones(steps_per_epoch), 1, batch_size=1)
    found = []
    for step in range(1, total + 1):
        desk.state.step = step
        found += [step] if due(desk, "epoch") else []
    assert found == [*range(epochs * steps_per_epoch, total, epochs * steps_per_epoch), total]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_log_means_and_the_last_step(tmp_path: Path) -> None:
    desk, log = Desk(total=5), Log(tmp_path / "log.jsonl", 3)
    log.on_start(desk)
    for loss in (1.0, 2.0, 6.0, 4.0, 5.0):
        desk.go(log, StepResult(loss, 2.0, 0.1, 10, 0.5))
    told = lines(log.path)
    assert [(line["step"], line["loss"]) for line in told] == [(3, 3.0), (5, 4.5)]
    assert told[0]["time"]["tokens_per_second"] == 20
    assert set(told[0]) == {"step", "epoch", "loss", "learning_rate", "grad_norm", "time"}


def test_log_goes_on_where_the_checkpoint_stood(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl", 1)
    desk = Desk()
    log.on_start(desk)
    desk.go(log)
    kept = desk.state.log_bytes
    desk.go(log)
    again = Desk(step=1)
    again.state.log_bytes = kept
    log.on_start(again)
    assert [line["step"] for line in lines(log.path)] == [1]


def test_a_lost_log_is_begun_anew(tmp_path: Path) -> None:
    log, desk = Log(tmp_path / "log.jsonl", 1), Desk(step=7)
    desk.state.log_bytes = 1000
    log.on_start(desk)
    desk.go(log)
    assert [line["step"] for line in lines(log.path)] == [8]


def test_an_overflown_gradient_is_valid_json(tmp_path: Path) -> None:
    log, desk = Log(tmp_path / "log.jsonl", 1), Desk()
    log.on_start(desk)
    desk.go(log, StepResult(1.0, float("inf"), 0.1, 10, 0.5))
    assert "Infinity" not in log.path.read_text()


def keep_best(
    values: list[float | None], tmp_path: Path, patience: EarlyStopping | None = None, higher: bool = True
) -> tuple[Desk, KeepBest]:
    desk, log = Desk(), Log(tmp_path / "log.jsonl", 1)
    scores: Iterator[dict[str, Any]] = ({"score": value} for value in values)
    hook = KeepBest(lambda: next(scores), log, metric="score", higher_is_better=higher, every=1, patience=patience)
    for _ in values:
        if not desk.state.stopped:
            desk.go(hook)
    return desk, hook


def test_best_is_kept(tmp_path: Path) -> None:
    assert keep_best([0.1, 0.3, 0.3, 0.2], tmp_path)[0].best == [(1, 0.1), (2, 0.3)]


def test_best_of_an_error_is_the_least(tmp_path: Path) -> None:
    assert keep_best([3.0, 1.0, 2.0], tmp_path, higher=False)[0].best == [(1, 3.0), (2, 1.0)]


@pytest.mark.parametrize("higher", [True, False])
def test_an_undefined_score_is_never_the_best(higher: bool, tmp_path: Path) -> None:
    assert keep_best([None, -0.5, None], tmp_path, higher=higher)[0].best == [(2, -0.5)]


def test_early_stopping_counts_evaluations_without_gain(tmp_path: Path) -> None:
    desk, _ = keep_best([0.5, 0.4, 0.6, 0.5, 0.6, 0.9], tmp_path, EarlyStopping(patience=2))
    assert desk.state.step == 5
    assert "no gain in score over 2 evaluations" in desk.state.stopped
    assert desk.state.best_step == 3


def test_small_gains_are_kept_but_do_not_count(tmp_path: Path) -> None:
    desk, _ = keep_best([0.5, 0.505, 0.509, 0.9], tmp_path, EarlyStopping(patience=2, min_delta=0.01))
    assert desk.state.stopped
    assert desk.best == [(1, 0.5), (2, 0.505), (3, 0.509)]


def test_evaluations_are_logged(tmp_path: Path) -> None:
    keep_best([0.5], tmp_path)
    assert lines(tmp_path / "log.jsonl") == [
        {"step": 1, "epoch": 0.2, "evaluation": {"split": "validation", "score": 0.5}}
    ]


def test_save_when_due_and_when_stopped() -> None:
    desk, hook = Desk(), Save(3)
    for _ in range(4):
        desk.go(hook)
    desk.state.stopped = "early"
    desk.go(hook)
    assert desk.saved == [3, 5]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_step_with_the_state_saved(number: int, code: int) -> None:
    desk, hook = Desk(), StopOnSignal("runs/x")
    before = signal.getsignal(number)
    hook.on_start(desk)
    desk.go(hook)
    os.kill(os.getpid(), number)
    with pytest.raises(Interrupted, match="lmfit resume runs/x") as caught:
        desk.go(hook)
    assert caught.value.exit_code == code
    assert desk.saved == [2]
    assert signal.getsignal(number) is before


def test_training_in_a_thread_does_without_signals() -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            hook = StopOnSignal("x")
            hook.on_start(Desk())
            hook.on_end(Desk())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []
