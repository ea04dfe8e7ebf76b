"""A wall-clock budget: turned into steps once some are timed, planned again while it passes: it ends on time."""

import time
from typing import NamedTuple

from lmfit import console
from lmfit.config.durations import seconds
from lmfit.training.hooks import QuietHook
from lmfit.training.optim import moved
from lmfit.training.trainer import BUDGET_UNKNOWN_STEPS, StepResult, Trainer

TIMED_STEPS = 20
UNTIMED_STEPS = 3
FIRST_SHARE = 0.1
"""Share of the budget after which it is turned into steps, also where fewer than 20 were timed by then."""
AGAIN_SHARE = 0.05
"""Share of the budget after which the rest is planned again."""
FEWEST_STEPS = 3
"""Steps that a plan rests on: one alone may have been held up by chance."""
TOLD_CHANGE = 0.05


class Pace(NamedTuple):
    """How fast it went: steps, their seconds, and the seconds between them (evaluations, checkpoints)."""

    steps: int
    in_steps: float
    between: float


class Budget(QuietHook):
    """Plans how many steps the budget has room for, with evaluations and checkpoints, and where the schedule stands.

    The plan is part of the state, so that a resumed run goes on with the one that its checkpoint holds. What is left is
    planned again whenever a twentieth of the budget or half of the planned rest has passed; the learning rate does not
    jump there, it falls faster or more slowly from where it is. Time of the last evaluation is set aside.
    """

    def __init__(self, budget: str) -> None:
        self.seconds = seconds(budget)
        self._last = 0.0
        self._pace, self._whole, self._longest = Pace(0, 0.0, 0.0), Pace(0, 0.0, 0.0), 0.0
        self._planned_after = 0.0

    def on_start(self, trainer: Trainer) -> None:
        """The clock starts; a resumed run goes on from the time that its checkpoint holds."""
        self._last, self._planned_after = time.perf_counter(), trainer.state.budget_seconds

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Count the time since the last step; plan where it is time to."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        state = trainer.state
        state.budget_seconds += passed
        if state.step <= UNTIMED_STEPS:
            return
        between = max(0.0, passed - result.seconds)
        self._longest = max(self._longest, between)
        self._pace, self._whole = (_added(one, result.seconds, between) for one in (self._pace, self._whole))
        if self._is_time(trainer):
            self._plan(trainer)

    def _is_time(self, trainer: Trainer) -> bool:
        state = trainer.state
        if state.total_steps == BUDGET_UNKNOWN_STEPS:
            return self._pace.steps >= TIMED_STEPS or state.budget_seconds >= FIRST_SHARE * self.seconds
        if self._pace.steps < FEWEST_STEPS and state.budget_seconds < self.seconds:
            return False
        since = state.budget_seconds - self._planned_after
        half = state.step - state.planned_at >= (state.total_steps - state.planned_at) / 2
        return half or since >= AGAIN_SHARE * self.seconds

    def _plan(self, trainer: Trainer) -> None:
        state, pace = trainer.state, self._pace
        per_step = pace.in_steps / pace.steps + self._whole.between / self._whole.steps
        left = self.seconds - state.budget_seconds - self._longest
        total = state.step + max(0, int(left / per_step))
        before = state.total_steps
        first = before == BUDGET_UNKNOWN_STEPS
        stands = float(state.step) if first else moved(trainer.config, trainer.scheduled(state.step), before, total)
        state.planned_at, state.planned_from, state.total_steps = state.step, stands, total
        self._planned_after, self._pace = state.budget_seconds, Pace(0, 0.0, 0.0)
        if first or abs(total - before) > TOLD_CHANGE * before:
            console.say(f"budget: {total:,} steps{'' if first else ' now'}, {per_step:.3f} s each")


def _added(pace: Pace, in_step: float, between: float) -> Pace:
    return Pace(pace.steps + 1, pace.in_steps + in_step, pace.between + between)
