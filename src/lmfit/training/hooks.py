"""What happens around the loop: log, evaluate and keep the best, save, stop on a signal."""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NamedTuple

from lmfit import console
from lmfit.config.training import EarlyStopping
from lmfit.errors import Interrupted
from lmfit.training.distributed import ALONE
from lmfit.training.trainer import StepResult, Trainer

SAME_REQUEST_SECONDS = 1.0

FEW_STEPS, LEAST_TIMES = 10, 10

Interval = Literal["epoch"] | int | float


def due(trainer: Trainer, every: Interval) -> bool:
    """Whether something that happens `every` epoch, n steps or share of all steps happens after this step.

    The last step counts always. Of many epochs of few steps every so-manieth counts: at least ten in all.
    """
    step, total = trainer.state.step, trainer.state.total_steps
    if step >= total:
        return True
    if every == "epoch":
        epoch, index = trainer.plan.locate(step)
        return index == 0 and epoch > 0 and epoch % epochs_between(trainer.plan.steps_per_epoch, total) == 0
    if every < 1 and trainer.state.planned_at:
        places = (math.floor(trainer.scheduled(at) / total / every) for at in (step - 1, step))
        return next(places) < next(places)
    interval = round(every) if every >= 1 else max(1, round(every * total))
    return step % interval == 0


