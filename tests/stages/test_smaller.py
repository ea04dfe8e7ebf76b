"""lmfit compress: pruned, distilled and trimmed runs are runs like any other, and can be trained further."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., tuple[int, str, str]]
FEW = ("--set", "training.max_steps=4", "--set", "training.evaluate_every=2")


@pytest.fixture(autouse=True)
def _no_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/journeys/test_compress.py has the memory of a process in its certificates."""
    monkeypatch.setattr("lmfit.stages.certify.footprint", lambda run: None)


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


@pytest.mark.parametrize("task", ["token-classification", "text-classification"])
def test_pruned_run_is_trained_further(task: str, trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made = trained(task), tmp_path / "pruned"
    code, _, told = command("compress", parent.path, "--prune", 0.4, "-o", made)
    assert code == 0, told
    facts = _manifest(made)["compression"]["prune"]
    assert facts["parameters"]["after"] < facts["parameters"]["before"]
    assert facts["cost"] <= facts["budget"]
    assert "neurons" in told
    code, _, told = command("evaluate", made)
    assert code == 0, told
    data = ["--set", f"model.name={made}", "--set", "training.max_steps=1", "-o", tmp_path / "further"]
    code, _, told = command("finetune", parent.path / "config.yaml", *data)
    assert code == 0, told
    config = json.loads((tmp_path / "further" / "model" / "config.json").read_text())
    assert config["pruned"] == json.loads((made / "model" / "config.json").read_text())["pruned"]
    assert (tmp_path / "further" / "model" / "modeling_pruned.py").is_file()
    code, _, told = command("compress", tmp_path / "further", "--prune", 0.2, "-o", tmp_path / "again")
    assert code == 0, told


def test_all_steps_and_int8(trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made = trained("token-classification"), tmp_path / "all"
    asked = ["--prune", 0.3, "--distill", 1, "--trim-vocabulary", "--quantize", "int8"]
    more = ["--set", "compression.trim_vocabulary.reserve=0", "--set", "compression.distill.relations=0.1"]
    code, _, told = command("compress", parent.path, *asked, *more, *FEW, "-o", made)
    assert code == 0, told
    manifest = _manifest(made)
    facts = manifest["compression"]
    assert list(facts) == ["prune", "distill", "trim_vocabulary"]
    assert facts["distill"]["layers"] == 1
    assert facts["distill"]["steps"] == 4
    assert facts["trim_vocabulary"]["tokens"]["after"] <= facts["trim_vocabulary"]["tokens"]["before"]
    assert facts["trim_vocabulary"]["changed"]["test"]["unknown_after"] <= 0.1 * 24 * 8
    assert manifest["backend"] == "onnx"
    lines = [json.loads(line) for line in (made / "log.jsonl").read_text().splitlines()]
    assert any({"task", "soft", "relations"} <= line.get("terms", {}).keys() for line in lines)
    (tmp_path / "in.txt").write_text("Anna Petrov joined Nordwind\n")
    code, out, told = command("predict", tmp_path / "in.txt", "-r", made)
    assert code == 0, told
    assert json.loads(out.splitlines()[0])["text"].startswith("Anna")


def test_targets_out_of_reach_are_said(trained: Any, command: Command, tmp_path: Path) -> None:
    parent = trained("text-classification")
    for asked, told in (
        (["--prune", 1.5], "above 0, below 1"),
        (["--set", "compression.prune={latency_ratio: 1000}"], "cannot be reached by pruning: at most"),
        (["--set", "compression.prune={size: 1 KB}"], "cannot be reached"),
        (["--set", "compression.prune={size: 1 MB, sparsity: 0.5}"], "one target"),
        (["--set", "compression.distill={}"], "would be the teacher itself"),
        (["--distill", 9], "cannot be made of a teacher"),
    ):
        code, _, err = command("compress", parent.path, *asked, "-o", tmp_path / "no")
        assert code == 2, err
        assert told in err


def test_student_with_another_tokenizer_is_refused(
    trained: Any, command: Command, tmp_path: Path, tiny: Callable[[str], Path]
) -> None:
    parent = trained("text-classification").path
    code, _, err = command("compress", parent, "--distill", tiny("roberta"), "-o", tmp_path / "no")
    assert code == 2
    assert "different tokenizers" in err


def test_joint_training_is_cut_and_quantized(trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made = trained("text-classification"), tmp_path / "joint"
    (tmp_path / "joint.yaml").write_text(
        "compression:\n  quantize: int8\n  prune: {sparsity: 0.5}\n  distill: {alpha: 0.5, hidden: 0.1}\n  joint: {}\n"
        "training: {max_steps: 20, batch_size: 16, learning_rate: 1.0e-3}\n"
    )
    code, _, told = command("compress", parent.path, "--config", tmp_path / "joint.yaml", "-o", made)
    assert code == 0, told
    facts = _manifest(made)["compression"]["joint"]
    assert (facts["cut_at"], facts["rounded_from"], facts["steps"]) == (10, 14, 20)
    assert facts["cost"] <= facts["budget"]
    first, second = (
        [
            json.loads(line)["terms"]
            for line in (made / "phases" / name / "log.jsonl").read_text().splitlines()
            if "terms" in line
        ]
        for name in "12"
    )
    assert {"task", "soft", "hidden", "prune"} <= first[-1].keys()
    assert {"task", "soft", "hidden", "quant"} <= second[-1].keys()
    code, _, told = command("compress", parent.path, "--set", "compression.joint={}", "-o", tmp_path / "no")
    assert code == 2
    assert "needs the section compression.prune" in told


@pytest.mark.parametrize("joint", [False, True])
def test_interrupted_training_goes_on_as_if_it_had_not(
    joint: bool, trained: Any, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmfit.errors import Interrupted
    from lmfit.training.trainer import Trainer

    parent = trained("text-classification")
    sections = ["compression.prune={sparsity: 0.3}", "compression.distill={hidden: 0.1}", "training.checkpoint_every=3"]
    sections += ["compression.joint={}", "training.max_steps=12"] if joint else ["training.max_steps=8"]
    asked = [part for section in sections for part in ("--set", section)]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert command("compress", parent.path, *asked, "-o", whole)[0] == 0
    step = Trainer.step

    def dying(self: Trainer, number: int) -> Any:
        if number == 4:
            raise Interrupted(2, fix="lmfit resume")
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", dying)
        assert command("compress", parent.path, *asked, "-o", cut)[0] == 130
    code, _, told = command("resume", cut)
    assert code == 0, told
    assert "resuming from step 3" in told
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (whole, cut)]
    assert weights[0] == weights[1]
