"""Targets of a compression: refused early where they are out of reach, driving the cut, judged in the end."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from transformers import BertConfig, BertForSequenceClassification

from lmfit.config.compression import CompressConfig, CompressionConfig
from lmfit.errors import ConfigError
from lmfit.runs import Run
from lmfit.stages import quantize
from lmfit.stages.quantize import check_width
from lmfit.stages.targets import reached, with_targets

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _no_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmfit.stages.certify.footprint", lambda run: None)


def _targets(text: str) -> list[str]:
    return ["--set", f"compression.targets={{{text}}}"]


def test_targets_out_of_reach_are_said_before_anything_is_done(trained: Any, command: Command, tmp_path: Path) -> None:
    parent = trained("text-classification").path
    pruned = ["--set", "compression.prune={}"]
    for asked, told in (
        (["--quantize", "int8", *_targets("latency_ratio: 1000")], "latency_ratio 1000 cannot be reached: at most"),
        ([*pruned, "--quantize", "int8", *_targets("latency_ratio: 1000")], "latency_ratio 1000 cannot be reached"),
        (["--quantize", "int8", *_targets("f1_retained: 0.9")], "`f1` is not measured for this task"),
        (["--quantize", "int8", *_targets("accuracy_retained: 1.2")], "above 0, at most 1"),
        (["--quantize", "int8", *_targets("size_ratio: 9")], "size_ratio 9 cannot be reached"),
        (["--quantize", "int8", *_targets("speed: 3")], "`speed` is no target"),
        (["--quantize", "int8", *_targets("size_ratio:40")], "write `key: value` with an ASCII colon and a blank"),
        (pruned, "prune needs a target"),
    ):
        code, _, err = command("compress", parent, *asked, "-o", tmp_path / "no")
        assert code == 2, err
        assert told in err, err
        assert not (tmp_path / "no").exists()


def test_a_target_drives_the_cut_in_the_form_that_is_shipped(trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made = trained("text-classification").path, tmp_path / "made"
    asked = [
        "--set",
        "compression.prune={}",
        "--quantize",
        "int8",
        *_targets("latency_ratio: 0.1, throughput_ratio: 1e6"),
    ]
    code, _, told = command("compress", parent, *asked, "-o", made)
    assert code == 3, told
    assert "1e+06 asked for: missed" in told
    run = Run(made)
    assert run.status == "finished"
    latency = run.manifest["compression"]["prune"]["latency"]
    assert latency["form"] == "int8"
    table = json.loads((made / "latency.json").read_text())["table"]
    assert len(table["blocks"]) == 4
    for costs in table["blocks"]:
        by_width = [costs[width] for width in sorted(costs, key=int)]
        assert by_width == sorted(by_width)
    aims = json.loads((made / "certificate.json").read_text())["targets"]
    assert [(one["name"], one["holds"]) for one in aims] == [("latency_ratio", True), ("throughput_ratio", False)]


def test_as_much_goes_as_the_metric_allows(trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made = trained("text-classification").path, tmp_path / "made"
    asked = ["--set", "compression.prune={rows: 32}", *_targets("accuracy_retained: 0.9")]
    code, _, told = command("compress", parent, *asked, "-o", made)
    assert code in (0, 3), told
    facts = Run(made).manifest["compression"]["prune"]
    shares = [one["share"] for one in facts["searched"]]
    assert shares[0] == 0.5
    assert len(shares) == 5
    kept = [one["share"] for one in facts["searched"] if one["accuracy_retained"] >= 0.9]
    lost = [one["share"] for one in facts["searched"] if one["accuracy_retained"] < 0.9]
    assert max(kept) < min([*lost, 1.0])
    assert facts["parameters"]["after"] < facts["parameters"]["before"]


def test_what_was_not_measured_decides_nothing() -> None:
    rows = reached({"latency_ratio": 2.0, "f1_retained": 0.98}, {"f1_retained": 0.985})
    assert [row["holds"] for row in rows] == [None, True]
    open_one = {"holds": None, "sentence": "test f1 -0.01"}
    assert with_targets(open_one, rows)["holds"] is True
    assert "latency_ratio was not measured here" in with_targets(open_one, rows)["sentence"]
    missed = reached({"f1_retained": 0.99}, {"f1_retained": 0.985})
    both = with_targets({"holds": True, "sentence": "this holds"}, missed)
    assert both["holds"] is False
    assert both["missed"]
    assert "this holds" not in both["missed"]
    assert with_targets(open_one, [])["holds"] is None


def test_what_steps_lost_is_not_blamed_on_int8(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, made = {"parent": 0.9, "pruned": 0.8, "int8": 0.79}, []
    config = CompressConfig.model_construct(compression=CompressionConfig(certificate={"max_drop": 0.05}))
    splits = SimpleNamespace(validation=[1])
    work: Any = SimpleNamespace(config=config, splits=splits, original="parent", facts={"prune": {}})
    monkeypatch.setattr(quantize, "maker", lambda *_: made.append)
    monkeypatch.setattr(quantize, "_calibration", lambda _: [])
    monkeypatch.setattr(quantize, "_predictor", lambda *_: "int8")
    monkeypatch.setattr(quantize, "_unquantized", lambda _: "pruned")
    monkeypatch.setattr(quantize, "_headline", lambda predictor, _: scores[predictor])
    monkeypatch.setattr(quantize, "worst_first", lambda *_: [("a", 2.0), ("b", 1.0)])
    assert quantize._made_and_repaired(Path("a"), Path("b"), "int8", work) == []
    assert made == [[]]
    assert "prune: validation has lost 0.1000 before int8, more than 0.05 already" in capsys.readouterr().err
    scores["pruned"] = 0.88
    quantize._made_and_repaired(Path("a"), Path("b"), "int8", work)
    assert made == [[], [], ["a"], []]
    assert "int8 loses 0.0900 on validation, 0.1100 with prune, more than 0.05" in capsys.readouterr().err


def test_embeddings_of_four_bits(trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made = trained("text-classification").path, tmp_path / "made"
    few = ["--set", "compression.embedding_bits=4"]
    code, _, err = command("compress", parent, "--quantize", "fp32", *few, "-o", made)
    assert code == 2
    assert "embedding_bits goes with quantize" in err
    code, _, err = command("compress", parent, "--quantize", "int8", *few, *_targets("size_ratio: 12"), "-o", made)
    assert code == 2
    assert "makes it 8 at most" in err
    code, out, err = command("compress", parent, "--prune", 0.3, "--quantize", "int8", *few, "-o", made)
    assert code == 0, err
    nodes = {node.op_type for node in onnx.load(str(made / "model" / "model.onnx")).graph.node}
    assert {"GatherBlockQuantized", "QAttention"} <= nodes
    assert " compression, " in out


def test_embeddings_that_do_not_divide_into_blocks_are_refused() -> None:
    model = BertForSequenceClassification(BertConfig(hidden_size=48, num_hidden_layers=1, num_attention_heads=2))
    with pytest.raises(ConfigError, match="48 numbers do not divide into blocks of 32"):
        check_width(model)
