"""The share of the peak: what is counted, and that a machine has a peak."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from transformers import AutoModelForTokenClassification

from tiny_models import FAMILIES


@pytest.fixture(scope="module")
def share() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "benchmarks" / "step_share.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_steps", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_flops_are_those_of_the_matrices_and_of_attention(share: ModuleType) -> None:
    model = AutoModelForTokenClassification.from_config(FAMILIES["bert"]()[0])
    weights = 2 * (4 * 32 * 32 + 2 * 32 * 64)
    assert share.model_flops(model, [10]) == 6 * weights * 10 + 12 * 2 * 32 * 10**2
    assert share.model_flops(model, [10, 20]) == share.model_flops(model, [10]) + share.model_flops(model, [20])


def test_the_machine_has_a_peak(share: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "PRODUCTS", ((64, 64, 64),))
    assert share.peak(torch.float32, torch.device("cpu")) > 1e6
