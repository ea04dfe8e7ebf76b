"""The loop, on a model of one number per row."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.config.training import TrainingConfig
from lmfit.data.batching import BatchPlan
from lmfit.data.rows import Row, Rows
from lmfit.device import Device
from lmfit.tasks.tensors import Tensors, forward, tensors
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.ema import exchange_average
from lmfit.training.hooks import QuietHook
from lmfit.training.trainer import BUDGET_UNKNOWN_STEPS, Trainer, planned_steps

CPU = Device("cpu", None, "cpu", "fp32", 1)


class Model(torch.nn.Module):
    """An embedding with dropout."""

    base_model_prefix = ""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.table = torch.nn.Embedding(50, 3)
        self.dropout = torch.nn.Dropout(0.5)

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.table

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        logits = self.dropout(self.table(input_ids)) * attention_mask[..., None]
        return type("Output", (), {"logits": logits})


class Objective:
    """The mean square of the logits; `scale` makes it diverge."""

    scale = 1.0

    def collate(self, rows: Sequence[Row]) -> Tensors:
        from lmfit.data.collate import pad

        return tensors(pad(rows, {}))

    def targets(self, batch: Tensors) -> float:
        return float(batch["attention_mask"].sum())

    def forward(self, model: torch.nn.Module, batch: Tensors) -> torch.Tensor:
        return forward(model, batch)

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        return self.scale * (logits**2).sum()


def rows_of(count: int = 20) -> Rows:
    lengths = np.arange(count) % 5 + 1
    tokens = {"input_ids": np.arange(lengths.sum(), dtype=np.int32) % 50}
    return Rows(np.cumsum(lengths) - lengths, lengths, tokens, {}, {})


@pytest.fixture
def trainer(tmp_path: Path) -> Callable[..., Trainer]:
    def make(hooks: Sequence[Any] = (), folder: str = "checkpoints", **settings: Any) -> Trainer:
        config = TrainingConfig(**{"max_steps": 6, "batch_size": 8, "learning_rate": 0.1, **settings})
        checkpoints = Checkpoints(tmp_path / folder, 2)
        return Trainer(
            Model(), Objective(), rows_of(), config, device=CPU, seed=3, checkpoints=checkpoints, hooks=hooks
        )

    return make


def table(trainer: Trainer) -> torch.Tensor:
    return trainer.model.table.weight.detach()


class StopAt(QuietHook):
    """Save and raise after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer: Trainer, result: Any) -> None:
        if trainer.state.step == self.step:
            trainer.save()
            raise KeyboardInterrupt


def test_all_steps_are_done_and_the_loss_falls(trainer: Callable[..., Trainer]) -> None:
    losses: list[float] = []

    class Note(QuietHook):
        def on_step(self, trainer: Trainer, result: Any) -> None:
            losses.append(result.loss)

    made = trainer([Note()], max_steps=60, schedule="constant")
    assert made.fit().step == 60
    assert np.mean(losses[-6:]) < 0.7 * np.mean(losses[:6])
    assert made.epoch == pytest.approx(20)


@pytest.mark.parametrize("options", [{}, {"ema": 0.9}, {"adversarial": "fgm"}])
@pytest.mark.parametrize("step", [1, 3, 6])
def test_a_resumed_run_equals_the_uninterrupted_one(
    step: int, options: dict[str, Any], trainer: Callable[..., Trainer]
) -> None:
    straight = trainer(folder="straight", **options)
    straight.fit()
    with pytest.raises(KeyboardInterrupt):
        trainer([StopAt(step)], **options).fit()
    resumed = trainer(**options)
    state = resumed.fit()
    assert torch.equal(table(straight), table(resumed))
    for made in (straight, resumed):
        exchange_average(made.model, made.optimizer)
    assert torch.equal(table(straight), table(resumed))
    assert (state.step, state.tokens) == (straight.state.step, straight.state.tokens)


def test_dropout_is_keyed_by_the_step_not_by_the_history(trainer: Callable[..., Trainer]) -> None:
    first, second = trainer(), trainer(folder="other")
    torch.rand(7)
    assert first.step(4).loss == second.step(4).loss


def test_micro_batches_sum_to_the_batch(trainer: Callable[..., Trainer]) -> None:
    made = trainer(micro_batch_size=3)
    full = next(step for step in range(3) if len(made.plan.batch(step)) == 8)
    assert [len(batch["input_ids"]) for batch in made.micro_batches(full)] == [3, 3, 2]


def test_automatic_micro_batches_keep_to_the_tokens(trainer: Callable[..., Trainer], monkeypatch: Any) -> None:
    monkeypatch.setattr(Device, "micro_batch_tokens", 12)
    for batch in trainer().micro_batches(0):
        assert batch["input_ids"].numel() <= 12


def test_gradients_are_clipped_and_the_norm_before_is_told(trainer: Callable[..., Trainer]) -> None:
    made = trainer(max_grad_norm=1e-3)
    made.objective.scale = 1e4
    norms: list[float] = []
    step = made.optimizer.step

    def spy(*arguments: Any, **more: Any) -> Any:
        norms.append(float(made.model.table.weight.grad.norm() / made.optimizer.grad_scale))
        return step(*arguments, **more)

    made.optimizer.step = spy
    result = made.step(0)
    assert result.grad_norm > 1
    assert norms == [pytest.approx(1e-3, rel=1e-3)]


def test_a_loss_that_is_no_number_updates_nothing(trainer: Callable[..., Trainer]) -> None:
    made = trainer()
    before = table(made).clone()
    made.objective.scale = float("nan")
    assert not made.step(0).updated
    assert torch.equal(table(made), before)
    assert not made.optimizer.state


def test_hooks_are_ended_also_after_a_failure(trainer: Callable[..., Trainer]) -> None:
    ended: list[bool] = []

    class Ends(QuietHook):
        def on_end(self, trainer: Trainer) -> None:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        trainer([Ends(), StopAt(2)]).fit()
    assert ended == [True]


def test_stopped_ends_the_loop(trainer: Callable[..., Trainer]) -> None:
    class Stop(QuietHook):
        def on_step(self, trainer: Trainer, result: Any) -> None:
            trainer.state.stopped = "enough"

    assert trainer([Stop()]).fit().step == 1


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, 201),
        ({"epochs": 1.0}, 3),
        ({"epochs": 0.01}, 1),
        ({"epochs": 2.5}, 8),
        ({"max_steps": 5}, 5),
        ({"budget": "1m"}, BUDGET_UNKNOWN_STEPS),
    ],
)
def test_planned_steps(settings: dict[str, Any], steps: int) -> None:
    config = TrainingConfig(batch_size=8, **settings)
    assert planned_steps(config, BatchPlan(rows_of().lengths, 3, batch_size=8)) == steps


def test_many_rows_are_passed_three_times_by_default() -> None:
    plan = BatchPlan(rows_of(4000).lengths, 3, batch_size=8)
    assert planned_steps(TrainingConfig(batch_size=8), plan) == 1500


def test_planned_steps_with_token_batches_sum_the_epochs() -> None:
    plan = BatchPlan(rows_of(500).lengths, 3, batch_tokens=64)
    expected = len(plan.epoch(0)) + len(plan.epoch(1)) + round(0.5 * len(plan.epoch(2)))
    assert planned_steps(TrainingConfig(batch_tokens=64, epochs=2.5), plan) == expected
