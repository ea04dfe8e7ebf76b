"""Hooks that stand guard: room on the disk before the first step, losses that are no numbers."""

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from lmfit import console
from lmfit.config.sizes import shown_size
from lmfit.durable import write_text
from lmfit.errors import LmfitError
from lmfit.training.checkpoint import ROUNDING, checkpoint_bytes
from lmfit.training.hooks import Log, QuietHook
from lmfit.training.memory import fitting_size
from lmfit.training.trainer import StepResult, Trainer

MOST_SKIPPED_IN_A_ROW = 10

Describe = Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]]


class Room(QuietHook):
    """Tells beforehand what the checkpoints take; stops where the disk has no room for them."""

    def __init__(self, *, keeps_best: bool) -> None:
        self.keeps_best = keeps_best

    def on_start(self, trainer: Trainer) -> None:
        """Count in what old checkpoints take already. Raises LmfitError where too little is free."""
        weights, whole = checkpoint_bytes(trainer.model, averaged=trainer.config.ema is not None)
        folder, keep = trainer.checkpoints.folder, trainer.checkpoints.keep
        needed = (keep + 1) * whole + (2 * weights if self.keeps_best else 0) + weights
        taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        free = shutil.disk_usage(folder.parent).free + taken
        best = f" and the best weights of {shown_size(weights)}" if self.keeps_best else ""
        told = f"{keep} x {shown_size(whole)}{best}; {shown_size(needed)} at most with model/; free {shown_size(free)}"
        if needed > free:
            raise LmfitError(
                f"the disk has no room for the checkpoints: {told}",
                where=str(folder.parent),
                fix="make room, keep fewer (training.keep=1), or write to another disk (--output)",
            )
        console.say(f"checkpoints: {told}")


class Finite(QuietHook):
    """Keeps the batch of a step whose loss or gradient was not finite; then stops, or goes on without the step.

    describe: what is known of training rows, by their indices: origin, text, gold. Stands before the log.
    """

    def __init__(self, run: Path, log: Log, action: Literal["stop", "skip"], describe: Describe) -> None:
        self.run, self.log, self.action, self.describe = run, log, action, describe

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Raises LmfitError where training must stop: as configured, or after 10 such steps in a row."""
        state = trainer.state
        if result.updated:
            return
        state.skipped.append(state.step)
        rows = self._rows(trainer, state.step - 1)
        path = self.run / "offending" / f"step-{state.step:08d}.jsonl"
        path.parent.mkdir(exist_ok=True)
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        guilty = [str(row.get("origin", f"row {row['row']}")) for row in rows if row["loss"] is None]
        told = f"step {state.step:,}: the loss is not a number (loss {result.loss}, gradient norm {result.grad_norm})"
        among = f"; by themselves already: {', '.join(guilty[:3])}" if guilty else ""
        many = _ends_in_a_row(state.skipped, MOST_SKIPPED_IN_A_ROW)
        if self.action == "stop" or many:
            after = f" for {MOST_SKIPPED_IN_A_ROW} steps in a row" if many else ""
            skip = "" if many else f"; or leave such batches out: lmfit resume {self.run} --set training.on_nan=skip"
            fix = "lower training.learning_rate, raise training.warmup, or set training.precision=fp32 in a new run"
            raise LmfitError(f"{told}{after}; its rows are kept{among}", where=str(path), fix=fix + skip)
        console.warn(f"{told}; nothing was learnt from it; its rows are in {path}{among}")
        self.log.write(trainer, {"skipped": True})

    def _rows(self, trainer: Trainer, step: int) -> list[dict[str, Any]]:
        """The batch of a step, each row with its loss by itself, without dropout; None where that is not finite."""
        indices = [int(index) for index in trainer.plan.batch(step)]
        described = self.describe(indices)
        found = []
        with trainer.placement.judged(trainer.optimizer, average=False):
            for index in indices:
                row = trainer.rows[index]
                found.append({"row": index, "tokens": len(row), "loss": _loss_alone(trainer, row), **described[index]})
        return found


class Halved(QuietHook):
    """Writes to run.json, and to checkpoints to come, that memory ran out: from there on results are equal to rounding.

    record: takes facts for run.json. Stands before what saves.
    """

    def __init__(self, record: Callable[..., None]) -> None:
        self.record = record
        self._told: int | None = None

    def on_start(self, trainer: Trainer) -> None:
        """What a resumed run brings with it."""
        self._tell(trainer)

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Whether micro-batches became smaller."""
        self._tell(trainer)

    def _tell(self, trainer: Trainer) -> None:
        tokens = trainer.state.micro_batch_tokens
        if tokens is not None and tokens != self._told:
            self._told = tokens
            trainer.checkpoints.remark(exactness=ROUNDING)
            memory = {"micro_batch_tokens": tokens, "micro_batch_size": fitting_size(trainer)}
            self.record(exactness=ROUNDING, memory=memory)


def _loss_alone(trainer: Trainer, row: Any) -> float | None:
    batch = trainer.objective.collate([row])
    batch = {name: tensor.to(trainer.device.torch_device) for name, tensor in batch.items()}
    trainer.model.eval()
    with torch.no_grad(), trainer.device.autocast():
        logits = trainer.objective.forward(trainer.model, batch)
        loss = float(trainer.objective.loss(logits, batch).sum())
    return loss if math.isfinite(loss) else None


def _ends_in_a_row(steps: Sequence[int], count: int) -> bool:
    return len(steps) >= count and steps[-1] - steps[-count] == count - 1
