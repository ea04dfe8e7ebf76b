"""The quick backend computes what the exact one does, up to the rounding of bf16, for every family."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from lmfit.device import Device
from lmfit.inference.backends import TorchBackend
from tiny_models import FAMILIES, SENTENCES, make_encoder


@pytest.mark.parametrize("family", FAMILIES)
def test_quick_logits_are_near_those_in_fp32(family: str, tmp_path: Path) -> None:
    folder = make_encoder(family, tmp_path / family)
    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=3)
    batch = dict(AutoTokenizer.from_pretrained(folder)(SENTENCES, padding=True, return_tensors="np"))
    backend = TorchBackend(model, Device("cpu", None, "any", "bf16", 1))
    assert backend.quick is not None
    kept = batch["attention_mask"].astype(bool)
    exact, coarse = backend.logits(dict(batch))[kept], backend.quick.logits(dict(batch))[kept]
    assert not np.array_equal(exact, coarse)
    assert coarse.dtype == np.float32
    assert np.abs(exact - coarse).max() < 0.02 * np.abs(exact).max() + 0.02
    assert all(p.dtype == torch.float32 for p in model.parameters())
