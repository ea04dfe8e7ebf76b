"""Heads that transformers has no class for: exported, quantized, and answered with without torch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper

import lmfit
from lmfit.inference.load import load_predictor
from lmfit.runs import Run

Command = Callable[..., tuple[int, str, str]]
TEXTS = ["Anna Petrov joined Nordwind in Oslo last spring .", "Where is my order ?", "the lamp broke"]


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("text-classification", {"head": "mlp", "pooling": "attention"}),
        ("token-classification", {"head": "crf"}),
    ],
)
def test_heads_are_exported(
    task: str, model: dict[str, Any], tiny_config: Any, command: Command, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("lmfit.stages.certify.footprint", lambda run: None)
    training = {"max_steps": 12, "batch_size": 16, "learning_rate": 5e-3}
    parent = lmfit.finetune(tiny_config(task, model=model, training=training, output=str(tmp_path / "run")))
    code, _, told = command("compress", parent.path, "--quantize", "fp32", "-o", tmp_path / "fp32")
    assert code == 0, told
    whole, child = (load_predictor(Run(tmp_path / name)) for name in ("run", "fp32"))
    for one, other in zip(whole.predict(TEXTS), child.predict(TEXTS), strict=True):
        mine, theirs = one.row(), other.row()
        assert mine["text"] == theirs["text"]
        assert mine.get("label") == theirs.get("label")
        assert [e["label"] for e in mine.get("entities", ())] == [e["label"] for e in theirs.get("entities", ())]
    assert (tmp_path / "fp32" / "model" / "head.safetensors").is_file() == (model["head"] == "crf")
    code, _, told = command("compress", parent.path, "--quantize", "int8", "-o", tmp_path / "int8")
    assert code == 0, told
    certificate = json.loads((tmp_path / "int8" / "certificate.json").read_text())
    assert certificate["parity"]["label_agreement"] > 0.9
    assert _weight_bytes(tmp_path / "fp32") > 3 * _weight_bytes(tmp_path / "int8")
    code, _, told = command("compress", parent.path, "--prune", 0.5, "-o", tmp_path / "no")
    assert code == 2
    assert "it can be quantized, and no more yet" in told
    assert not (tmp_path / "no").exists()


def _weight_bytes(run: Path) -> int:
    graph = onnx.load(str(run / "model" / "model.onnx")).graph
    return sum(numpy_helper.to_array(tensor).nbytes for tensor in graph.initializer)
