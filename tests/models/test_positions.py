from collections.abc import Callable
from pathlib import Path

import pytest

from lmfit.config.model import ModelConfig
from lmfit.models.load import find_model, load_config
from lmfit.models.positions import positions


@pytest.mark.parametrize(
    ("family", "limit"), [("bert", 64), ("roberta", 64), ("xlm-roberta", 64), ("modernbert", 64), ("distilbert", 64)]
)
def test_positions_leave_out_the_padding_offset(family: str, limit: int, tiny: Callable[[str], Path]) -> None:
    assert positions(load_config(find_model(ModelConfig(name=str(tiny(family)))))) == limit
