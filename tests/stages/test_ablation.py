"""What each part of a compression is worth, and what is beside it: children, tables, the Pareto front."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.compression import CompressionConfig
from lmfit.config.smaller import DistillConfig, JointConfig, PruneConfig
from lmfit.stages.ablation import variants
from lmfit.stages.relatives import _unbeaten

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _no_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmfit.stages.certify.footprint", lambda run: None)


def test_variants_of_a_joint_training() -> None:
    whole = CompressionConfig(
        quantize="int8", prune=PruneConfig(sparsity=0.5), distill=DistillConfig(), joint=JointConfig()
    )
    made = {one.name: one.settings for one in variants(whole)}
    assert list(made) == [f"ablation-{parts}" for parts in ("none", "P", "Q", "D", "PQ", "PD", "QD")]
    assert (made["ablation-none"].joint, made["ablation-none"].quantize) == (None, "fp32")
    unrounded = made["ablation-PD"]
    assert (unrounded.joint, unrounded.rounds, unrounded.distill) == (JointConfig(), False, DistillConfig())
    assert made["ablation-PQ"].rounds
    assert (made["ablation-PQ"].distill, made["ablation-QD"].prune) == (None, None)
    few_bits = whole.model_copy(update={"embedding_bits": 4})
    for one in variants(few_bits):
        assert one.settings.embedding_bits == (4 if one.settings.quantize == "int8" else 8)
        assert CompressionConfig(**one.settings.model_dump()) == one.settings
    apart = whole.model_copy(update={"joint": None})
    assert "ablation-D" not in {one.name for one in variants(apart)}, "a student that is its own teacher"


def test_front() -> None:
    found = [
        {"bytes": 90, "latency_ratio": 1.0, "score": {"value": 0.9}},
        {"bytes": 20, "latency_ratio": 3.0, "score": {"value": 0.89}},
        {"bytes": 20, "latency_ratio": 2.9, "score": {"value": 0.89}},
        {"bytes": 10, "latency_ratio": 2.0, "score": None},
    ]
    assert [_unbeaten(one, found, 1) for one in found] == [True, True, False, True]
    assert [_unbeaten(one, found, -1) for one in found] == [False, True, False, True]


def test_ablation_and_front_stand_in_the_report(trained: Any, command: Command, tmp_path: Path) -> None:
    parent = trained("text-classification").path
    asked = ["--prune", 0.5, "--quantize", "int8"]
    code, _, told = command("compress", parent, "--quantize", "int8", "-o", tmp_path / "plain")
    assert code == 0, told
    made = tmp_path / "made"
    code, _, told = command("compress", parent, *asked, "--set", "compression.ablation=true", "-o", made)
    assert code == 0, told
    manifest = json.loads((made / "run.json").read_text())
    rows = manifest["ablation"]
    assert [list(row["parts"].values()) for row in rows] == [[False, False], [True, False], [False, True], [True, True]]
    assert rows[2]["bytes"] < rows[0]["bytes"]
    assert all(row["score"]["n"] for row in rows)
    names = [one["name"] for one in manifest["relatives"]]
    assert names[:3] == [parent.name, "made", "plain"]
    assert names[3:] == [f"made/ablation-{parts}" for parts in ("P", "Q", "none")]
    assert any(one["front"] for one in manifest["relatives"])
    report = (made / "report.html").read_text()
    assert 'id="ablation"' in report
    assert 'id="front"' in report
    child = json.loads((made / "children" / "ablation-P" / "run.json").read_text())
    assert (child["status"], child["quantization"]) == ("finished", "fp32")
    code, _, told = command("compress", parent, "--quantize", "int8", "--set", "compression.ablation=true")
    assert code == 2
    assert "at least two" in told
