"""Searches on tiny models: trials, pruning, a kill in the middle, the best config run again."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from lmfit.config.load import load_config
from lmfit.config.yaml import dump
from lmfit.errors import ConfigError, InputError, LmfitError, MissingExtra
from lmfit.runs import Run
from lmfit.stages import finetune, search
from lmfit.training.trainer import StepResult, Trainer

Config = Callable[..., dict[str, Any]]
Command = Callable[..., tuple[int, str, str]]
TRAINING = {"max_steps": 8, "batch_size": 16, "evaluate_every": 2, "checkpoint_every": 2}
SPACE = {
    "training.learning_rate": {"log": [1e-4, 1e-2]},
    "training.batch_size": [8, 16],
    "training.warmup": {"uniform": [0.0, 0.4], "step": 0.1},
}


@pytest.fixture
def config(tiny_config: Config, tmp_path: Path) -> Config:
    def make(**options: Any) -> dict[str, Any]:
        made = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "run"))
        del made["training"]["learning_rate"]
        return made | {"search": {"space": SPACE, "trials": 8, **options}}

    return make


def begin(config: dict[str, Any]) -> Run:
    return search.run(load_config("search", config))


def children(run: Run) -> list[Run]:
    return [Run(path) for path in sorted((run.path / "children").iterdir())]


def facts(run: Run) -> dict[str, Any]:
    """All that must not hang on whether a search was interrupted."""
    found = run.manifest["search"]
    trials = [{name: value for name, value in t.items() if name not in ("seconds", "own")} for t in found["trials"]]
    return {"trials": trials, "best": found["best"]["name"], "importance": found["importance"], "metrics": run.metrics}


class TestJourney:
    def test_best_by_validation_then_one_look_at_the_test_rows(self, config: Config, tmp_path: Path) -> None:
        run = begin(config(trials=5))
        assert [child.path.name for child in children(run)] == [f"trial-{i:04d}" for i in range(5)]
        for child in children(run):
            assert "test" not in child.metrics
            assert not child.predictions("test").exists()
            assert not (child.path / "checkpoints").exists()
            is_best = child.path.name == run.manifest["search"]["best"]["name"]
            assert child.model.exists() == is_best
        found = run.manifest["search"]
        finished = [t for t in found["trials"] if t["state"] == "finished"]
        assert found["best"]["value"] == max(t["value"] for t in finished)
        loser = next(child for child in children(run) if not child.model.exists())
        with pytest.raises(InputError, match=r"keeps no model: a better trial was found: trial-0"):
            lmfit.load(loser.path)
        assert "test" in run.metrics
        assert run.manifest["looks"]["test"]["looks"] == 1
        page = (run.path / "report.html").read_text(encoding="utf-8")
        assert 'id="search"' in page
        assert all(t["name"] in page for t in found["trials"])
        assert lmfit.load(run.path).predict(["the lamp broke"])
        again = lmfit.finetune(run.path / "best.yaml", output=str(tmp_path / "again"))
        best = Run(run.path / "children" / found["best"]["name"])
        name = "model/model.safetensors"
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes() == (best.path / name).read_bytes()
        assert again.metrics["test"] == run.metrics["test"]

    def test_killed_and_resumed_is_the_same_search(
        self, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
    ) -> None:
        options = {"pruner": "median", "sampler": "tpe"}
        straight = begin(config(**options))
        (tmp_path / "s.yaml").write_text(dump(config(**options)))
        steps, step = [0], Trainer.step

        def interrupted(self: Trainer, number: int) -> StepResult:
            steps[0] += 1
            if steps[0] == 43:
                os.kill(os.getpid(), signal.SIGTERM)
            return step(self, number)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "step", interrupted)
            code, _, err = command("search", tmp_path / "s.yaml", "-o", tmp_path / "cut")
        cut = Run(tmp_path / "cut")
        assert (code, cut.status) == (143, "interrupted")
        assert f"lmfit resume {cut.path}" in err
        assert children(cut)[-1].status == "interrupted"
        assert command("resume", cut.path)[0] == 0
        assert facts(cut) == facts(straight)
        assert {t["state"] for t in facts(cut)["trials"]} >= {"finished"}

    def test_a_trial_that_fails_is_left(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        fail_on(monkeypatch, {"trial-0001"})
        run = begin(config(trials=3))
        assert [t["state"] for t in run.manifest["search"]["trials"]] == ["finished", "failed", "finished"]
        assert children(run)[1].status == "failed"

    def test_only_trials_that_cannot_be_trained(
        self, config: Config, monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path
    ) -> None:
        def impossible(run: Run, child: Any, **options: Any) -> Run:
            raise ConfigError("these do not go together")

        monkeypatch.setattr(finetune, "work_child", impossible)
        (tmp_path / "s.yaml").write_text(dump(config(trials=4)))
        code, _, err = command("search", tmp_path / "s.yaml")
        assert code == 1
        assert err.count("cannot be trained: these do not go together") == 4
        assert "no trial was trained to its end" in err

    @pytest.mark.slow
    def test_three_failures_in_a_row_end_it(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        fail_on(monkeypatch, {f"trial-{i:04d}" for i in range(9)})
        with pytest.raises(LmfitError, match="it blew up"):
            begin(config())
        assert len(list(Path(config()["output"]).glob("children/*"))) == 3


def fail_on(monkeypatch: pytest.MonkeyPatch, names: set[str]) -> None:
    work = finetune.work_child

    def failing(run: Run, child: Any, **options: Any) -> Run:
        if child.name in names:
            run.record(status="failed", timing={})
            raise LmfitError("it blew up")
        return work(run, child, **options)

    monkeypatch.setattr(finetune, "work_child", failing)


class TestPruning:
    def test_what_falls_behind_ends_early(self, config: Config) -> None:
        made = config(trials=10, space={"training.learning_rate": {"log": [1e-7, 1e-2]}}, sampler="random")
        run = begin(made)
        pruned = [child for child in children(run) if str(child.manifest["stopped"]).startswith("pruned")]
        assert pruned
        assert all(child.manifest["steps"] < 8 for child in pruned)
        states = {t["name"]: t["state"] for t in run.manifest["search"]["trials"]}
        assert {child.path.name for child in pruned} == {name for name, state in states.items() if state == "pruned"}

    @pytest.mark.slow
    def test_none_prunes_nothing(self, config: Config) -> None:
        run = begin(config(trials=7, pruner="none", space={"training.learning_rate": {"log": [1e-7, 1e-2]}}))
        assert {t["state"] for t in run.manifest["search"]["trials"]} == {"finished"}


class TestRefused:
    def test_all_mistakes_at_once_with_lines(self, config: Config, tmp_path: Path, command: Command) -> None:
        made = config(pruner="medain")
        made["search"] |= {
            "space": {
                "training.learning_rat": {"log": [1e-5, 1e-4]},
                "training.batch_size": [16, -2],
                "training.epochs": [],
                "training.weight_decay": {"uniform": [0.2, 0.1]},
                "task.label_smoothing": {"uniform": [0.0, 1.5]},
                "training.schedule": {"log": [1, 2]},
                "training.keep": {"uniform": [1, 2.5]},
                "data.validation": ["a", "b"],
                "seed": [1, 2],
            }
        }
        (tmp_path / "bad.yaml").write_text(dump(made))
        code, _, err = command("search", tmp_path / "bad.yaml")
        assert code == 2
        expected = [
            "no key `learning_rat`",
            "found the number -2",
            "no value to choose from",
            "the range is empty",
            "below 1), found the number 1.5",
            "takes no numbers",
            "whole numbers only",
            "data.validation cannot be searched",
            "seed cannot be searched",
            "expected median, hyperband or none",
        ]
        assert [text for text in expected if text not in err] == []
        assert len(re.findall(r"bad\.yaml:\d+", err)) == len(expected)
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"data": {"validation": None}}, "validation data, and there is none"),
            ({"seeds": [1, 2]}, "a trial is one run"),
            ({"search": {"metric": "macro_f1"}, "training": {"best_metric": "accuracy"}}, "not by search.metric"),
        ],
    )
    def test_what_cannot_be_compared(self, config: Config, change: dict[str, Any], told: str) -> None:
        made = config()
        for name, value in change.items():
            made[name] = {**made[name], **value} if isinstance(value, dict) else value
        with pytest.raises(ConfigError, match=told):
            begin(made)

    def test_a_value_that_cannot_be_tried(self, config: Config, tmp_path: Path, command: Command) -> None:
        made = config()
        made["search"]["space"] = {"model.name": [made["model"]["name"], "./nowhere"]}
        (tmp_path / "s.yaml").write_text(dump(made))
        code, _, err = command("search", tmp_path / "s.yaml")
        assert code == 2
        assert "model.name=./nowhere cannot be tried" in err
        assert not (tmp_path / "run").exists()
        assert command("check", tmp_path / "s.yaml")[0] == 2

    def test_without_optuna(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "optuna", None)
        with pytest.raises(MissingExtra, match="lmfit search needs an extra") as refused:
            begin(config())
        assert "lmfit-toolkit[search]" in str(refused.value)

    def test_finetune_says_whose_section_it_is(self, config: Config) -> None:
        with pytest.raises(ConfigError, match="lmfit search"):
            load_config("finetune", config())


class TestStorage:
    def test_two_runs_share_one_search(self, config: Config, tmp_path: Path) -> None:
        storage = {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study": "both", "trials": 2}
        first = begin(config(**storage))
        made = config(**storage | {"trials": 4}) | {"output": str(tmp_path / "second")}
        second = begin(made)
        assert [child.path.name for child in children(second)] == ["trial-0002", "trial-0003"]
        assert [t["own"] for t in second.manifest["search"]["trials"]] == [False, False, True, True]
        assert len(first.manifest["search"]["trials"]) == 2

    def test_another_search_of_that_name_is_refused(self, config: Config, tmp_path: Path) -> None:
        storage = {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study": "both", "trials": 1}
        begin(config(**storage))
        made = config(**storage) | {"output": str(tmp_path / "second"), "seed": 99}
        with pytest.raises(ConfigError, match="another search"):
            begin(made)

    def test_a_url_that_is_none(self, config: Config) -> None:
        with pytest.raises(ConfigError, match=r"storage of the trials cannot be used"):
            begin(config(storage="nodb://x"))


def test_budget_ends_the_search(config: Config) -> None:
    run = begin(config(trials=None, budget="1s"))
    assert 1 <= len(run.manifest["search"]["trials"]) < 20


def test_keys_with_a_dot_may_stand_in_search_itself(config: Config) -> None:
    made = config()
    made["search"] = {"training.learning_rate": {"log": [1e-5, 1e-3]}, "trials": 1}
    loaded = load_config("search", made)
    assert list(json.loads(json.dumps(loaded.resolved()["search"]["space"]))) == ["training.learning_rate"]
