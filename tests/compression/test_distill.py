"""Distillation: what the teacher said comes back from the cache, a copy of the teacher has nothing to learn from it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.compression import teacher as teachers
from lmfit.compression.distill import (
    Distilling,
    Pairing,
    check_student,
    chosen_layers,
    project,
    relation_divergence,
    shallower,
    unproject,
)
from lmfit.compression.teacher import Wanted, numbered, outputs
from lmfit.config.smaller import DistillConfig
from lmfit.data.rows import Rows
from lmfit.errors import ConfigError
from lmfit.stages.training import TaskObjective
from lmfit.tasks.tensors import forward

LENGTHS = np.array([5, 9, 3, 7])


class _Framer:
    pad_id = 0


def _objective(task: str, labels: list[str]) -> TaskObjective:
    from lmfit.catalog import TASK_SETTINGS, TASKS

    settings = TASK_SETTINGS.load(task)(name=task).model_dump()
    state = {"settings": settings, "labels": labels, "words": "unicode", "problem": "single_label", "thresholds": []}
    restored: Any = TASKS.load(task).restore(state)
    return TaskObjective(restored, _Framer())  # type: ignore[arg-type]


def _rows(task: str) -> Rows:
    generator, total = np.random.default_rng(0), int(LENGTHS.sum())
    tokens = {"input_ids": generator.integers(5, 50, total)}
    values = {"weight": np.ones(len(LENGTHS))}
    if task == "token-classification":
        tokens |= {"labels": generator.integers(0, 3, total), "words": np.arange(total)}
    else:
        values["target"] = generator.integers(0, 3, len(LENGTHS))
    return Rows(np.cumsum(LENGTHS) - LENGTHS, LENGTHS, tokens, values, {})


def _teacher(tiny: Callable[[str], Path], task: str) -> Any:
    import transformers

    name = {"token-classification": "Token", "text-classification": "Sequence"}[task]
    torch.manual_seed(0)
    kind = getattr(transformers, f"AutoModelFor{name}Classification")
    return kind.from_pretrained(tiny("bert"), num_labels=3).eval()


@pytest.mark.parametrize("task", ["token-classification", "text-classification"])
def test_teacher_is_asked_once(task: str, tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, rows, objective = _teacher(tiny, task), _rows(task), _objective(task, ["O", "B-X", "I-X"])
    wanted = Wanted((1, 2), True)
    first = outputs(teacher, rows, objective, wanted)
    monkeypatch.setattr(teachers, "forward", None)
    again = outputs(teacher, rows, objective, wanted)
    batch = objective.collate([rows[3], rows[0]])
    with torch.no_grad():
        whole = teacher(batch["input_ids"], batch["attention_mask"], output_hidden_states=True)
    real = batch["attention_mask"].bool()
    for found in (first, again):
        logits = found.of("logits", [3, 0])
        seen = slice(None) if task == "text-classification" else real
        torch.testing.assert_close(logits[seen], whole.logits[seen])
        hidden = found.of("hidden.1", [3, 0])
        torch.testing.assert_close(hidden[real], whole.hidden_states[1][real], atol=2e-3, rtol=2e-3)
        assert found.of("relations", [3]).shape == (1, 7, 96)


def test_copy_of_the_teacher_has_nothing_to_learn(tiny: Callable[[str], Path]) -> None:
    teacher, rows = _teacher(tiny, "token-classification"), _rows("token-classification")
    objective = _objective("token-classification", ["O", "B-X", "I-X"])
    settings = DistillConfig(alpha=1.0, hidden=1.0, relations=1.0)
    student = copy.deepcopy(teacher)
    found = outputs(teacher, rows, objective, Wanted((1, 2), True))
    following = Distilling(objective, settings, found, student, heads=2)  # type: ignore[arg-type]
    known = numbered(rows)
    batch = following.collate([known[1], known[2]])
    for module in student.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    student.train()
    loss = following.loss(forward(student, batch), batch)
    terms = following.take_terms()
    assert terms["task"] == 0
    assert abs(float(loss.detach())) < 1e-2
    student.classifier.bias.data += torch.tensor([1.0, 0.0, 0.0])
    moved = following.loss(forward(student, batch), batch)
    assert float(moved.detach()) > 0.1
    moved.backward()  # type: ignore[no-untyped-call]
    assert student.classifier.weight.grad is not None


def test_relations_count_real_tokens_alone() -> None:
    torch.manual_seed(1)
    student, teacher = torch.randn(1, 4, 12), torch.randn(1, 4, 24)
    real = torch.tensor([[True, True, True, False]])
    whole = relation_divergence(student, teacher, real, 2)
    alone = relation_divergence(student[:, :3], teacher[:, :3], real[:, :3], 2)
    torch.testing.assert_close(whole, alone)
    assert relation_divergence(teacher, teacher, real, 2) < 1e-6 < alone


def test_student_takes_layers_of_the_teacher(tiny: Callable[[str], Path]) -> None:
    teacher = _teacher(tiny, "token-classification")
    student = shallower(teacher, 1)
    assert student.config.num_hidden_layers == 1
    assert torch.equal(
        student.bert.encoder.layer[0].output.dense.weight, teacher.bert.encoder.layer[1].output.dense.weight
    )
    assert len(teacher.bert.encoder.layer) == 2
    assert chosen_layers(3, 6) == [1, 3, 5]
    assert Pairing.of(3, 6) == Pairing((1, 2, 3), (2, 4, 6))
    with pytest.raises(ConfigError, match="layers 3"):
        shallower(teacher, 3)
    project(student, 48)
    assert student.lmfit_projection.weight.shape == (48, 32)
    unproject(student)
    assert not hasattr(student, "lmfit_projection")


def test_student_of_another_kind_is_refused(tiny: Callable[[str], Path]) -> None:
    teacher, other = _teacher(tiny, "token-classification"), _teacher(tiny, "token-classification")
    with pytest.raises(ConfigError, match="tokenizers"):
        check_student(teacher, other, {"a": 0}, {"a": 1})
    other.config.id2label = {0: "X", 1: "Y", 2: "Z"}
    with pytest.raises(ConfigError, match="labels"):
        check_student(teacher, other, {"a": 0}, {"a": 0})
