"""When steps are recorded; that padding changes no number, and that recordings compute what `backward` does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.config.load import load_config
from lmfit.config.training import TrainingConfig
from lmfit.device import Device
from lmfit.stages.prepare import Prepared, prepare
from lmfit.stages.training import TaskObjective, build_model
from lmfit.training import graphs
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.distributed import ALONE, Ranks
from lmfit.training.graphs import LENGTHS_APART, Recorder, can_record
from lmfit.training.trainer import Trainer

GPU = Device("cuda", 0, "a GPU", "bf16", 1)
CPU = Device("cpu", None, "cpu", "fp32", 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"packing": "on"},
        {"compile": True},
        {"gradient_checkpointing": True},
        {"unfreeze": 1},
        {"head_first": 10},
        {"cuda_graphs": "off"},
    ],
)
def test_what_changes_between_steps_is_not_recorded(settings: dict[str, Any]) -> None:
    assert can_record(TrainingConfig(), GPU, ALONE)
    assert not can_record(TrainingConfig(**settings), GPU, ALONE)


def test_only_one_gpu_records() -> None:
    assert not can_record(TrainingConfig(), CPU, ALONE)
    assert not can_record(TrainingConfig(), replace(GPU, precision="fp16"), ALONE)
    assert not can_record(TrainingConfig(), GPU, Ranks(0, 2, 2))


@pytest.fixture(params=["text-classification", "token-classification"])
def prepared(request: Any, tiny_config: Callable[..., dict[str, Any]]) -> Prepared:
    return prepare(load_config("finetune", tiny_config(request.param)).config)


def gradients(prepared: Prepared, multiple: int, device: Device, folder: Path, **more: Any) -> dict[str, torch.Tensor]:
    """Those of one step without dropout, batches padded to a multiple."""
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, prepared.task.auto_class).from_pretrained(
        prepared.source.where,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        dtype=torch.float64 if device is CPU else torch.float32,
        **prepared.task.model_settings(),
    )
    objective = TaskObjective(prepared.task, prepared.framer)
    objective.multiple = multiple
    training = prepared.config.training.model_copy(update={"batch_size": 8, "micro_batch_size": 4})
    where = Checkpoints(folder / "checkpoints", 1)
    model.to(device.torch_device)
    made = Trainer(model, objective, prepared.rows, training, device=device, seed=1, checkpoints=where, **more)
    assert all(batch["input_ids"].shape[1] % multiple == 0 for batch in made.micro_batches(0))
    model.train()
    made.gradients(0)
    return {name: p.grad.double().cpu() for name, p in model.named_parameters() if p.grad is not None}


def test_padding_to_a_length_changes_nothing(prepared: Prepared, tmp_path: Path) -> None:
    plain, padded = (gradients(prepared, multiple, CPU, tmp_path) for multiple in (1, LENGTHS_APART))
    assert plain.keys() == padded.keys()
    for name in plain:
        torch.testing.assert_close(plain[name], padded[name], rtol=1e-10, atol=1e-12)


def test_padding_keeps_to_the_positions_of_the_model(prepared: Prepared) -> None:
    objective = TaskObjective(prepared.task, prepared.framer)
    objective.multiple = prepared.framer.max_length + 1
    assert objective.collate([prepared.rows[0]])["input_ids"].shape[1] == prepared.framer.max_length


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_recording_has_the_gradient_of_what_it_records(prepared: Prepared, tmp_path: Path) -> None:
    device = replace(GPU, precision="fp32")
    plain = gradients(prepared, LENGTHS_APART, device, tmp_path)
    recorded = gradients(prepared, LENGTHS_APART, device, tmp_path, recorded=True)
    assert plain.keys() == recorded.keys()
    for name in plain:
        torch.testing.assert_close(plain[name], recorded[name], rtol=1e-5, atol=1e-7)


def test_too_many_shapes_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST_RECORDINGS", 2)
    lengths = [np.array([3, 8]), np.array([5, 7]), np.array([9, 2]), np.array([16, 16])]
    assert graphs.few_shapes(lengths)
    assert not graphs.few_shapes([*lengths, np.array([8])])


def test_a_trainer_records_where_its_plan_has_few_shapes(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> Trainer:
        model, objective = build_model(prepared, CPU, resumed=False), TaskObjective(prepared.task, prepared.framer)
        where, training = Checkpoints(tmp_path / "checkpoints", 1), prepared.config.training
        return Trainer(model, objective, prepared.rows, training, device=CPU, seed=1, checkpoints=where, recorded=True)

    assert made().recorder is not None
    monkeypatch.setattr(graphs, "MOST_RECORDINGS", 0)
    assert made().recorder is None


def test_the_shape_not_met_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST_RECORDINGS", 2)
    recorded: list[int] = []

    def record(batch: dict[str, torch.Tensor], divisor: torch.Tensor) -> graphs.Recording:
        recorded.append(batch["x"].shape[0])
        return graphs.Recording(SimpleNamespace(replay=lambda: None), dict(batch), divisor, divisor)  # type: ignore[arg-type]

    recorder = Recorder(lambda batch, divisor: divisor, torch.nn.Linear(1, 1))
    monkeypatch.setattr(recorder, "_record", record)
    for size in (1, 2, 1, 3, 1, 2):
        recorder({"x": torch.zeros(size)}, torch.ones(()))
    assert recorded == [1, 2, 3, 2]
