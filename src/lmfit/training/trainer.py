"""The training loop, one page, for every task: it knows no task, model or data set by name."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from lmfit import console
from lmfit.config.training import TrainingConfig
from lmfit.data.batching import BatchPlan, key, split_by_tokens
from lmfit.data.rows import Row
from lmfit.device import Device
from lmfit.tasks.tensors import Tensors
from lmfit.training.adversarial import gradient_of
from lmfit.training.checkpoint import Checkpoints, TrainState
from lmfit.training.distributed import ALONE, Ranks
from lmfit.training.graphs import Recorder, few_shapes
from lmfit.training.loading import Ahead
from lmfit.training.memory import Memory
from lmfit.training.optim import clip_gradient, learning_rate_scale, make_optimizer, set_learning_rate
from lmfit.training.replicas import Replicas


@dataclass(frozen=True)
class StepResult:
    """One optimizer step: mean loss per target, gradient norm before clipping, highest rate, real tokens, seconds.

    updated: false where loss or gradient were not finite; the weights are then as they were before the step.
    """

    loss: float
    grad_norm: float
    learning_rate: float
    tokens: int
    seconds: float
    updated: bool = True


class Hook(Protocol):
    """What is added to the loop, in list order."""

    def on_start(self, trainer: "Trainer") -> None:
        """Before the first step (also of a resumed run)."""

    def on_step(self, trainer: "Trainer", result: StepResult) -> None:
        """After each optimizer step; `trainer.state.step` counts it already."""

    def on_end(self, trainer: "Trainer") -> None:
        """After the last step, also one that failed."""


class TrainingRows(Protocol):
    """What the loop needs of the data: rows by the numbers that the plan gives, and how long they are."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, (R,)."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Row: ...


class Objective(Protocol):
    """What the loop needs of a task: batches from rows, the model's answer, a summed loss, and its divisor."""

    def collate(self, rows: Sequence[Any]) -> Tensors:
        """Padded tensors."""

    def targets(self, batch: Tensors) -> Any:
        """Number of (weighted) targets; a tensor (K,) where the loss has K parts, each with targets of its own."""

    def forward(self, model: Any, batch: Tensors) -> Any:
        """What the loss is computed from: as a rule the logits, in fp32."""

    def loss(self, logits: Any, batch: Tensors) -> torch.Tensor:
        """Loss summed over the targets, (); or that of each part, (K,)."""