def epochs_between(steps_per_epoch: int, total: int) -> int:
    """What `epoch` is of `total` steps: as many epochs as have ten steps, or a tenth of all, where that is fewer."""
    return max(1, min(-(-FEW_STEPS // steps_per_epoch), total // (LEAST_TIMES * steps_per_epoch)))


class QuietHook:
    """A hook that does nothing; others override what they need."""

    def on_start(self, trainer: Trainer) -> None:
        """Do nothing."""

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Do nothing."""

    def on_end(self, trainer: Trainer) -> None:
        """Do nothing."""


class Log(QuietHook):
    """log.jsonl: one line per `every` steps and per evaluation. A resumed run cuts what lies beyond its checkpoint.

    tell: takes each line as well; a resumed run tells the lines behind its checkpoint again.
    """

    def __init__(self, path: Path, every: int, tell: Callable[[Mapping[str, Any]], object] = lambda line: None) -> None:
        self.path, self.every, self.tell = path, every, tell
        self._tokens = 0
        self._seconds = 0.0

    def on_start(self, trainer: Trainer) -> None:
        """Go on after the last line that belongs to the restored state."""
        with open(self.path, "ab") as file:
            file.truncate(min(trainer.state.log_bytes, file.tell()))

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Collect, and write a line when it is time; the loss is the mean over the steps since the last line."""
        losses = trainer.state.unlogged_losses
        if result.updated:
            losses.append(result.loss)
        self._tokens += result.tokens
        self._seconds += result.seconds
        if trainer.state.step % self.every and trainer.state.step < trainer.state.total_steps:
            return
        facts = {
            "loss": math.fsum(losses) / len(losses) if losses else None,
            "learning_rate": result.learning_rate,
            "grad_norm": result.grad_norm if math.isfinite(result.grad_norm) else None,
            "time": {"at": time.time(), "tokens_per_second": self._tokens / max(self._seconds, 1e-9)},
        }
        self.write(trainer, facts)
        losses.clear()
        self._tokens, self._seconds = 0, 0.0

    def write(self, trainer: Trainer, facts: Mapping[str, Any]) -> None:
        """Append one line about this step."""
        line = {"step": trainer.state.step, "epoch": round(trainer.epoch, 6), **facts}
        with open(self.path, "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            trainer.state.log_bytes = file.tell()
        self.tell(line)


class KeepBest(QuietHook):
    """Evaluate on validation data, keep the best weights, stop when they no longer improve."""

    def __init__(
        self,
        evaluate: Callable[[], Mapping[str, Any]],
        log: Log,
        *,
        metric: str,
        higher_is_better: bool,
        every: Interval,
        patience: EarlyStopping | None,
    ) -> None:
        self.evaluate, self.log, self.metric, self.every = evaluate, log, metric, every
        self.sign = 1 if higher_is_better else -1
        self.patience = patience

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Evaluate when it is time; where an average of the weights is kept, that is judged, and kept if best."""
        if due(trainer, self.every):
            with trainer.placement.judged(trainer.optimizer):
                self._evaluate(trainer)

    def _evaluate(self, trainer: Trainer) -> None:
        scores = self.evaluate()
        value = scores.get(self.metric)
        self.log.write(trainer, {"evaluation": {"split": "validation", **scores}})
        console.say(
            f"step {trainer.state.step:,} (epoch {trainer.epoch:.2f}): validation {self.metric} {_shown(value)}"
        )
        state = trainer.state
        state.evaluations, state.last_value = state.evaluations + 1, value
        margin = self.patience.min_delta if self.patience else 0.0
        gain = -math.inf if value is None else math.inf
        if value is not None and state.best_value is not None:
            gain = self.sign * (value - state.best_value)
        if value is not None and gain > 0:
            state.best_value, state.best_step = value, state.step
            trainer.checkpoints.save_best(trainer.model, state.step, value)
        state.evaluations_without_gain = 0 if gain > margin else state.evaluations_without_gain + 1
        if self.patience and state.evaluations_without_gain >= self.patience.patience:
            state.stopped = f"no gain in {self.metric} over {self.patience.patience} evaluations"


class Save(QuietHook):
    """Write checkpoints."""

    def __init__(self, every: Interval) -> None:
        self.every = every

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Save when it is time."""
        if due(trainer, self.every) or trainer.state.stopped:
            trainer.save()


class StopOnSignal(QuietHook):
    """On SIGINT or SIGTERM finish the step, save, and end with Interrupted (exit code 130 or 143).

    It stands last, so that the saved state holds all that the other hooks made of the step. A signal that any rank
    receives counts: exchanges between ranks carry it.
    """

    def __init__(self, run_name: str) -> None:
        self.run_name = run_name
        self.received: int | None = None
        self._ranks = ALONE
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def on_start(self, trainer: Trainer) -> None:
        """Listen; only a program's main thread can."""
        self._ranks, trainer.ranks.signal = trainer.ranks, 0
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """A second signal stops at once; one that follows within a second is the same request (`timeout`, a shell)."""
        if self.received is None:
            self.received, self._since = number, time.monotonic()
            self._ranks.signal = max(number, self._ranks.signal)
            console.say("stopping after this step ...")
        elif time.monotonic() - self._since >= SAME_REQUEST_SECONDS:
            self._listen_no_more()
            signal.raise_signal(number)

    def _listen_no_more(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Save and stop if a signal came during the step."""
        if number := self.received or trainer.ranks.signal:
            trainer.save()
            self._listen_no_more()
            raise Interrupted(number, fix=f"go on with: lmfit resume {self.run_name}")

    def on_end(self, trainer: Trainer) -> None:
        """Stop listening."""
        self._listen_no_more()


class GoOn(NamedTuple):
    """How training goes on after a step."""

    total_steps: int
    planned_at: int
    planned_from: float
    stopped: str


class Lead(QuietHook):
    """Rank 0, when its other hooks are done: tells the other ranks how training goes on."""

    def on_start(self, trainer: Trainer) -> None:
        """Tell."""
        trainer.ranks.tell(GoOn(*(getattr(trainer.state, name) for name in GoOn._fields)))

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Tell."""
        self.on_start(trainer)


class Follow(StopOnSignal):
    """The other ranks: wait until rank 0 tells how training goes on; pass signals on to it."""

    def on_start(self, trainer: Trainer) -> None:
        """Listen to both."""
        super().on_start(trainer)
        self._hear(trainer)

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Whatever came of the step, rank 0 knows."""
        self._hear(trainer)

    def _hear(self, trainer: Trainer) -> None:
        while not isinstance(heard := trainer.ranks.hear(), GoOn):
            trainer.placement.serve(heard, trainer.optimizer)
        for name, value in heard._asdict().items():
            setattr(trainer.state, name, value)


class Progress(QuietHook):
    """A progress bar, or a plain line now and then where stderr is no terminal."""

    def on_start(self, trainer: Trainer) -> None:
        """Open the bar."""
        self._bar = console.Bar("training", trainer.expected_steps, trainer.state.step)

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Move on."""
        self._bar.to(trainer.state.step, trainer.expected_steps, f"loss {result.loss:.4f}")

    def on_end(self, trainer: Trainer) -> None:
        """Close the bar."""
        self._bar.close()


def _shown(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4f}"
