"""What a run will cost, before it begins: memory, time and disk, from a few real steps and answers, thrown away."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.optimize import nnls

from lmfit import console
from lmfit.config.data import FoldsConfig
from lmfit.config.durations import seconds, shown_seconds
from lmfit.config.sizes import shown_size
from lmfit.data.cache import cache_folder
from lmfit.device import Device, memory_in_use, peak_memory_bytes, release_memory
from lmfit.durable import free_bytes
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor
from lmfit.stages.prepare import Prepared
from lmfit.stages.temperature import MOST_EXAMPLES
from lmfit.stages.training import build_model, in_training_form, make_trainer
from lmfit.training.checkpoint import Checkpoints, checkpoint_bytes
from lmfit.training.hooks import Interval, epochs_between
from lmfit.training.memory import fitting_size, limit_bytes
from lmfit.training.trainer import BUDGET_UNKNOWN_STEPS, Trainer

TRACED = (0.5, 1.0, 0.1, 0.9, 0.3, 0.7)
"""The batches that are traced, by their place in the order of padded tokens; the first one also warms up."""
TRACE_SECONDS = 30.0
LOOKED_AT = 1000
ANSWERED = 1024
DRIFT = 0.1
MOST_SHAPES = 60
"""Shapes of batches whose kernels oneDNN keeps: 1,024 kernels, about 17 a shape."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Cost:
    """The estimate: bytes, and seconds from a low to a high guess.

    step_seconds: of the middle batch; other_seconds: evaluations, checkpoints, answers at the end; total_seconds: of
    all `runs` (seeds or folds). micro_batch_size: what fits, where memory ran out. checkpoint_bytes: of each one kept.
    """

    traced_steps: int
    runs: int
    steps: int | None
    step_seconds: Range
    train_seconds: Range
    other_seconds: Range
    total_seconds: Range
    peak_memory_bytes: int
    memory_limit_bytes: int | None
    micro_batch_size: int | None
    checkpoint_bytes: int
    disk_bytes: int
    disk_free_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """In words."""
        limit = f" of {shown_size(self.memory_limit_bytes)} allowed" if self.memory_limit_bytes else ""
        size = self.micro_batch_size
        halved = f"; micro-batches are halved, training.micro_batch_size={size} fits" if size else ""
        yield f"memory: about {shown_size(self.peak_memory_bytes)}{limit} at the peak{halved}"
        steps = "as many steps as the budget allows" if self.steps is None else f"{self.steps:,} steps"
        low, high = self.step_seconds
        yield f"step: {low:.3f} to {high:.3f} s (middle batch, {self.traced_steps} steps traced); {steps}"
        runs = f" for {self.runs} runs" if self.runs > 1 else ""
        each = " each" if self.runs > 1 else ""
        parts = f"training{each} {_shown(self.train_seconds)}, evaluation and saving {_shown(self.other_seconds)}"
        yield f"time: {_shown(self.total_seconds)}{runs} ({parts}); reports not counted"
        kept, free = shown_size(self.checkpoint_bytes), shown_size(self.disk_free_bytes)
        yield f"disk: {shown_size(self.disk_bytes)} at most (checkpoints of {kept}, and model/); free {free}"


@dataclass(frozen=True)
class Traced:
    """What a few steps took: padded tokens and seconds of each. batches: padded tokens of the epoch's batches.

    compiled_bytes: what the kernels of the shapes still to come will take, judged by those of the traced ones.
    """

    tokens: list[int]
    seconds: list[float]
    batches: np.ndarray
    compiled_bytes: int

    def step_seconds(self, batches: np.ndarray) -> Range:
        """Mean seconds of steps with these padded tokens: a line through the traced ones, and how far they lie off."""
        terms = np.stack([np.ones(len(self.tokens)), np.array(self.tokens)], axis=1)
        (base, slope), _ = nnls(terms, np.array(self.seconds))
        off = np.array(self.seconds) / (terms @ (base, slope))
        mean = base + slope * float(batches.mean())
        return mean * float(np.quantile(off, 0.1)) * (1 - DRIFT), mean * float(np.quantile(off, 0.9)) * (1 + DRIFT)


def estimate(prepared: Prepared, device: Device, folder: Path) -> Cost:
    """Train on a few batches of the real model, save, answer; nothing of it stays. folder: where runs will lie.

    Raises LmfitError where not even a single row fits into memory.
    """
    cache_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache_folder()) as temporary:
        model = build_model(prepared, device, resumed=False)
        with in_training_form(prepared, model, device):
            trainer = make_trainer(prepared, model, device, Checkpoints(Path(temporary), keep=1))
            console.say("tracing a few steps ...")
            traced = _trace(trainer)
            started = time.perf_counter()
            trainer.save()
            saving = time.perf_counter() - started
            answering = _seconds_per_answer(prepared, model, device)
    return _added_up(prepared, trainer, traced, saving, answering, folder)


