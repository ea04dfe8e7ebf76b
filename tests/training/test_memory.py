"""Memory that runs out: foreseen or met, halved, told; the step stays whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lmfit.config.load import load_config
from lmfit.device import Device, InUse
from lmfit.errors import LmfitError
from lmfit.stages.prepare import prepare
from lmfit.stages.training import TaskObjective
from lmfit.training import memory
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.graphs import Recorder
from lmfit.training.memory import Growth, Memory, limit_bytes
from lmfit.training.trainer import Trainer

CPU = Device("cpu", None, "cpu", "fp32", 1)
USED = 1_000_000_000


@pytest.fixture
def trainer(tiny_config: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., Trainer]:
    """A tiny BERT without dropout in float64, and its trainer."""
    import transformers

    config = load_config("finetune", tiny_config("text-classification", data={"validation": None, "test": None}))
    prepared = prepare(config.config)

    def make(limit: int | None = None, **settings: Any) -> Trainer:
        torch.manual_seed(0)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            prepared.source.where,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            dtype=torch.float64,
            **prepared.task.model_settings(),
        )
        training = prepared.config.training.model_copy(update={"batch_size": 32, **settings})
        objective = TaskObjective(prepared.task, prepared.framer)
        where = Checkpoints(tmp_path / "checkpoints", 1)
        return Trainer(
            model, objective, prepared.rows, training, device=CPU, seed=1, checkpoints=where, memory_limit=limit
        )

    return make


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes 1 GB, whatever it does."""
    monkeypatch.setattr(memory, "memory_in_use", lambda: InUse(USED, 0))
    monkeypatch.setattr(memory, "peak_memory_bytes", lambda device: USED)


def limited(trainer: Callable[..., Trainer], rows: int) -> Trainer:
    """A trainer with just enough memory for `rows` rows of the first step's length."""
    free = trainer()
    length = max(length for _, length in memory.shapes(free, 0))
    gradients = sum(p.nbytes for p in free.model.parameters())
    growth = memory.probe(free).bytes(rows, length)
    return trainer(USED + gradients + int(max(memory.FIRST_CORRECTION * growth, 2 * gradients)) + 1)


def weights_after(trainer: Trainer, steps: int) -> torch.Tensor:
    for number in range(steps):
        trainer.step(number)
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


class Full:
    """A forward pass that has no memory for more than some rows, as a GPU's allocator tells it."""

    def __init__(self, trainer: Trainer, rows: int, told: RuntimeError | None = None) -> None:
        self.forward, self.rows = trainer.model.forward, rows
        self.told = told or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        self.calls: list[int] = []
        trainer.model.forward = self

    def __call__(self, **inputs: torch.Tensor) -> Any:
        rows = len(inputs["input_ids"])
        self.calls.append(rows)
        if rows > self.rows:
            raise self.told
        return self.forward(**inputs)


@pytest.mark.usefixtures("steady")
def test_a_limit_halves_micro_batches_and_changes_no_mathematics(trainer: Callable[..., Trainer]) -> None:
    whole, small = trainer(), limited(trainer, 9)
    assert torch.allclose(weights_after(whole, 3), weights_after(small, 3), rtol=0, atol=1e-9)
    assert small.state.micro_batch_tokens is not None
    assert max(len(piece) for piece in small.pieces(0)) <= 9
    assert sum(len(piece) for piece in small.pieces(0)) == 32


@pytest.mark.usefixtures("steady")
def test_enough_memory_halves_nothing(trainer: Callable[..., Trainer]) -> None:
    made = limited(trainer, 40)
    made.step(0)
    assert made.state.micro_batch_tokens is None


@pytest.mark.usefixtures("steady")
def test_what_is_said_names_the_setting_that_fits(trainer: Callable[..., Trainer], capsys: Any) -> None:
    made = limited(trainer, 9)
    made.step(0)
    told = capsys.readouterr().err
    assert "device.memory_limit" in told
    assert told.count("training.micro_batch_size=") == 1
    size = memory.fitting_size(made)
    again = trainer(made.memory.limit, micro_batch_size=size)
    again.step(0)
    assert again.state.micro_batch_tokens is None


@pytest.mark.usefixtures("steady")
def test_a_single_row_that_does_not_fit_is_an_error(trainer: Callable[..., Trainer]) -> None:
    with pytest.raises(LmfitError) as raised:
        trainer(USED + 1000).step(0)
    problem = raised.value.problems[0]
    assert raised.value.exit_code == 1
    assert "single row of" in problem.where
    assert "data.max_length" in problem.fix
    assert "device.memory_limit" in problem.fix


