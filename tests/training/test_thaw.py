from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForSequenceClassification

from lmfit.training.optim import depths_of, head_of
from lmfit.training.thaw import Thaw


class Plan:
    def locate(self, step: int) -> tuple[int, int]:
        return divmod(step, 10)


class Stand:
    """What the hook needs of a trainer."""

    def __init__(self, model: Any) -> None:
        self.model, self.plan, self.state = model, Plan(), type("State", (), {"step": 0})()


def learning(stand: Any) -> set[str]:
    return {name for name, parameter in stand.model.named_parameters() if parameter.requires_grad}


@pytest.fixture
def stand(tiny: Any) -> Any:
    folder: Path = tiny("bert")
    return Stand(AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3))


def test_from_the_head_down_epoch_by_epoch(stand: Any) -> None:
    every = learning(stand)
    hook = Thaw(head_first=4, layers=1)
    hook.on_start(stand)
    assert learning(stand) == {"classifier.weight", "classifier.bias"}
    expected = {4: "bert.pooler", 10: "bert.encoder.layer.1", 20: "bert.encoder.layer.0", 30: "bert.embeddings"}
    for step, prefix in expected.items():
        before = learning(stand)
        stand.state.step = step
        hook.on_step(stand, None)  # type: ignore[arg-type]
        new = learning(stand) - before
        assert new == {name for name in every if name.startswith(prefix)}
    assert learning(stand) == every


def test_what_is_frozen_stays_frozen(stand: Any) -> None:
    stand.model.bert.embeddings.requires_grad_(False)
    before = learning(stand)
    hook = Thaw(head_first=1, layers=None)
    hook.on_start(stand)
    hook.on_end(stand)
    assert learning(stand) == before


def test_a_step_alone_decides(stand: Any) -> None:
    """A resumed run begins in the middle."""
    stand.state.step = 15
    Thaw(head_first=4, layers=1).on_start(stand)
    assert {name for name in learning(stand) if "layer.1" in name}
    assert not {name for name in learning(stand) if "layer.0" in name or "embeddings" in name}


def test_depths(stand: Any) -> None:
    depths, head = depths_of(stand.model), head_of(stand.model)
    named = dict(stand.model.named_parameters())
    assert depths[id(named["bert.encoder.layer.1.output.dense.weight"])] == 1
    assert head == {id(named["classifier.weight"]), id(named["classifier.bias"])}