def _trace(trainer: Trainer) -> Traced:
    """Steps on batches of several sizes, the middle and the largest first, until they have taken 30 s."""
    epoch = trainer.plan.epoch(0)
    looked = np.unique(np.linspace(0, min(len(epoch), trainer.expected_steps) - 1, LOOKED_AT).astype(int))
    batches = np.array([len(epoch[i]) * int(trainer.plan.lengths[epoch[i]].max()) for i in looked])
    order = looked[np.argsort(batches, kind="stable")]
    chosen = [int(order[round(share * (len(order) - 1))]) for share in TRACED]
    trainer.step(chosen[0])
    before = _trimmed(trainer.device)
    tokens: list[int] = []
    took: list[float] = []
    began = time.perf_counter()
    for number in [*chosen, *chosen]:
        if len(took) >= 2 and time.perf_counter() - began > TRACE_SECONDS:
            break
        took.append(trainer.step(number).seconds)
        tokens.append(len(epoch[number]) * int(trainer.plan.lengths[epoch[number]].max()))
    shapes = {(len(epoch[i]), int(trainer.plan.lengths[epoch[i]].max())) for i in looked}
    met = len({(len(epoch[i]), int(trainer.plan.lengths[epoch[i]].max())) for i in chosen})
    each = max(0, _trimmed(trainer.device) - before) / max(1, met - 1)
    return Traced(
        tokens, took, batches, round(each * max(0, min(len(shapes), MOST_SHAPES, trainer.expected_steps) - met))
    )


def _trimmed(device: Device) -> int:
    """Private memory in use when all that was freed is given back; 0 where a GPU computes."""
    release_memory(device)
    return memory_in_use().private if device.kind == "cpu" else 0


def _seconds_per_answer(prepared: Prepared, model: Any, device: Device) -> float:
    """Seconds per example of an evaluation; 0 where nothing is held out."""
    held = next(iter(prepared.held_out.values()), None)
    if held is None:
        return 0.0
    predictor = Predictor(TorchBackend(model, device), prepared.task, prepared.framer)
    answered = sum(1 for _ in predictor.stream(islice(held, 0, None, -(-len(held) // ANSWERED))))
    return predictor.seconds / max(1, answered)


def _added_up(
    prepared: Prepared, trainer: Trainer, traced: Traced, saving: float, answering: float, folder: Path
) -> Cost:
    config, device = prepared.config.training, trainer.device
    held = {name: len(split) for name, split in prepared.held_out.items()}
    known = trainer.state.total_steps != BUDGET_UNKNOWN_STEPS
    per_step = traced.step_seconds(traced.batches)
    budget = seconds(config.budget) if config.budget is not None else 0.0
    steps = trainer.state.total_steps if known else round(budget / per_step[1])
    train = _scaled(per_step, steps) if known else (budget, budget)
    answers = held.get("validation", 0) * _times(config.evaluate_every, steps, trainer) + sum(held.values())
    answers += min(held.get("validation", 0), MOST_EXAMPLES)
    other = answers * answering + saving * _times(config.checkpoint_every, steps, trainer)
    others = ((1 - DRIFT) * other, (1 + DRIFT) * other)
    folds = prepared.config.data.validation
    runs = folds.folds + 1 if isinstance(folds, FoldsConfig) and folds.fold is None else 1
    runs = len(prepared.config.seeds or ()) or runs
    weights, whole = checkpoint_bytes(trainer.model)
    best = 2 * weights if "validation" in held else 0
    return Cost(
        traced_steps=len(traced.tokens),
        runs=runs,
        steps=steps if known else None,
        step_seconds=traced.step_seconds(np.median(traced.batches, keepdims=True)),
        train_seconds=train,
        other_seconds=others,
        total_seconds=_scaled((train[0] + others[0], train[1] + others[1]), runs),
        peak_memory_bytes=_peak(device, traced, best // 2),
        memory_limit_bytes=limit_bytes(prepared.config.device.memory_limit) if device.kind == "cpu" else None,
        micro_batch_size=None if trainer.state.micro_batch_tokens is None else fitting_size(trainer),
        checkpoint_bytes=whole,
        disk_bytes=runs * ((config.keep + 1) * whole + best + weights),
        disk_free_bytes=free_bytes(folder),
    )


def _peak(device: Device, traced: Traced, best: int) -> int:
    """Bytes: what the trace took, kernels still to come, and on a CPU the best weights, read back beside the last."""
    return peak_memory_bytes(device) + traced.compiled_bytes + (best if device.kind == "cpu" else 0)


def _times(every: Interval, steps: int, trainer: Trainer) -> int:
    """How often something happens that happens every epoch, n steps or share of all steps."""
    epoch = trainer.plan.steps_per_epoch
    interval = epoch * epochs_between(epoch, steps) if every == "epoch" else every if every >= 1 else every * steps
    return max(1, -(-steps // max(1, round(interval))))


def _scaled(bounds: Range, factor: float) -> Range:
    return bounds[0] * factor, bounds[1] * factor


def _shown(bounds: Range) -> str:
    return f"{shown_seconds(bounds[0])} to {shown_seconds(bounds[1])}"
