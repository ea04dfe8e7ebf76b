"""Runs made of several: seeds and folds, interrupted and resumed, and what they say."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

import lmfit
from lmfit.config.yaml import dump
from lmfit.runs import Run
from lmfit.training.trainer import StepResult, Trainer

Config = Callable[..., dict[str, Any]]
Command = Callable[..., tuple[int, str, str]]
TRAINING = {"max_steps": 12, "batch_size": 16, "learning_rate": 3e-3, "evaluate_every": 4}
SEEDS = [3, 1, 2]


def children(run: Run) -> dict[str, Run]:
    return {path.name: Run(path) for path in sorted((run.path / "children").iterdir())}


def values(run: Run, split: str, metric: str) -> list[float]:
    return [child.metrics[split][metric]["value"] for child in children(run).values()]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module", params=["token-classification", "text-classification"])
def seeded(request: Any, tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = tiny_config(request.param, training=TRAINING, output=str(tmp_path_factory.mktemp("seeds") / "run"))
    return lmfit.finetune(config, seeds=SEEDS)


class TestSeeds:
    def test_children_are_ordinary_runs(self, seeded: Run, tmp_path: Path) -> None:
        assert list(children(seeded)) == ["seed-1", "seed-2", "seed-3"]
        child = children(seeded)["seed-2"]
        assert (child.status, child.manifest["seed"]) == ("finished", 2)
        again = lmfit.finetune(child.config, output=tmp_path / "again")
        assert again.metrics == child.metrics

    def test_metrics_are_means_with_both_spreads(self, seeded: Run) -> None:
        for metric, entry in seeded.metrics["test"].items():
            found = [child.metrics["test"][metric] for child in children(seeded).values()]
            if entry.get("note", "").startswith("of seed-"):
                continue
            if any(one["value"] is None for one in found) or entry["value"] is None:
                assert entry["value"] is None
                continue
            each = [one["value"] for one in found]
            assert entry["value"] == pytest.approx(fmean(each))
            assert entry["spread"]["sd"] == pytest.approx(stdev(each))
            assert (entry["spread"]["min"], entry["spread"]["max"]) == (min(each), max(each))
            assert entry["spread"]["n_seeds"] == 3
            if entry["low"] is not None:
                assert entry["low"] <= entry["spread"]["rows_low"]
                assert entry["spread"]["rows_high"] <= entry["high"]

    def test_the_model_is_that_of_the_best_child(self, seeded: Run) -> None:
        metric = seeded.manifest["headline"]["metric"]
        best = children(seeded)[seeded.manifest["several"]["chosen"]]
        assert best.metrics["validation"][metric]["value"] == max(values(seeded, "validation", metric))
        weights = "model/model.safetensors"
        assert (seeded.path / weights).read_bytes() == (best.path / weights).read_bytes()
        assert rows(seeded.predictions("test")) == rows(best.predictions("test"))
        assert seeded.manifest["several"]["chosen_by"] == metric
        assert lmfit.load(seeded.path).predict(["the lamp broke"])

    def test_details_are_those_of_the_best_child(self, tiny_config: Config, tmp_path: Path) -> None:
        evaluation = {"slices": ["length"], "costs": {"order": {"praise": 3.0}}, "robustness": ["typos"]}
        config = tiny_config("text-classification", evaluation=evaluation, output=str(tmp_path / "run"))
        run = lmfit.finetune(config, seeds=[1, 2])
        best = children(run)[run.manifest["several"]["chosen"]]
        tables = [json.loads((one.path / "tables.json").read_text()) for one in (run, best)]
        assert tables[0] == tables[1]
        assert (run.path / "slices.json").read_bytes() == (best.path / "slices.json").read_bytes()
        cost = run.metrics["test"]["cost"]
        assert cost == best.metrics["test"]["cost"] | {"note": f"of {best.path.name} alone, whose model is kept"}
        page = (run.path / "report.html").read_text()
        assert all(f'<section id="{name}">' in page for name in ("calibration", "costs", "slices", "robustness"))

    def test_baselines_equal_those_of_a_child(self, seeded: Run) -> None:
        def plain(run: Run) -> Any:
            return {name: split["test"] for name, split in run.metrics["baseline"].items()}

        mine, child = plain(seeded), plain(children(seeded)["seed-1"])
        assert {n: {m: e["value"] for m, e in split.items()} for n, split in mine.items()} == {
            n: {m: e["value"] for m, e in split.items()} for n, split in child.items()
        }

    def test_the_report_shows_the_children(self, seeded: Run) -> None:
        page = (seeded.path / "report.html").read_text(encoding="utf-8")
        assert 'id="several"' in page
        assert all(name in page for name in children(seeded))
        assert "mean of 3 seeds" in page
        assert "Seed variation was not measured" not in page

    def test_one_seed_says_that_seeds_were_not_measured(self, seeded: Run) -> None:
        child = children(seeded)["seed-1"]
        assert "Seed variation was not measured" in (child.path / "report.html").read_text(encoding="utf-8")

    def test_data_is_tokenised_once(self, tiny_config: Config, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setenv("LMFIT_CACHE", str(tmp_path / "cache"))
        lmfit.finetune(tiny_config("text-classification", output=str(tmp_path / "run")), seeds=[1, 2])
        entries = [path for path in (tmp_path / "cache" / "rows").iterdir() if not path.name.startswith("audit-")]
        assert len(entries) == 3

    def test_without_validation_the_first_is_taken(self, tiny_config: Config, tmp_path: Path) -> None:
        config = tiny_config("text-classification", data={"validation": None}, output=str(tmp_path / "run"))
        run = lmfit.finetune(config, seeds=[5, 4])
        assert run.manifest["several"]["chosen"] == "seed-5"
        assert run.manifest["several"]["chosen_by"] is None

    def test_without_any_gold_nothing_is_claimed(self, tiny_config: Config, tmp_path: Path) -> None:
        data = {"validation": None, "test": None}
        config = tiny_config("text-classification", data=data, output=str(tmp_path / "run"))
        run = lmfit.finetune(config, seeds=[5, 4])
        assert run.metrics == {"baseline": {}}
        assert (run.model / "model.safetensors").is_file()


@pytest.fixture(scope="module", params=["token-classification", "text-classification"])
def folded(request: Any, tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = str(tmp_path_factory.mktemp("folds") / "run")
    config = tiny_config(request.param, training=TRAINING, data={"validation": {"folds": 3}}, output=output)
    return lmfit.finetune(config)


class TestFolds:
    def test_every_row_is_predicted_once_by_a_model_that_did_not_see_it(self, folded: Run) -> None:
        pooled = rows(folded.predictions("validation"))
        assert len(pooled) == folded.manifest["data"]["train"]["rows"]
        lines = [int(row["origin"].rpartition(":")[2]) for row in pooled]
        assert lines == sorted(lines)
        for number in (1, 2, 3):
            child = children(folded)[f"fold-{number}"]
            mine = [{k: v for k, v in row.items() if k != "fold"} for row in pooled if row["fold"] == number]
            assert mine == rows(child.predictions("validation"))
            train = child.manifest["data"]["train"]["rows"]
            assert train + len(mine) == len(pooled)

    def test_metrics_pool_the_folds_and_tell_their_spread(self, folded: Run) -> None:
        metric = folded.manifest["headline"]["metric"]
        folds = [child for name, child in children(folded).items() if name != "all"]
        each = [child.metrics["validation"][metric]["value"] for child in folds]
        entry = folded.metrics["validation"][metric]
        assert entry["spread"]["sd"] == pytest.approx(stdev(each))
        assert min(each) <= entry["value"] <= max(each)
        assert entry["n"] == sum(child.metrics["validation"][metric]["n"] for child in folds)
        assert entry["low"] < entry["value"] < entry["high"]

    def test_slices_of_all_folds_and_of_the_model_kept(self, tiny_config: Config, tmp_path: Path) -> None:
        data, evaluation = {"validation": {"folds": 2}}, {"slices": ["label"], "robustness": ["typos"]}
        config = tiny_config("text-classification", data=data, evaluation=evaluation, output=str(tmp_path / "run"))
        run = lmfit.finetune(config)
        held = json.loads((run.path / "slices.json").read_text())
        assert {split: sum(row["n"] for row in one["slices"]) for split, one in held.items()} == {
            "validation": run.manifest["data"]["train"]["rows"],
            "test": 24,
        }
        assert "robustness" in json.loads((run.path / "tables.json").read_text())["test"]
        assert "robustness" not in json.loads((children(run)["fold-1"].path / "tables.json").read_text())["test"]

    def test_the_model_has_seen_all_rows_for_the_mean_of_the_best_epochs(self, folded: Run) -> None:
        whole = children(folded)["all"]
        assert whole.manifest["data"]["train"]["rows"] == folded.manifest["data"]["train"]["rows"]
        weights = "model/model.safetensors"
        assert (folded.path / weights).read_bytes() == (whole.path / weights).read_bytes()
        assert folded.metrics["test"].keys() == whole.metrics["test"].keys()
        best = []
        for name, child in children(folded).items():
            steps_per_epoch = -(-child.manifest["data"]["train"]["rows"] // TRAINING["batch_size"])
            best += [child.manifest["best_step"] / steps_per_epoch] if name != "all" else []
        epochs = whole.manifest["steps"] / -(-whole.manifest["data"]["train"]["rows"] // TRAINING["batch_size"])
        assert epochs == pytest.approx(fmean(best), abs=0.1)

    def test_baselines_are_cross_validated_too(self, folded: Run) -> None:
        for name, splits in folded.metrics["baseline"].items():
            metric = "token.accuracy" if "token.accuracy" in splits["validation"] else "accuracy"
            folds = [child for fold, child in children(folded).items() if fold != "all"]
            parts = [fold.metrics["baseline"][name]["validation"][metric] for fold in folds]
            mean = sum(p["value"] * p["n"] for p in parts) / sum(p["n"] for p in parts)
            assert splits["validation"][metric]["value"] == pytest.approx(mean)

    def test_tuned_thresholds_come_from_all_folds(self, tiny_config: Config, tmp_path: Path) -> None:
        from tiny_data import topic_rows, write_jsonl

        texts = [{"text": text, "label": [label, "any"]} for text, label in topic_rows(60, 1)]
        data = {"train": str(write_jsonl(tmp_path / "m.jsonl", texts)), "validation": {"folds": 2}, "test": None}
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "run"))
        run = lmfit.finetune(config | {"data": data}, task={"name": "text-classification", "thresholds": "tuned"})
        assert lmfit.load(run.path).task.thresholds != [0.5] * 4  # type: ignore[attr-defined]


def interrupt_at(steps: int, number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Send a signal after so many steps in all; the list grows by each step."""
    work, done = Trainer.step, []

    def counted(self: Trainer, step: int) -> StepResult:
        result = work(self, step)
        done.append(step)
        if len(done) == steps:
            os.kill(os.getpid(), number)
        return result

    monkeypatch.setattr(Trainer, "step", counted)
    return done