@pytest.mark.parametrize("told", [None, RuntimeError("x DefaultCPUAllocator: can't allocate memory: you tried")])
def test_an_allocator_that_fails_halves_and_begins_the_step_again(
    told: RuntimeError | None, trainer: Callable[..., Trainer]
) -> None:
    whole, small = trainer(), trainer()
    full = Full(small, 9, told)
    assert torch.allclose(weights_after(whole, 3), weights_after(small, 3), rtol=0, atol=1e-9)
    assert full.calls[0] == 32
    assert max(full.calls[-3:]) <= 9


def test_gradients_of_pieces_that_went_before_are_cleared(trainer: Callable[..., Trainer]) -> None:
    whole, small = trainer(micro_batch_size=8), trainer(micro_batch_size=8)
    full = Full(small, 8)
    forward, failing = full.forward, iter([False, True])

    def fails_once(**inputs: torch.Tensor) -> Any:
        if next(failing, False):
            raise full.told
        return forward(**inputs)

    small.model.forward = fails_once
    assert torch.allclose(weights_after(whole, 1), weights_after(small, 1), rtol=0, atol=1e-9)


def test_other_errors_pass(trainer: Callable[..., Trainer]) -> None:
    made = trainer()
    Full(made, 0, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        made.step(0)


def test_a_row_that_no_gpu_takes_is_an_error_without_the_limit(trainer: Callable[..., Trainer]) -> None:
    made = trainer()
    made.device = Device("cuda", 0, "gpu", "fp32", 1)
    made.state.micro_batch_tokens = 1
    with pytest.raises(LmfitError, match="one row cannot be halved") as raised:
        memory.halve(made, 0, "out of memory")
    assert "memory_limit" not in raised.value.problems[0].fix


def test_what_was_found_out_is_kept_in_checkpoints(trainer: Callable[..., Trainer]) -> None:
    made = trainer()
    Full(made, 9)
    made.step(0)
    made.state.step = 1
    made.save()
    resumed = trainer()
    resumed.restore()
    assert resumed.state.micro_batch_tokens == made.state.micro_batch_tokens is not None


def test_the_growth_of_a_batch_is_foreseen(trainer: Callable[..., Trainer]) -> None:
    """What longer and wider batches keep for their backward pass follows from short single rows."""
    made = trainer()
    growth = memory.probe(made)
    rows = [made.rows[int(i)] for i in made.plan.batch(0)]
    count, length, kept = memory._kept(made, rows)
    assert growth.bytes(count, length) == pytest.approx(kept, rel=0.15)


@pytest.mark.usefixtures("steady")
def test_a_step_that_took_more_than_foreseen_is_learnt_from(
    trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(USED + 10**12)
    made.step(0)
    foreseen = made.memory.needed(made, 1)
    highest = iter([USED, USED + int(1.5 * foreseen)])
    monkeypatch.setattr(memory, "peak_memory_bytes", lambda device: next(highest))
    made.step(1)
    assert made.memory.needed(made, 1) > foreseen


@pytest.mark.parametrize(("setting", "expected"), [(0.5, 500), ("2KB", 2000), ("1KiB", 1024)])
def test_limits_are_shares_or_sizes(setting: float | str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_total_bytes", lambda: 1000)
    assert limit_bytes(setting) == expected


def test_growth_counts_rows_and_pairs_of_tokens() -> None:
    assert Growth(5, 2, 3).bytes(4, 10) == 5 + 4 * (2 * 10 + 3 * 100)


def test_a_trainer_without_a_limit_foresees_nothing(trainer: Callable[..., Trainer]) -> None:
    made = trainer()
    assert isinstance(made.memory, Memory)
    made.step(0)
    assert made.memory._growth is None


def test_what_has_no_memory_to_spare_records_no_more(trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    made = trainer()
    Full(made, 10)
    made.recorder = Recorder(made.backward, made.model)
    made.recorder._record = made.backward  # type: ignore[method-assign,assignment,return-value]
    made.step(0)
    assert made.recorder is None
    assert all(p.grad is None for p in made.model.parameters())
    made.save()
    again = trainer()
    again.recorder = Recorder(again.backward, again.model)
    again.restore()
    assert again.recorder is None
