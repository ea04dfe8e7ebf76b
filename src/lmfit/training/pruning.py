"""Stop a training early whose validation score falls behind; who decides that stands outside."""

from collections.abc import Callable

from lmfit.training.hooks import QuietHook
from lmfit.training.trainer import StepResult, Trainer

PRUNED = "pruned"

Behind = Callable[[int, float], str]
"""Of the number of an evaluation (from 1) and its score: why to stop there, or nothing."""


class Prune(QuietHook):
    """Asks after each evaluation, but for the last one, whether to go on. Stands behind the hook that evaluates."""

    def __init__(self, behind: Behind) -> None:
        self.behind = behind
        self._seen = 0

    def on_start(self, trainer: Trainer) -> None:
        """Evaluations before a resumed run's checkpoint are known already."""
        self._seen = trainer.state.evaluations

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Tell a new score; training stops as pruned where it is behind."""
        state = trainer.state
        if state.evaluations == self._seen:
            return
        self._seen = state.evaluations
        why = "" if state.last_value is None else self.behind(state.evaluations, state.last_value)
        if why and state.step < state.total_steps and not state.stopped:
            state.stopped = f"{PRUNED}: {why}"
