"""Searches over pretraining and transfer: the right measure, test rows aside, resumed alike, the best run again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.load import load_config
from lmfit.config.yaml import dump
from lmfit.runs import Run
from lmfit.stages import pretrain, search, transfer
from lmfit.stages.judge import Judge
from lmfit.training.trainer import StepResult, Trainer
from tiny_corpus import pretrain_config, write_corpus

Config = Callable[..., dict[str, Any]]
Command = Callable[..., tuple[int, str, str]]


def begin(config: dict[str, Any]) -> Run:
    return search.run(load_config("search", config))


def trials(run: Run) -> list[Run]:
    return [Run(path) for path in sorted((run.path / "children").glob("trial-*"))]


def states(run: Run) -> list[dict[str, Any]]:
    """All that must not hang on whether a search was interrupted."""
    return [{name: t[name] for name in ("name", "state", "value", "values")} for t in run.manifest["search"]["trials"]]


def killing(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A signal during the step of that number, counted over all trainings."""
    import os
    import signal

    steps, step = [0], Trainer.step

    def interrupted(self: Trainer, number: int) -> StepResult:
        steps[0] += 1
        if steps[0] == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, number)

    monkeypatch.setattr(Trainer, "step", interrupted)


class TestPretraining:
    @pytest.fixture
    def config(self, tmp_path: Path) -> dict[str, Any]:
        corpus = write_corpus(tmp_path / "news.txt", count=40)
        made = pretrain_config(corpus, training={"max_steps": 6, "checkpoint_every": 2})
        space = {"training.learning_rate": {"log": [1e-5, 1e-2]}, "model.layers": [1, 2]}
        return made | {"search": {"space": space, "trials": 3, "pruner": "none"}, "output": str(tmp_path / "run")}

    def test_lowest_held_out_loss_then_one_look_at_the_test_part(
        self, config: dict[str, Any], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = begin(config)
        found = run.manifest["search"]
        assert (found["stage"], found["metric"]) == ("pretrain", "loss")
        assert found["best"]["value"] == min(t["value"] for t in found["trials"])
        assert [child.path.name for child in trials(run) if child.model.exists()] == [found["best"]["name"]]
        for child in trials(run):
            assert "test" not in child.metrics
            assert not child.predictions("test").exists()
        assert "test" in run.metrics
        assert 'id="search"' in (run.path / "report.html").read_text(encoding="utf-8")
        again = pretrain.run(load_config("pretrain", run.path / "best.yaml", [f"output={tmp_path / 'again'}"]))
        name = "model/model.safetensors"
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes()
        assert again.metrics["test"] == run.metrics["test"]
        code, _, err = command("predict", tmp_path / "news.txt", "--run", run.path)
        assert code == 2
        assert "has not learnt a task yet" in err
        (tmp_path / "s.yaml").write_text(dump(config))
        with monkeypatch.context() as patch:
            killing(patch, 9)
            assert command("search", tmp_path / "s.yaml", "-o", tmp_path / "cut")[0] == 143
        code, out, _ = command("resume", tmp_path / "cut")
        assert code == 0
        assert f"lmfit finetune CONFIG model.name={tmp_path / 'cut'}" in out
        cut = Run(tmp_path / "cut")
        assert states(cut) == states(run)
        assert cut.metrics == run.metrics

    @pytest.mark.parametrize(
        ("key", "values", "told"),
        [
            ("pretraining.masking.rate", [0.1, 0.2], "is another measure"),
            ("pretraining.tokenizer.vocabulary", [100, 128], "of pretraining only dropout and batch_ramp can be"),
            ("model.name", ["a", "b"], "is another measure"),
            ("data.held_out", [0.1, 0.2], "trials are scored on the same rows"),
        ],
    )
    def test_what_is_no_common_measure(
        self, key: str, values: list[Any], told: str, config: dict[str, Any], tmp_path: Path, command: Command
    ) -> None:
        config["search"]["space"] = {key: values}
        (tmp_path / "s.yaml").write_text(dump(config))
        code, _, err = command("search", tmp_path / "s.yaml")
        assert code == 2
        assert f"{key} cannot be searched" in err
        assert told in err

    def test_values_that_do_not_go_together_are_passed_over(self, config: dict[str, Any]) -> None:
        space = {"model.width": [30, 32], "model.heads": [2, 4]}
        run = begin(config | {"search": {"space": space, "trials": 5, "sampler": "random"}})
        found = {(t["values"]["model.width"], t["values"]["model.heads"]): t["state"] for t in states(run)}
        assert found.pop((30, 4)) == "failed"
        assert set(found.values()) == {"finished"}

    def test_another_metric(self, config: dict[str, Any], tmp_path: Path, command: Command) -> None:
        config["search"]["metric"] = "masked_accuracy"
        (tmp_path / "s.yaml").write_text(dump(config))
        code, _, err = command("search", tmp_path / "s.yaml")
        assert code == 2
        assert "search.metric=loss" in err


class TestTransfer:
    @pytest.fixture
    def config(self, tiny_config: Config, tiny_data: dict[str, dict[str, Any]], tmp_path: Path) -> dict[str, Any]:
        training = {"max_steps": 4, "batch_size": 16, "learning_rate": 3e-3, "evaluate_every": 2, "checkpoint_every": 2}
        source = {"data": tiny_data["text-classification"], "training": {"max_steps": 4, "learning_rate": 1e-3}}
        made = tiny_config("text-classification", training=training, seeds=[3, 4], output=str(tmp_path / "run"))
        space = {"transfer.training.learning_rate": {"log": [1e-4, 1e-2]}, "transfer.layers": ["all", 1]}
        wanted = {"space": space, "trials": 3, "pruner": "none"}
        return made | {"transfer": {"sources": [source], "sizes": [16, "all"]}, "search": wanted}

    def test_the_target_decides_and_its_test_rows_are_seen_once(
        self,
        config: dict[str, Any],
        tmp_path: Path,
        command: Command,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        looked: list[str] = []
        score = Judge.score

        def watched(self: Judge, predictor: Any, source: Any, **options: Any) -> Any:
            looked.append(source.name)
            return score(self, predictor, source, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Judge, "score", watched)
            run = begin(config)
        assert looked.count("test") == 1
        assert looked[-1] == "test"
        found = run.manifest["search"]
        assert (found["stage"], found["metric"]) == ("transfer", "accuracy")
        assert found["best"]["value"] == max(t["value"] for t in found["trials"])
        names = sorted(path.name for path in (run.path / "children").iterdir())
        marks = {name.rpartition("-")[2] for name in names if name.startswith(("source", "start"))}
        assert len(marks) == 1
        again = transfer.run(load_config("transfer", run.path / "best.yaml", [f"output={tmp_path / 'again'}"]))
        assert "gain" in again.metrics
        name = "model/model.safetensors"
        assert (again.path / "children/seed-3" / name).read_bytes() == (run.path / name).read_bytes()
        (tmp_path / "s.yaml").write_text(dump(config))
        with monkeypatch.context() as patch:
            killing(patch, 11)
            assert command("search", tmp_path / "s.yaml", "-o", tmp_path / "cut")[0] == 143
        code, out, _ = command("resume", tmp_path / "cut")
        assert code == 0
        assert f"lmfit transfer {tmp_path / 'cut' / 'best.yaml'}" in out
        assert states(Run(tmp_path / "cut")) == states(run)
        assert json.dumps(Run(tmp_path / "cut").metrics) == json.dumps(run.metrics)

    def test_all_at_once(self, config: dict[str, Any]) -> None:
        (source,) = config["transfer"]["sources"]
        config["transfer"] = {"sources": [{"data": source["data"]}], "mode": "joint"}
        config["search"] |= {"space": {"training.learning_rate": {"log": [1e-4, 1e-2]}}, "trials": 2}
        run = begin(config)
        assert [child.path.name for child in trials(run)] == ["trial-0000", "trial-0001"]
        assert "test" in run.metrics

    def test_the_control_is_not_searched(self, config: dict[str, Any], tmp_path: Path, command: Command) -> None:
        config["search"]["space"] = {"transfer.sizes": [["all"], [16, "all"]]}
        (tmp_path / "s.yaml").write_text(dump(config))
        code, _, err = command("search", tmp_path / "s.yaml")
        assert code == 2
        assert "`lmfit transfer best.yaml` draws the learning curve" in err
