"""One step of 32 examples gives the gradient of 4 x 8, for every loss of every task."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lmfit.config.load import load_config
from lmfit.device import Device
from lmfit.stages.prepare import Prepared, prepare
from lmfit.stages.training import TaskObjective
from lmfit.training.checkpoint import Checkpoints
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
    trainer.update = lambda: kept.extend(p.grad.clone() for p in model.parameters() if p.grad is not None) or 0.0
    trainer.step(1)
    return kept


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
    "numbers": ("text-classification", {"problem": "regression"}, {"rows": NUMBERS}),
}


@pytest.fixture
def prepared_for(tiny_config: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[[str], Prepared]:
    def make(case: str) -> Prepared:
        from tiny_data import write_jsonl

        task, settings, data = CASES[case]
        given = {"validation": None, "test": None, **data}
        if rows := given.pop("rows", None):
            given["train"] = str(write_jsonl(tmp_path / "rows.jsonl", rows))
        return prepare(load_config("finetune", tiny_config(task, task={"name": task, **settings}, data=given)).config)

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
