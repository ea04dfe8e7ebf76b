"""Batches a step ahead are the batches of the step."""

from typing import Any

import pytest
import torch

from lmfit.training.loading import Ahead


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that were made; memory is not pinned, which needs a GPU."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    return []


def ahead(asked: list[int], broken: int = -1) -> Ahead:
    def make(number: int) -> list[dict[str, torch.Tensor]]:
        asked.append(number)
        if number == broken:
            raise ValueError("a row that cannot be read")
        return [{"input_ids": torch.tensor([number])}]

    return Ahead(make)


def value(batches: Any) -> int:
    return int(batches[0]["input_ids"])


def test_steps_in_order_are_made_once(asked: list[int]) -> None:
    loader = ahead(asked)
    assert [value(loader(number, None)) for number in (5, 6, 7)] == [5, 6, 7]
    loader._thread.shutdown()
    assert asked == [5, 6, 7, 8]


def test_another_step_or_another_cut_is_made_anew(asked: list[int]) -> None:
    loader = ahead(asked)
    assert value(loader(0, None)) == 0
    assert value(loader(1, 128)) == 1
    assert value(loader(9, 128)) == 9
    loader._thread.shutdown()
    assert sorted(asked) == [0, 1, 1, 2, 9, 10]


def test_what_fails_ahead_fails_in_its_own_step(asked: list[int]) -> None:
    loader = ahead(asked, broken=2)
    assert value(loader(0, None)) == 0
    assert value(loader(1, None)) == 1
    with pytest.raises(ValueError, match="cannot be read"):
        loader(2, None)
