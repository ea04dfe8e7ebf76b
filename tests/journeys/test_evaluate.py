"""lmfit evaluate as a user meets it: new files, slices, operating points, costs, calibration, looks."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from lmfit.runs import Run
from tiny_data import topic_rows

Command = Callable[..., tuple[int, str, str]]
Config = Callable[..., dict[str, Any]]
STILL = {"max_steps": 1, "learning_rate": 1e-9}


def noisy(path: Path, rows: int, seed: int) -> Path:
    """Requests by topic with a channel; every seventh label is wrong, so that calibration has something to do."""
    found = topic_rows(rows, seed)
    labels = [found[(i + 1) % rows][1] if i % 7 == 0 else label for i, (_, label) in enumerate(found)]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "channel"])
        writer.writerows(
            [text, label, ["web", "mail"][i % 2]]
            for i, ((text, _), label) in enumerate(zip(found, labels, strict=True))
        )
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("noisy")
    sizes = {"train": (210, 1), "validation": (210, 2), "test": (210, 3)}
    return {split: str(noisy(folder / f"{split}.csv", *size)) for split, size in sizes.items()}


@pytest.fixture(scope="module")
def done(
    tiny_config: Config,
    trained: Callable[[str], Run],
    files: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """A model that has learnt the topics and is sure of them, and data of which every seventh label is wrong."""
    evaluation = {
        "slices": ["channel", "length"],
        "operating_points": [{"label": "order", "false_alarm_rate": 0.1}],
        "costs": {"complaint": {"praise": 5.0}},
    }
    output = str(tmp_path_factory.mktemp("runs") / "noisy")
    model = {"name": str(trained("text-classification").path)}
    made = {"data": files, "model": model, "training": STILL, "evaluation": evaluation, "output": output}
    return lmfit.finetune(tiny_config("text-classification", **made))


@pytest.fixture
def run(done: Run, tmp_path: Path) -> Run:
    shutil.copytree(done.path, tmp_path / "runs" / "noisy")
    return Run(tmp_path / "runs" / "noisy")


def test_a_run_tells_calibration_slices_operating_points_and_costs(done: Run) -> None:
    test = done.metrics["test"]
    names = {"ece", "brier", "cost", "cost.cheapest", "per_class.order.recall@0.1"}
    assert names <= set(test)
    assert all(test[name]["low"] <= test[name]["value"] <= test[name]["high"] for name in names)
    assert done.metrics["baseline"]["tfidf"]["test"]["cost"]["n"] == 210
    slices = json.loads((done.path / "slices.json").read_text())["test"]
    by_channel = {row["value"]: row["n"] for row in slices["slices"] if row["by"] == "channel"}
    assert by_channel == {"web": 105, "mail": 105}
    page = (done.path / "report.html").read_text()
    assert all(f'<section id="{name}">' in page for name in ("calibration", "operating", "costs", "slices"))


def test_the_temperature_is_in_the_weights_so_every_loader_agrees(done: Run, tiny_config: Config) -> None:
    from transformers import pipeline

    fitted = done.manifest["calibration"]
    assert fitted["temperature"] is not None, fitted
    assert json.loads((done.model / "config.json").read_text())["lmfit"]["calibration"] == fitted
    (row,) = lmfit.load(done.path).predict(["the order never came"])
    theirs = pipeline("text-classification", str(done.model), device="cpu", top_k=None)(["the order never came"])[0]
    assert row.scores == pytest.approx({one["label"]: one["score"] for one in theirs}, abs=1e-5)
    assert fitted["nll_after"] < fitted["nll_before"]


def test_answers_are_the_same_without_calibration(done: Run, tiny_config: Config, tmp_path: Path) -> None:
    config = done.path / "config.yaml"
    plain = lmfit.finetune(config, evaluation__calibration="none", output=str(tmp_path / "plain"))
    assert plain.manifest["calibration"]["temperature"] is None

    def labels(run: Run) -> list[str]:
        return [json.loads(line)["label"] for line in (run.path / "predictions/test.jsonl").read_text().splitlines()]

    assert labels(plain) == labels(done)
    assert plain.metrics["test"]["accuracy"] == done.metrics["test"]["accuracy"]


def test_evaluations_stand_side_by_side(run: Run, files: dict[str, str], command: Command) -> None:
    for name in ("march", "april"):
        code, _, err = command("evaluate", run.path, "--data", files["test"], "--name", name)
        assert code == 0, err
    assert "looked at 2 times by 1 run" in err
    found = json.loads(command("evaluate", run.path, "--json")[1])
    assert list(found) == ["validation", "test", "april", "march"]
    for name in ("accuracy", "cost"):
        assert found["march"][name] == found["test"][name]
    for name in ("ece", "brier", "per_class.order.recall@0.1"):
        assert found["march"][name]["value"] == pytest.approx(found["test"][name]["value"], abs=0.02), name
    page = (run.path / "report.html").read_text()
    assert 'href="evaluations/march/report.html"' in page
    own = (run.path / "evaluations/march/report.html").read_text()
    assert "noisy · march" in own
    assert command("evaluate", run.path, "--require", "march.accuracy>=0.99")[0] == 3


def test_a_taken_name_is_refused_or_moved(run: Run, files: dict[str, str], command: Command) -> None:
    words = ("evaluate", run.path, "--data", files["test"], "--name", "march")
    assert command(*words)[0] == 0
    before = (run.path / "evaluations/march/evaluation.json").read_text()
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert "--name" in err
    assert "--overwrite" in err
    assert (run.path / "evaluations/march/evaluation.json").read_text() == before
    assert command(*words, "--overwrite")[0] == 0
    assert (run.path / "evaluations/march.old-1/evaluation.json").read_text() == before


def test_without_a_name_names_are_counted_up(run: Run, files: dict[str, str], command: Command) -> None:
    for _ in range(2):
        assert command("evaluate", run.path, "--data", files["test"])[0] == 0
    assert sorted(os.listdir(run.path / "evaluations")) == ["test", "test-2"]
    assert list(json.loads(command("evaluate", run.path, "--json")[1])) == ["validation", "test", "test-file", "test-2"]


def test_a_file_that_fails_leaves_nothing(run: Run, tmp_path: Path, command: Command) -> None:
    (tmp_path / "bad.csv").write_text("text,label\nthe lamp,praise\nlamp,\n")
    code, _, err = command("evaluate", run.path, "--data", tmp_path / "bad.csv", "--name", "bad")
    assert code == 2
    assert "bad.csv:3" in err
    assert not (run.path / "evaluations/bad").exists()


def test_an_empty_file_is_told_of_the_option(run: Run, tmp_path: Path, command: Command) -> None:
    (tmp_path / "e.txt").touch()
    code, _, err = command("evaluate", run.path, "--data", tmp_path / "e.txt")
    assert code == 2
    assert "at: --data\n" in err
    assert "data.train" not in err


def test_slices_on_request(run: Run, files: dict[str, str], command: Command) -> None:
    words = (
        "evaluate",
        run.path,
        "--data",
        files["test"],
        "--name",
        "m",
        "--slice-by",
        "language",
        "--slice-by",
        "source",
    )
    assert command(*words)[0] == 0
    found = json.loads((run.path / "evaluations/m/slices.json").read_text())["m"]
    assert [(row["by"], row["value"]) for row in found["slices"][-2:]] == [
        ("language", "Latin"),
        ("source", "test.csv"),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--slice-by", "chanel"], "did you mean `channel`"),
        (["--set", "evaluation.operating_points=[{label: oder, false_alarm_rate: 0.1}]"], "did you mean `order`"),
        (["--set", "evaluation.costs={order: {prais: 3}}"], "did you mean `praise`"),
        (["--set", "evaluation.operating_points=[{label: order, false_alarm_rate: 2}]"], "above 0, below 1"),
        (["--set", "training.epochs=3"], "how to read a file"),
    ],
)
def test_mistakes_are_told(words: list[str], told: str, run: Run, files: dict[str, str], command: Command) -> None:
    code, _, err = command("evaluate", run.path, "--data", files["test"], *words)
    assert code == 2
    assert told in err


@pytest.mark.parametrize(
    ("task", "evaluation", "told"),
    [
        ("text-classification", {"slices": ["chanel"]}, "no column `chanel`"),
        ("token-classification", {"costs": {"PER": {"LOC": 2.0}}}, "has no effect"),
        ("text-classification", {"costs": {"order": {"x": 2.0}}}, "no label `x`"),
    ],
)
def test_a_config_is_checked_before_training(
    task: str, evaluation: dict[str, Any], told: str, tiny_config: Config, tmp_path: Path
) -> None:
    from lmfit.errors import LmfitError

    with pytest.raises(LmfitError, match=told):
        lmfit.finetune(tiny_config(task, evaluation=evaluation, output=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def test_words_are_calibrated_too(trained: Callable[[str], Run]) -> None:
    done = trained("token-classification")
    assert 0 <= done.metrics["test"]["ece"]["value"] <= 1
    words = sum(len(row["text"].split()) for row in map(json.loads, (done.path / "predictions/test.jsonl").open()))
    assert done.metrics["test"]["ece"]["n"] == words


def test_a_second_run_is_told_that_the_test_rows_were_seen(
    tiny_config: Config, tmp_path: Path, command: Command, files: dict[str, str]
) -> None:
    for name in ("one", "two"):
        made = tiny_config("text-classification", data=files, output=str(tmp_path / name))
        (tmp_path / f"{name}.yaml").write_text(json.dumps(made))
        code, out, err = command("finetune", tmp_path / f"{name}.yaml")
        assert code == 0, err
    assert "the test rows were looked at 2 times by 2 runs; choose models on validation" in out
    assert "looked at 2 times" in (tmp_path / "two/report.html").read_text()


def test_a_file_that_the_run_was_trained_on_is_told(tiny_config: Any, tmp_path: Path, command: Any) -> None:
    config = tiny_config("text-classification", training={"max_steps": 2}, output=str(tmp_path / "run"))
    run = lmfit.finetune(config)
    code, _, err = command("evaluate", run.path, "--data", config["data"]["train"], "--name", "own")
    assert code == 0
    assert "96 of 96 rows are texts that the run was trained on" in err
    assert "96 of 96 rows are texts" in (run.path / "evaluations/own/report.html").read_text()
