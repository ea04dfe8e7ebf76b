"""One step of 32 examples gives the gradient of 4 x 8, for every loss of every task."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lmfit.config.load import load_config
from lmfit.device import Device
from lmfit.stages.prepare import Prepared, prepare
from lmfit.stages.training import TaskObjective
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.r_drop import RDrop
from lmfit.training.trainer import Trainer

CPU = Device("cpu", None, "cpu", "fp32", 1)
MULTI = [{"text": f"the lamp {i} broke after two days", "label": ["bad", "late"][: i % 3]} for i in range(48)]
NUMBERS = [{"text": f"the lamp {i} broke", "label": i / 7} for i in range(48)]


def gradients(prepared: Prepared, folder: Path, micro: int | str) -> list[torch.Tensor]:
    """The gradients of the second step, in float64 and without dropout."""
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, prepared.task.auto_class).from_pretrained(
        prepared.source.where,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        dtype=torch.float64,
        **prepared.task.model_settings(),
    )
    training = prepared.config.training.model_copy(update={"micro_batch_size": micro, "batch_size": 32})
    objective = TaskObjective(prepared.task, prepared.framer)
    trainer = Trainer(model, objective, prepared.rows, training, device=CPU, seed=1, checkpoints=Checkpoints(folder, 1))
    kept: list[torch.Tensor] = []

    def keep(loss: float) -> tuple[float, bool]:
        kept.extend(p.grad.clone() for p in model.parameters() if p.grad is not None)
        return 0.0, True

    trainer.update = keep
    trainer.step(1)
    return kept


def of_two_files(one: str, two: str) -> list[Any]:
    """A list of training files of different weight."""
    return [{"path": one, "weight": 0.3}, {"path": two, "weight": 2.5}]


CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "tags": ("token-classification", {}, {}),
    "tags, all subwords": ("token-classification", {"label_subwords": "all"}, {}),
    "tags, weighted": ("token-classification", {"class_weights": "balanced"}, {}),
    "tags, focal": ("token-classification", {"loss": "focal", "class_weights": {"B-LOC": 3.0}}, {}),
    "tags, smoothed": ("token-classification", {"label_smoothing": 0.1, "class_weights": "balanced"}, {}),
    "tags, windows": ("token-classification", {}, {"max_length": 11}),
    "labels": ("text-classification", {}, {}),
    "labels, weighted": ("text-classification", {"class_weights": {"praise": 3.0}}, {}),
    "labels, focal": ("text-classification", {"loss": "focal"}, {}),
    "labels, smoothed": ("text-classification", {"label_smoothing": 0.1, "class_weights": {"praise": 0.3}}, {}),
    "labels, windows": ("text-classification", {}, {"max_length": 11}),
    "several labels": ("text-classification", {"class_weights": "balanced"}, {"rows": MULTI}),
    "tags, weighted files": ("token-classification", {"class_weights": "balanced"}, {"train": of_two_files}),
    "labels, weighted files": ("text-classification", {}, {"train": of_two_files, "max_length": 11}),
    "numbers": ("text-classification", {"problem": "regression"}, {"rows": NUMBERS}),
}


@pytest.fixture
def prepared_for(
    tiny_config: Callable[..., dict[str, Any]], tiny_data: dict[str, dict[str, Any]], tmp_path: Path
) -> Callable[[str], Prepared]:
    def make(case: str) -> Prepared:
        from tiny_data import write_jsonl

        task, settings, data = CASES[case]
        given = {"validation": None, "test": None, **data}
        if rows := given.pop("rows", None):
            given["train"] = str(write_jsonl(tmp_path / "rows.jsonl", rows))
        if callable(given.get("train")):
            given["train"] = given["train"](tiny_data[task]["train"], tiny_data[task]["validation"])
        sections = {"task": {"name": task, **settings}, "data": given}
        return prepare(load_config("finetune", tiny_config(task, **sections)).config)

    return make


@pytest.mark.parametrize("case", CASES)
def test_micro_batches_give_the_gradient_of_the_whole(
    case: str, prepared_for: Callable[[str], Prepared], tmp_path: Path
) -> None:
    prepared = prepared_for(case)
    whole = gradients(prepared, tmp_path, 32)
    parts = gradients(prepared, tmp_path, 8)
    assert max(float(g.abs().max()) for g in whole) > 1e-3
    for one, many in zip(whole, parts, strict=True):
        assert torch.allclose(one, many, rtol=0, atol=1e-10)


def test_micro_batches_give_the_gradient_of_the_whole_under_attack(
    prepared_for: Callable[[str], Prepared], tmp_path: Path
) -> None:
    prepared = prepared_for("tags, weighted")
    plain = gradients(prepared, tmp_path, 32)
    training = prepared.config.training.model_copy(update={"adversarial": "fgm"})
    attacked = replace(prepared, config=prepared.config.model_copy(update={"training": training}))
    whole, parts = gradients(attacked, tmp_path, 32), gradients(attacked, tmp_path, 8)
    assert not all(torch.allclose(2 * one, two, rtol=1e-3) for one, two in zip(plain, whole, strict=True))
    for one, many in zip(whole, parts, strict=True):
        assert torch.allclose(one, many, rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_divergence_is_a_sum_over_targets_and_zero_for_equal_answers(
    case: str, prepared_for: Callable[[str], Prepared]
) -> None:
    prepared = prepared_for(case)
    objective = TaskObjective(prepared.task, prepared.framer)
    rows = [prepared.rows[i] for i in range(24)]
    batch, generator = objective.collate(rows), torch.Generator().manual_seed(1)
    shape = batch["labels"].shape if "labels" in batch else batch["target"].shape[:1]
    first, second = torch.randn(2, *shape, len(prepared.task.labels), dtype=torch.float64, generator=generator)
    whole = objective.divergence(first, second, batch)
    parts = [{name: tensor[piece] for name, tensor in batch.items()} for piece in (slice(0, 7), slice(7, 24))]
    of_parts = objective.divergence(first[:7], second[:7], parts[0]) + objective.divergence(
        first[7:], second[7:], parts[1]
    )
    assert float(whole) > 0
    assert float(of_parts) == pytest.approx(float(whole), rel=1e-6)
    assert objective.divergence(first, first, batch) == 0


@pytest.mark.parametrize("case", ["tags, weighted", "labels, smoothed", "several labels", "numbers"])
def test_r_drop_without_dropout_is_training_without_it(case: str, prepared_for: Callable[[str], Prepared]) -> None:
    prepared = prepared_for(case)
    plain = TaskObjective(prepared.task, prepared.framer)
    twice, rows = RDrop(plain, 3.0), [prepared.rows[i] for i in range(10)]
    one, two = plain.collate(rows), twice.collate(rows)
    shape = one["labels"].shape if "labels" in one else one["target"].shape[:1]
    logits = torch.randn(*shape, len(prepared.task.labels), dtype=torch.float64)
    assert twice.targets(two) == pytest.approx(plain.targets(one))
    assert float(twice.loss(torch.cat([logits, logits]), two)) == pytest.approx(float(plain.loss(logits, one)))
    moved = torch.cat([logits, logits + torch.randn_like(logits)])
    expected = plain.loss(moved, two) / 2 + 3.0 * plain.divergence(*moved.chunk(2), one)
    assert float(twice.loss(moved, two)) == pytest.approx(float(expected))


@pytest.mark.parametrize("task", ["token-classification", "text-classification"])
def test_a_row_of_weight_two_counts_as_two_rows(
    task: str, tiny_config: Callable[..., dict[str, Any]], tiny_data: dict[str, dict[str, Any]]
) -> None:
    """The loss of a batch of weighted rows is that of a batch in which they stand as often as they weigh."""
    one, two = tiny_data[task]["validation"], tiny_data[task]["test"]
    losses = []
    for files in ([one, {"path": two, "weight": 2.0}], [one, two, two]):
        data = {"train": files, "validation": None, "test": None}
        prepared = prepare(load_config("finetune", tiny_config(task, data=data)).config)
        objective = TaskObjective(prepared.task, prepared.framer)
        batch = objective.collate([prepared.rows[i] for i in range(len(prepared.rows))])
        by_label = torch.arange(len(prepared.task.labels), dtype=torch.float32)
        shape = batch["input_ids"].shape if task == "token-classification" else batch["target"].shape
        logits = by_label.expand(*shape, -1)
        losses.append((float(objective.loss(logits, batch)), objective.targets(batch)))
    assert losses[0] == pytest.approx(losses[1])