class TestInterrupted:
    def test_seeds_go_on_with_the_child_that_was_interrupted(
        self, seeded: Run, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = seeded.config.read_text().replace("output: null", f"output: {tmp_path / 'run'}")
        (tmp_path / "same.yaml").write_text(text)
        done = interrupt_at(17, signal.SIGTERM, monkeypatch)
        code, out, err = command("finetune", tmp_path / "same.yaml")
        run = Run(tmp_path / "run")
        assert (code, out) == (143, "")
        assert f"lmfit resume {run.path}\n" in err
        assert {name: child.status for name, child in children(run).items()} == {
            "seed-1": "interrupted",
            "seed-3": "finished",
        }
        assert run.status == "interrupted"
        assert command("resume", run.path)[0] == 0
        assert len(done) == 36
        assert run.metrics == seeded.metrics
        assert (run.model / "model.safetensors").read_bytes() == (seeded.model / "model.safetensors").read_bytes()

    def test_folds_go_on_too(
        self, tiny_config: Config, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        output = str(tmp_path / "run")
        config = tiny_config("text-classification", data={"validation": {"folds": 2}}, training=TRAINING, output=output)
        (tmp_path / "folds.yaml").write_text(dump(config))
        interrupt_at(20, signal.SIGINT, monkeypatch)
        assert command("finetune", tmp_path / "folds.yaml")[0] == 130
        assert command("resume", output)[0] == 0
        assert {child.status for child in children(Run(Path(output))).values()} == {"finished"}

    def test_a_kill_while_summing_up_loses_nothing(self, seeded: Run, tmp_path: Path, command: Command) -> None:
        shutil.copytree(seeded.path, tmp_path / "run")
        run = Run(tmp_path / "run")
        run.record(status="running")
        (run.path / "metrics.json").unlink()
        shutil.rmtree(run.model)
        assert command("resume", run.path)[0] == 0
        assert run.metrics == seeded.metrics

    def test_a_child_can_be_resumed_by_itself(
        self, tiny_config: Config, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "run"))
        (tmp_path / "seeds.yaml").write_text(dump(config))
        interrupt_at(3, signal.SIGTERM, monkeypatch)
        command("finetune", tmp_path / "seeds.yaml", "--seeds", "1,2")
        child = Run(tmp_path / "run/children/seed-1")
        assert command("resume", child.path)[0] == 0
        assert (child.status, Run(tmp_path / "run").status) == ("finished", "interrupted")
        assert command("resume", tmp_path / "run")[0] == 0


class TestWords:
    def test_the_command_says_mean_and_spread(self, tiny_config: Config, tmp_path: Path, command: Command) -> None:
        (tmp_path / "t.yaml").write_text(dump(tiny_config("text-classification", seed=7, output=str(tmp_path / "run"))))
        require = ["--require", "test.accuracy.low>=1.1"]
        code, out, err = command(
            "finetune", tmp_path / "t.yaml", "--seeds", "1,2", *require, "--note", "a", "--tag", "b"
        )
        assert code == 3
        assert "mean of 2 seeds" in out
        assert "model/ is that of seed" in out
        assert len(out.splitlines()) <= 8
        assert "seed 1 (1 of 2)" in err
        run = Run(tmp_path / "run")
        assert (run.manifest["note"], run.manifest["tags"], run.manifest["seeds"]) == ("a", ["b"], [1, 2])
        assert run.manifest["seed"] is None

    def test_json_holds_the_spread(self, tiny_config: Config, tmp_path: Path, command: Command) -> None:
        (tmp_path / "t.yaml").write_text(dump(tiny_config("text-classification", output=str(tmp_path / "run"))))
        _, out, _ = command("finetune", tmp_path / "t.yaml", "--seeds", "1,2", "--json")
        assert json.loads(out)["metrics"]["test"]["accuracy"]["spread"]["n_seeds"] == 2

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--seeds", "1"], "at least two seeds"),
            (["--seeds", "1,1"], "at least two seeds"),
            (["--seeds", "1,x"], "seeds"),
            (["--seeds", "1,2", "--seed", "3"], "exclude each other"),
            (["seeds=[1,2]"], "seed and seeds exclude each other"),
            (["--seeds", "1,2", "data.validation={folds: 3}"], "cannot be combined"),
            (["data.validation={folds: 1}"], "at least 2"),
            (["data.validation={folds: 3, by: group}"], "needs key"),
            (["data.validation={folds: 3, fold: 4}"], "does not exist"),
            (["data.validation={folds: 90}"], "take fewer folds"),
        ],
    )
    def test_mistakes(self, words: list[str], said: str, tiny_config: Config, tmp_path: Path, command: Command) -> None:
        (tmp_path / "t.yaml").write_text(dump(tiny_config("text-classification", seed=7, output=str(tmp_path / "run"))))
        code, out, err = command("finetune", tmp_path / "t.yaml", *words)
        assert (code, out) == (2, ""), err
        assert said in err
        assert not (tmp_path / "run").exists()
