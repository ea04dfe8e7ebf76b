"""Pruned encoders: removed units leave the others' answers alone, and saved widths come back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lmfit.models.load import ModelSource, load_model
from lmfit.models.modeling_pruned import blocks_of, widths_of
from lmfit.models.pruned import note_widths, write_code

INPUTS = {"input_ids": torch.tensor([[5, 9, 7, 11, 6]]), "attention_mask": torch.tensor([[1, 1, 1, 1, 0]])}
PRUNED = ("bert", "roberta", "distilbert", "electra", "xlm-roberta", "deberta-v2")


def _model(folder: Path) -> Any:
    from transformers import AutoModelForTokenClassification

    torch.manual_seed(0)
    return AutoModelForTokenClassification.from_pretrained(folder, num_labels=3).eval()


@torch.no_grad()
def _logits(model: Any) -> torch.Tensor:
    return model(**INPUTS).logits


@pytest.mark.parametrize("family", PRUNED)
def test_units_without_effect_can_go(family: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    model = _model(tiny(family))
    for block in blocks_of(model):
        gone = slice(0, block.size) if block.part == "heads" else slice(8, 64)
        block.reader.weight.data[:, gone] = 0
    before = _logits(model)
    parameters = model.num_parameters()
    for block in blocks_of(model):
        block.keep([1] if block.part == "heads" else range(8))
    torch.testing.assert_close(_logits(model), before)
    assert model.num_parameters() < parameters
    note_widths(model)
    assert model.config.pruned == {"heads": [1, 1], "neurons": [8, 8]}
    _comes_back(model, tmp_path)


@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
def test_layer_can_lose_all_heads_or_neurons(family: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    model = _model(tiny(family))
    blocks = blocks_of(model)
    for block in (blocks[0], blocks[3]):
        block.reader.weight.data.zero_()
    before = _logits(model)
    blocks[0].keep([])
    blocks[3].keep([])
    torch.testing.assert_close(_logits(model), before)
    note_widths(model)
    assert widths_of(model) == {"heads": [0, 2], "neurons": [64, 0]}
    _comes_back(model, tmp_path)


def test_equal_neurons_need_no_code(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers import AutoModelForTokenClassification

    model = _model(tiny("bert"))
    for block in blocks_of(model):
        if block.part == "neurons":
            block.keep(range(0, 64, 2))
    note_widths(model)
    write_code(tmp_path, model)
    model.save_pretrained(tmp_path)
    assert not (tmp_path / "modeling_pruned.py").exists()
    assert torch.equal(_logits(AutoModelForTokenClassification.from_pretrained(tmp_path).eval()), _logits(model))


def test_shared_layers_cannot_be_pruned(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match="cannot be pruned"):
        blocks_of(_model(tiny("albert")))


def _comes_back(model: Any, folder: Path) -> None:
    """By lmfit, and by transformers with the code beside the weights; saved once more, too."""
    from transformers import AutoModelForTokenClassification

    write_code(folder, model)
    model.save_pretrained(folder)
    loaded, new = load_model(ModelSource(str(folder), "folder", str(folder)), "AutoModelForTokenClassification", {})
    assert not new
    assert torch.equal(_logits(loaded.eval()), _logits(model))
    remote = AutoModelForTokenClassification.from_pretrained(folder, trust_remote_code=True).eval()
    assert torch.equal(_logits(remote), _logits(model))
    loaded.save_pretrained(folder / "again")
    assert loaded.config.architectures == [type(model).__name__]
