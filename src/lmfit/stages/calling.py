"""Rank 0 has the other ranks train along: what they are handed, and how a batch is shared out among them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from lmfit import console
from lmfit.config.training import TrainingConfig
from lmfit.device import Device
from lmfit.errors import InputError
from lmfit.training.checkpoint import Checkpoints, TrainState
from lmfit.training.distributed import COMPANY
from lmfit.training.trainer import Hook, Trainer
from lmfit.training.transfer import send


def shared_out(training: TrainingConfig, processes: int) -> str:
    """How a batch is shared out, e.g. `batch: 32 = 2 processes x 8 x 2 accumulated`; nothing where it stays whole."""
    whole, micro = training.batch_tokens or training.batch_size, training.micro_batch_size
    each = -(-whole // processes)
    times = -(-each // micro) if isinstance(micro, int) and training.batch_tokens is None else 1
    if processes == times == 1:
        return ""
    part = each if times == 1 else micro
    parts = [f"{processes} processes"] * (processes > 1) + [f"{part:,}"] + [f"{times} accumulated"] * (times > 1)
    exactly = "=" if processes * times * part == whole and training.batch_tokens is None else "is at most"
    unit = "" if training.batch_tokens is None else " tokens"
    return f"batch: {whole:,}{unit} {exactly} {' x '.join(parts)}"


@dataclass(frozen=True)
class Call:
    """One training to take part in, as rank 0 tells it to the others. device: its own.

    form: (material, model, device) -> the model in the form that is trained, inside the block; make: the trainer, of
    (material, model, device, checkpoints, hooks). Both are functions of a module, found there by name.
    """

    material: Any
    model: Any
    device: Device
    form: Callable[[Any, Any, Device], AbstractContextManager[None]]
    make: Callable[..., Trainer]

    def train(self, checkpoints: Checkpoints, hooks: Sequence[Hook]) -> TrainState:
        """This process's part of it."""
        with self.form(self.material, self.model, self.device):
            trainer = self.make(self.material, self.model, self.device, checkpoints, hooks)
            state = trainer.fit()
            trainer.settle()
        return state

    def lead(self, checkpoints: Checkpoints, hooks: Sequence[Hook]) -> TrainState:
        """Rank 0's part; afterwards the model holds the best weights, where some were judged."""
        state = self.train(checkpoints, hooks)
        if state.best_value is not None and not checkpoints.load_best(self.model, state.best_step):
            what = f"the best weights (step {state.best_step:,}) are lost or damaged; kept those of the last step"
            console.warn(what)
            state.best_step = state.step
        return state


def call_others(call: Call) -> None:
    """Rank 0: have all other ranks train along. They need no data, model or cache of their own."""
    ranks = COMPANY.ranks()
    if ranks.rank > 0:
        raise InputError("this process follows process 0", fix="start it as: torchrun ... -m lmfit COMMAND CONFIG")
    if ranks.count > 1:
        send(ranks, call)
        with ranks.agreed():
            pass