class Trainer:
    """Minimises the mean loss per target of `objective` over `rows`."""

    def __init__(
        self,
        model: Any,
        objective: Objective,
        rows: TrainingRows,
        config: TrainingConfig,
        *,
        device: Device,
        seed: int,
        checkpoints: Checkpoints,
        hooks: Sequence[Hook] = (),
        memory_limit: int | None = None,
        ranks: Ranks = ALONE,
        plan: BatchPlan | None = None,
        recorded: bool = False,
    ) -> None:
        self.model, self.objective, self.rows, self.config = model, objective, rows, config
        self.device, self.seed, self.checkpoints, self.hooks = device, seed, checkpoints, list(hooks)
        self.ranks, self.placement = ranks, replicas(model, config, ranks, device)
        self.plan = plan or BatchPlan(
            rows.lengths, seed, batch_size=config.batch_size, batch_tokens=config.batch_tokens
        )
        self.optimizer = make_optimizer(self.placement.trained, config, device.wide_dtype)
        self.scaler = device.scaler()
        self.gradient = gradient_of(self.placement.trained, config)
        self.ahead = Ahead(self.micro_batches) if device.kind == "cuda" else None
        self.memory = Memory(memory_limit)
        self.state = TrainState(total_steps=planned_steps(config, self.plan))
        pieces = (self.plan.lengths_of(piece) for batch in self.plan.epoch(0) for piece in self.cut(batch))
        self.recorder = Recorder(self.backward, self.placement.trained) if recorded and few_shapes(pieces) else None

    def fit(self) -> TrainState:
        """Train to `state.total_steps`, going on from the newest checkpoint where there is one."""
        self.restore()
        self._tell("on_start")
        try:
            while self.state.step < self.state.total_steps and not self.state.stopped:
                with self.ranks.together():
                    result = self.step(self.state.step)
                self.state.step += 1
                self.state.tokens += result.tokens
                self.state.train_seconds += result.seconds
                self._tell("on_step", result)
        finally:
            self._tell("on_end")
        return self.state

    def step(self, number: int) -> StepResult:
        """One optimizer step on the batch that the plan has for it; dropout is keyed by (seed, step, rank)."""
        started = time.perf_counter()
        if not self.placement.trained.training:
            self.placement.trained.train()
        rate = set_learning_rate(
            self.optimizer, learning_rate_scale(self.config, self.scheduled(number), self.expected_steps)
        )
        loss, tokens = self.memory.gradients(self, number)
        norm, updated = self.update(loss)
        return StepResult(loss, norm, rate, tokens, time.perf_counter() - started, updated)

    def gradients(self, number: int) -> tuple[float, int]:
        """Add up the gradient of step `number` over all ranks; returns its mean loss and its real tokens."""
        torch.manual_seed(key(self.seed, "dropout", number, *self.ranks.place))
        with self.ranks.agreed():
            ahead, cut = self.ahead, self.state.micro_batch_tokens
            micro_batches = ahead(number, cut) if ahead else self.micro_batches(number)
            idle = self.idle_batches(number, len(micro_batches))
        tokens = self.ranks.sum(sum(float(batch["attention_mask"].sum()) for batch in micro_batches))
        counted = [self.objective.targets(b) for b in micro_batches] or [0 * self.objective.targets(idle[0])]
        targets = self.ranks.total(counted)
        work = [*((batch, targets) for batch in micro_batches), *((batch, math.inf) for batch in idle)]

        def backward() -> float:
            return sum(self.forward_backward(batch, divisor) for batch, divisor in work)

        return self.gradient(lambda: self.placement.gradient(backward)), int(tokens)

    def scheduled(self, number: int) -> float:
        """The step of the schedule that step `number` takes: itself, or evenly on from where a plan found it."""
        state = self.state
        if state.planned_at == 0:
            return number
        share = (number - state.planned_at) / max(1, state.total_steps - state.planned_at)
        return state.planned_from + (state.total_steps - state.planned_from) * share

    @property
    def expected_steps(self) -> int:
        """Steps of the whole training; while a wall-clock budget is not yet turned into steps, a guess."""
        known = self.state.total_steps != BUDGET_UNKNOWN_STEPS
        return self.state.total_steps if known else BUDGET_GUESSED_STEPS

    def micro_batches(self, number: int) -> list[Tensors]:
        """This rank's rows of step `number`, in pieces that one forward pass takes; their sum is the whole step."""
        return [self.objective.collate([self.rows[int(i)] for i in piece]) for piece in self.pieces(number)]

    def idle_batches(self, number: int, done: int) -> list[Tensors]:
        """What keeps a rank with fewer micro-batches than others in step with them: its loss counts nothing."""
        batch = self.plan.batch(number)
        missing = max(len(self.cut(rows)) for rows in self.ranks.dealt(batch)) - done
        return [self.objective.collate([self.rows[int(batch[0])]])] * missing

    def pieces(self, number: int) -> list[np.ndarray]:
        """The indices of the rows of each of this rank's micro-batches."""
        return self.cut(self.ranks.deal(self.plan.batch(number)))

    def cut(self, batch: np.ndarray) -> list[np.ndarray]:
        """A rank's rows in micro-batches; `state.micro_batch_tokens` bounds them where memory ran out."""
        size, tokens = self.config.micro_batch_size, self.state.micro_batch_tokens
        if isinstance(size, int):
            pieces = [batch[i : i + size] for i in range(0, len(batch), size)]
        else:
            pieces, tokens = [batch], tokens or self.device.micro_batch_tokens
        if tokens is None:
            return pieces
        return [part for piece in pieces for part in split_by_tokens(piece, self.plan.lengths_of(piece), tokens)]

    def forward_backward(self, batch: Tensors, targets: Any) -> float:
        """Add one micro-batch's share of the step's gradient; returns its share of the mean loss."""
        batch = {name: tensor.to(self.device.torch_device, non_blocking=True) for name, tensor in batch.items()}
        divisor = torch.as_tensor(targets).clamp_min(1e-12) / self.placement.factor
        divisor = divisor.to(self.device.torch_device, non_blocking=True)
        return float((self.recorder or self.backward)(batch, divisor))

    def backward(self, batch: Tensors, divisor: torch.Tensor) -> torch.Tensor:
        """Forward and backward pass of a micro-batch on the device, whose loss counts 1 / `divisor`."""
        with self.device.autocast():
            logits = self.objective.forward(self.placement.trained, batch)
        loss = (self.objective.loss(logits, batch) / divisor).sum()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def clear_gradient(self) -> None:
        """Forget the gradient; recordings need it to stay where it is."""
        self.optimizer.zero_grad(set_to_none=self.recorder is None)

    def stop_recording(self) -> None:
        """From now on launch kernels one by one: recordings take memory, which there is too little of."""
        if self.recorder is not None:
            console.say("training.cuda_graphs: off from here, since graphs take memory")
        self.recorder = None

    def update(self, loss: float) -> tuple[float, bool]:
        """Clip, step, clear; returns the gradient norm before clipping, and whether all was finite (else: no step).

        Under loss scaling the scaler judges the gradient: it leaves a step out itself and tries a lower scale.
        """
        self.scaler.unscale_(self.optimizer)
        norm = clip_gradient(
            self.optimizer,
            self.config.max_grad_norm or math.inf,
            now=self.scaler.is_enabled() or not self.placement.scales_late,
        )
        finite = math.isfinite(loss) and (math.isfinite(norm) or self.scaler.is_enabled())
        if finite or self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.clear_gradient()
        return norm, finite

    def restore(self) -> None:
        """Model, optimizer and state from the newest whole checkpoint, if there is one."""
        state = self.placement.restore(self.checkpoints, self.optimizer)
        if state is not None:
            if state.scaler:
                self.scaler.load_state_dict(state.scaler)
            if self.state.total_steps != BUDGET_UNKNOWN_STEPS:
                state.total_steps = self.state.total_steps
            self.state = state
            if state.micro_batch_tokens is not None:
                self.stop_recording()
            console.say(f"resuming from step {state.step:,} of {self.expected_steps:,}")

    def save(self) -> Path:
        """A checkpoint of this moment."""
        self.state.scaler = self.scaler.state_dict()
        return self.placement.save(self.checkpoints, self.optimizer, self.state)

    def settle(self) -> None:
        """After training: the model gets the weights that are judged, which may be an average."""
        self.placement.settle(self.optimizer)

    @property
    def epoch(self) -> float:
        """Passes over the data so far."""
        if self.state.step == 0:
            return 0.0
        epoch, index = self.plan.locate(self.state.step - 1)
        return epoch + (index + 1) / len(self.plan.epoch(epoch))

    def _tell(self, event: str, *arguments: Any) -> None:
        for hook in self.hooks:
            act: Callable[..., None] = getattr(hook, event)
            act(self, *arguments)


def replicas(model: Any, config: TrainingConfig, ranks: Ranks, device: Device) -> Replicas:
    """How the model lies on the ranks, as configured."""
    if config.sharding == "none" or ranks.count == 1:
        return Replicas(model, ranks)
    from lmfit.training.sharding import Shards

    return Shards(model, ranks, device)


def planned_steps(config: TrainingConfig, plan: BatchPlan) -> int:
    """Optimizer steps of the whole training. A wall-clock budget is turned into steps once they have been timed."""
    if config.max_steps is not None:
        return config.max_steps
    if config.budget is not None:
        return BUDGET_UNKNOWN_STEPS
    epochs = default_epochs(plan.steps_per_epoch) if config.epochs is None else config.epochs
    return plan.steps_of_epochs(epochs)


def default_epochs(steps_per_epoch: int) -> int:
    """3 passes over the data, or as many as give 200 steps: few rows need more passes (docs/decisions.md)."""
    return max(DEFAULT_EPOCHS, -(-FEWEST_STEPS // steps_per_epoch))


DEFAULT_EPOCHS = 3
FEWEST_STEPS = 200
BUDGET_GUESSED_STEPS = 1000
BUDGET_UNKNOWN_STEPS = int(np.iinfo(np.int32).max)
