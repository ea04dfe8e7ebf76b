"""A budget on a clock of the test's own: it ends on time with an annealed rate, whatever steps take, and resumes."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from lmfit.config.training import TrainingConfig
from lmfit.training import budget as module
from lmfit.training.budget import Budget
from lmfit.training.checkpoint import TrainState
from lmfit.training.hooks import due
from lmfit.training.optim import learning_rate_scale, moved
from lmfit.training.trainer import BUDGET_GUESSED_STEPS, BUDGET_UNKNOWN_STEPS, StepResult, Trainer

Pace = Callable[[float], float]
PACES: dict[str, Pace] = {
    "even": lambda share: 0.5,
    "slow at first": lambda share: 2.0 if share < 0.05 else 0.5,
    "ever slower": lambda share: 0.3 + share,
    "half as fast from the middle on": lambda share: 0.4 if share < 0.5 else 0.8,
    "twice as fast near the end": lambda share: 0.8 if share < 0.9 else 0.4,
    "to and fro": lambda share: 0.3 if int(share * 40) % 2 else 0.6,
}


class Clocked:
    """Stands for a trainer: steps and evaluations take the time that is said of them."""

    def __init__(self, config: TrainingConfig, pace: Pace, evaluation: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.config, self.pace, self.evaluation, self.now = config, pace, evaluation, 0.0
        self.state = TrainState(total_steps=BUDGET_UNKNOWN_STEPS)
        self.rates: list[float] = []
        self.evaluated: list[int] = []
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def scheduled(self, number: int) -> float:
        return Trainer.scheduled(self, number)  # type: ignore[arg-type]

    def train(self, seconds: float, steps: int | None = None) -> None:
        """To the end, or some steps."""
        hook = Budget(str(self.config.budget))
        hook.on_start(self)  # type: ignore[arg-type]
        while self.state.step < self.state.total_steps and (steps is None or len(self.rates) < steps):
            known = self.state.total_steps != BUDGET_UNKNOWN_STEPS
            total = self.state.total_steps if known else BUDGET_GUESSED_STEPS
            self.rates.append(learning_rate_scale(self.config, self.scheduled(self.state.step), total))
            took = self.pace(self.now / seconds)
            self.now += took
            self.state.step += 1
            hook.on_step(self, StepResult(1.0, 1.0, 0.1, 1, took))  # type: ignore[arg-type]
            if due(self, self.config.evaluate_every):  # type: ignore[arg-type]
                self.evaluated.append(self.state.step)
                self.now += self.evaluation


@pytest.mark.parametrize("schedule", ["linear", "wsd"])
@pytest.mark.parametrize("evaluation", [0.0, 8.0])
@pytest.mark.parametrize("name", PACES)
def test_it_ends_on_time_with_an_annealed_rate(
    name: str, evaluation: float, schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainingConfig(budget="20m", schedule=schedule, warmup=0.05, evaluate_every=0.1)
    clocked = Clocked(config, PACES[name], evaluation, monkeypatch)
    clocked.train(1200.0)
    assert clocked.now == pytest.approx(1200, rel=0.02)
    rates = clocked.rates
    assert max(rates) > 0.95
    assert rates[-1] < 0.02
    planned = rates[100:]
    assert max(abs(a - b) for a, b in pairwise(planned)) < 0.03
    assert 9 <= len(clocked.evaluated) <= 11


def test_a_resumed_run_goes_on_with_the_plan_of_its_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig(budget="2m", evaluate_every=0.1)
    straight = Clocked(config, PACES["ever slower"], 0.0, monkeypatch)
    straight.train(120.0, steps=150)
    kept = replace(straight.state)
    assert kept.planned_at > 23
    again = Clocked(config, lambda share: 9.0, 0.0, monkeypatch)
    again.state = replace(kept)
    again.train(120.0, steps=1)
    assert again.state.total_steps == kept.total_steps
    assert again.rates[0] == learning_rate_scale(config, again.scheduled(kept.step), kept.total_steps)


def test_a_budget_too_short_for_twenty_steps_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    clocked = Clocked(TrainingConfig(budget="30s", evaluate_every=0.1), lambda share: 2.0, 0.0, monkeypatch)
    clocked.train(30.0)
    assert clocked.now <= 32
    assert clocked.rates[-1] < 0.2


@pytest.mark.parametrize("warmup", [0.0, 0.1, 30])
@pytest.mark.parametrize("step", [3, 50, 90])
def test_another_length_keeps_the_rate(step: int, warmup: float) -> None:
    config = TrainingConfig(warmup=warmup)
    there = moved(config, step, 100, 140)
    assert learning_rate_scale(config, there, 140) == pytest.approx(learning_rate_scale(config, step, 100))
