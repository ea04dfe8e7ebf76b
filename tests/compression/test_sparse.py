"""Zeros where the smallest weights were, and nowhere else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lmfit.compression.sparse import zero_smallest, zero_two_of_four, zeros
from lmfit.config.compression import CompressionConfig
from lmfit.config.smaller import PruneConfig


def _model(folder: Path) -> Any:
    from transformers import AutoModelForTokenClassification

    torch.manual_seed(0)
    return AutoModelForTokenClassification.from_pretrained(folder, num_labels=3)


def test_smallest_weights_go(tiny: Callable[[str], Path]) -> None:
    model = _model(tiny("bert"))
    weight = model.bert.encoder.layer[1].intermediate.dense.weight
    before = weight.detach().clone()
    zero_smallest(model, 0.3)
    assert zeros(model) == pytest.approx(0.3, abs=0.001)
    kept = weight.detach() != 0
    assert torch.equal(weight.detach()[kept], before[kept])
    assert before[kept].abs().min() > before[~kept].abs().max()
    assert model.classifier.weight.all()


def test_two_of_four_stay(tiny: Callable[[str], Path]) -> None:
    model = _model(tiny("bert"))
    weight = model.bert.encoder.layer[0].output.dense.weight
    before = weight.detach().clone().view(-1, 4)
    zero_two_of_four(model)
    after = weight.detach().view(-1, 4)
    assert (after != 0).sum(1).eq(2).all()
    assert torch.equal(after.abs().sum(1), before.abs().topk(2, dim=1).values.sum(1))
    assert zeros(model) == 0.5


def test_patterns_take_a_sparsity_alone() -> None:
    assert PruneConfig(pattern="2:4").sparsity is None
    for wrong in ({"pattern": "2:4", "sparsity": 0.3}, {"pattern": "unstructured", "size": "1 MB"}):
        with pytest.raises(ValueError, match=r"half|alone"):
            PruneConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one target"):
        PruneConfig(sparsity=0.5, size="1 MB")
    with pytest.raises(ValueError, match="prune needs a target"):
        CompressionConfig(prune=PruneConfig())
