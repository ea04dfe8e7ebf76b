"""lmfit compress: pruned, distilled and trimmed runs are runs like any other, and can be trained further."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmfit.config.load import load_run_config
from lmfit.data.sources import load_splits

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
    data = ["--set", f"model.name={made}", "--overwrite"]
    code, _, told = command("finetune", parent.path / "config.yaml", *data, "-o", made)
    assert (code, made.is_dir()) == (2, True)
    assert "is the run or model that is read" in told
    data = ["--set", f"model.name={made}", "--set", "training.max_steps=1", "-o", tmp_path / "further"]
    code, _, told = command("finetune", parent.path / "config.yaml", *data)
    assert code == 0, told
    config = json.loads((tmp_path / "further" / "model" / "config.json").read_text())
    assert config["pruned"] == json.loads((made / "model" / "config.json").read_text())["pruned"]
    assert (tmp_path / "further" / "model" / "modeling_pruned.py").is_file()
    code, _, told = command("compress", tmp_path / "further", "--prune", 0.2, "-o", tmp_path / "again")
    assert code == 0, told
    weights = "model/model.safetensors"
    shutil.copyfile(parent.path / weights, made / weights)
    (tmp_path / "in.txt").write_text("Anna Petrov joined Nordwind\n")
    code, _, told = command("predict", tmp_path / "in.txt", "-r", made)
    assert code == 2
    assert "certificate.json is about other weights" in told


def test_all_steps_and_int8(trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made = trained("token-classification"), tmp_path / "all"
    asked = ["--prune", 0.3, "--distill", 1, "--trim-vocabulary", "--quantize", "int8"]
    more = ["--set", "compression.trim_vocabulary.reserve=0", "--set", "compression.distill.relations=0.1"]
    more += ["--set", "evaluation.texts=false"]
    code, _, told = command("compress", parent.path, *asked, *more, *FEW, "-o", made)
    assert code == 0, told
    manifest = _manifest(made)
    facts = manifest["compression"]
    assert list(facts) == ["prune", "distill", "trim_vocabulary"]
    assert facts["distill"]["layers"] == 1
    assert facts["distill"]["steps"] == 4
    timing = manifest["timing"]
    assert timing["train_seconds"] == facts["distill"]["train_seconds"] > 0
    assert timing["cut_seconds"] == pytest.approx(facts["prune"]["seconds"] + facts["trim_vocabulary"]["seconds"])
    assert facts["trim_vocabulary"]["tokens"]["after"] <= facts["trim_vocabulary"]["tokens"]["before"]
    assert facts["trim_vocabulary"]["changed"]["test"]["unknown_after"] <= 0.1 * 24 * 8
    assert manifest["backend"] == "onnx"
    beside = made / "children" / "pytorch"
    assert not (beside / "certificate.json").exists()
    assert (_manifest(beside)["status"], _manifest(beside)["backend"]) == ("finished", "pytorch")
    assert "not judged" in _manifest(beside)["verdict"]["sentence"]
    lines = [json.loads(line) for line in (made / "log.jsonl").read_text().splitlines()]
    assert any({"task", "soft", "relations"} <= line.get("terms", {}).keys() for line in lines)
    (tmp_path / "in.txt").write_text("Anna Petrov joined Nordwind\n")
    code, out, told = command("predict", tmp_path / "in.txt", "-r", made)
    assert code == 0, told
    assert json.loads(out.splitlines()[0])["text"].startswith("Anna")
    _certified_without_texts(made, command)


def _certified_without_texts(made: Path, command: Command) -> None:
    """The certificate can be repeated, on rows of random tokens: what is kept of the real ones is their lengths."""
    from lmfit.compression.reference import read_reference
    from lmfit.inference.load import load_predictor
    from lmfit.runs import Run
    from lmfit.tasks.base import Stats

    predictor, config = load_predictor(Run(made)), load_run_config(Run(made)).config
    test = list(load_splits(config.data, "words").test or ())
    real = [row for one in predictor.task.encode(test, predictor.framer, Stats()) for row in one.rows]
    kept = read_reference(made / "reference.npz").flat
    assert [len(row) for row in kept] == [len(row) for row in real]
    same = [
        np.mean(a.tokens["input_ids"][1:-1] == b.tokens["input_ids"][1:-1]) for a, b in zip(kept, real, strict=True)
    ]
    assert np.mean(same) < 0.2
    assert '"text"' not in (made / "predictions" / "test.parent.jsonl").read_text()
    code, out, told = command("evaluate", made, "--certify")
    assert code == 0, told
    assert "rows of random tokens" in out
    certificate = json.loads((made / "certificate.json").read_text())
    again, before = certificate["repeated"][0]["parity"], certificate["parity_of_drawn_rows"]
    assert again["mean_logit_difference"] == pytest.approx(before["mean_logit_difference"], rel=1e-3)
    assert again["label_agreement"] == before["label_agreement"] != certificate["parity"]["label_agreement"]
    assert certificate["repeated"][0]["metric"]["difference"] == certificate["metric"]["difference"]


def test_layers_go_and_unlabelled_texts_help(trained: Any, command: Command, tmp_path: Path) -> None:
    parent, made, texts = trained("token-classification"), tmp_path / "shallow", tmp_path / "texts.txt"
    texts.write_text("Anna Petrov met Kofi Mensah in Oslo\n\nNordwind is in Lisbon\n")
    asked = ["--set", "compression.prune={layers: 1}", "--set", f"compression.distill={{text: ['{texts}']}}"]
    code, _, told = command("compress", parent.path, *asked, *FEW, "-o", made)
    assert code == 0, told
    assert "2 texts without labels beside 96 labelled ones" in told
    facts = _manifest(made)["compression"]
    assert len(facts["prune"]["layers_gone"]) == 1
    assert (facts["distill"]["layers"], facts["distill"]["rows"]) == (1, 98)
    config = json.loads((made / "model" / "config.json").read_text())
    assert config["num_hidden_layers"] == 1
    for words, complaint in (
        (["compression.prune={layers: 2}"], "2 layers shall stay, and there are 2"),
        (["compression.prune={layers: 1}", "compression.distill={text: [none.txt]}"], "none.txt"),
        (["compression.prune={sparsity: 0.5, scores: movement}"], "add compression.joint={}"),
        (["compression.prune={layers: 1}", "compression.joint={}"], "keeps all layers"),
    ):
        sets = [part for word in words for part in ("--set", word)]
        code, _, told = command("compress", parent.path, *sets, "-o", tmp_path / "no")
        assert code == 2, told
        assert complaint in told


def test_targets_out_of_reach_are_said(trained: Any, command: Command, tmp_path: Path) -> None:
    parent = trained("text-classification")
    for asked, told in (
        (["--prune", 1.5], "above 0, below 1"),
        (["--set", "compression.prune={latency_ratio: 1000}"], "cannot be reached by pruning: at most"),
        (["--set", "compression.prune={size: 1 KB}"], "cannot be reached"),
        (["--prune", 0.9999], "a sparsity of 0.9999 cannot be reached"),
        (["--set", "compression.prune={size: 1 MB, sparsity: 0.5}"], "one target"),
        (["--set", "compression.distill={}"], "would be the teacher itself"),
        (["--distill", 9], "cannot be made of a teacher"),
    ):
        code, _, err = command("compress", parent.path, *asked, "-o", tmp_path / "no")
        assert code == 2, err
        assert told in err


def test_a_student_that_is_nowhere_is_said_before_a_model_is_loaded(
    trained: Any, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmfit.stages.compress.load_predictor", None)
    parent = trained("text-classification").path
    code, _, err = command("compress", parent, "--distill", tmp_path / "absent", "-o", tmp_path / "no")
    assert code == 2
    assert "no such folder" in err
    assert "compression.distill.student" in err
    assert "model.name" not in err


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
        "compression:\n  quantize: int8\n  certify_pytorch: true\n"
        "  prune: {sparsity: 0.5, scores: movement}\n  distill: {alpha: 0.5, hidden: 0.1}\n  joint: {}\n"
        "training: {max_steps: 20, batch_size: 16, learning_rate: 1.0e-3}\n"
    )
    code, _, told = command("compress", parent.path, "--config", tmp_path / "joint.yaml", "-o", made)
    assert code == 0, told
    facts = _manifest(made)["compression"]["joint"]
    assert (facts["cut_at"], facts["rounded_from"], facts["steps"]) == (6, 14, 20)
    assert facts["cost"] <= facts["budget"]
    assert json.loads((made / "children" / "pytorch" / "certificate.json").read_text())["metric"]
    first, second = (
        [
            json.loads(line)["terms"]
            for line in (made / "trainings" / name / "log.jsonl").read_text().splitlines()
            if "terms" in line
        ]
        for name in "12"
    )
    assert {"task", "soft", "hidden", "prune"} <= first[-1].keys()
    assert {"task", "soft", "hidden", "quant"} <= second[-1].keys()
    code, _, told = command("compress", parent.path, "--set", "compression.joint={}", "-o", tmp_path / "no")
    assert code == 2
    assert "needs the section compression.prune" in told


def test_joint_training_goes_on_after_each_cut(
    trained: Any, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmfit.training.trainer import Trainer

    begun: list[tuple[int, int]] = []
    fit = Trainer.fit

    def noting(self: Trainer) -> Any:
        begun.append((self.seed, self.state.total_steps))
        return fit(self)

    monkeypatch.setattr(Trainer, "fit", noting)
    parent, made = trained("text-classification"), tmp_path / "joint"
    joint = "compression.joint={dense: 0.2, ramp: 0.6, cuts: 3}"
    sections = ["compression.prune={sparsity: 0.6}", "compression.distill={}", joint, "training.max_steps=10"]
    asked = [part for section in sections for part in ("--set", section)]
    code, _, told = command("compress", parent.path, *asked, "-o", made)
    assert code == 0, told
    seeds, steps = zip(*begun, strict=True)
    assert steps == (2, 2, 2, 4)
    assert len(set(seeds)) == 4
    assert [f"joint: training {n} of 4, {count} steps" in told for n, count in enumerate(steps, 1)] == [True] * 4
    facts = _manifest(made)["compression"]["joint"]
    assert (facts["cut_at"], facts["layers"][0]["before"], facts["layers"][1]["before"]) == (6, 2, 64)
    assert facts["cost"] <= facts["budget"]
    assert facts["estimated_loss"] > 0
    assert _manifest(made)["timing"]["cut_seconds"] > 0


@pytest.mark.parametrize("joint", [False, True])
def test_interrupted_training_goes_on_as_if_it_had_not(
    joint: bool, trained: Any, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmfit.errors import Interrupted
    from lmfit.training.trainer import Trainer

    parent = trained("text-classification")
    sections = ["compression.prune={sparsity: 0.3}", "compression.distill={hidden: 0.1}", "training.checkpoint_every=3"]
    sections += (
        ["compression.joint={}", "compression.quantize=int8", "training.max_steps=12"]
        if joint
        else ["training.max_steps=8"]
    )
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
    names = ["children/pytorch/model/model.safetensors", "model/model.onnx"] if joint else ["model/model.safetensors"]
    for name in names:
        assert (whole / name).read_bytes() == (cut / name).read_bytes(), name
