"""The run folder: what is in it, what is never in it, and that it can be moved."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from lmfit.config.yaml import dump
from lmfit.runs import Run
from tiny_data import write_jsonl

Config = Callable[..., dict[str, Any]]
Command = Callable[..., tuple[int, str, str]]
SECRET = "hf_sEcReTsEcReTsEcReT"
WORD = "kettlezq"


def files_holding(folder: Path, what: str) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return [str(path.relative_to(folder)) for path in paths if what.encode() in path.read_bytes()]


@pytest.fixture
def private(tiny_config: Config, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A config on texts that all hold one strange word."""

    def make(task: str, texts: bool) -> dict[str, Any]:
        rows: list[dict[str, Any]] = [{"text": f"{WORD} lamp", "label": "a"}, {"text": f"the {WORD}", "label": "b"}]
        path = write_jsonl(tmp_path / "rows.jsonl", rows * 8)
        if task == "token-classification":
            path = tmp_path / "rows.conll"
            path.write_text(f"{WORD} B-X\nbroke O\n\nthe O\n{WORD} B-X\n\u200b{WORD} O\n\n" * 8)
        data = dict.fromkeys(("train", "validation", "test"), str(path))
        return tiny_config(task, data=data, evaluation={"texts": texts}, output=str(tmp_path / "run"))

    return make


@pytest.mark.parametrize("task", ["token-classification", "text-classification"])
def test_texts_stay_out_where_asked(task: str, private: Any, tmp_path: Path, command: Command) -> None:
    run = lmfit.finetune(private(task, False))
    data = private(task, False)["data"]["train"]
    assert command("evaluate", run.path, "--data", data, "--name", "new")[0] == 0
    assert files_holding(run.path, WORD) == []
    row = json.loads((run.path / "predictions/test.jsonl").read_text().splitlines()[0])
    assert "text" not in row
    assert row["origin"].endswith(":1")


def test_texts_are_there_otherwise(private: Any) -> None:
    run = lmfit.finetune(private("text-classification", True))
    assert {"predictions/test.jsonl", "ledger.json"} <= set(files_holding(run.path, WORD))


def test_tokens_are_in_no_file(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("LMFIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", f"http://user:{SECRET}@127.0.0.1:9")
    (tmp_path / "c.yaml").write_text(dump(tiny_config("text-classification", output=str(tmp_path / "run"))))
    _, out, err = command("finetune", tmp_path / "c.yaml", "--json")
    told = "".join(command("doctor")[1:])
    assert files_holding(tmp_path, SECRET) == []
    assert SECRET not in out + err + told


@pytest.fixture
def moved(trained: Callable[[str], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    shutil.copytree(trained("text-classification").path, tmp_path / "elsewhere" / "renamed")
    monkeypatch.chdir(tmp_path)
    return Run(Path("elsewhere/renamed"))


def test_nothing_points_to_the_folder_itself(trained: Callable[[str], Run]) -> None:
    run = trained("text-classification")
    assert files_holding(run.path, str(run.path)) == []


def test_a_moved_run_predicts_and_is_evaluated(
    moved: Run, trained: Callable[[str], Run], command: Command, tiny_data: dict[str, Any]
) -> None:
    texts = ["very bad", "I love it"]
    assert lmfit.load(moved.path).predict(texts) == lmfit.load(trained("text-classification").path).predict(texts)
    assert command("evaluate", moved.path)[0] == 0
    code, _, err = command("evaluate", moved.path, "--data", tiny_data["text-classification"]["test"])
    assert code == 0, err
    assert "test: accuracy" in err


def test_the_manifest_holds_what_is_promised(trained: Callable[[str], Run]) -> None:
    manifest = trained("token-classification").manifest
    promised = {
        "schema",
        "status",
        "stage",
        "task",
        "backend",
        "exactness",
        "seed",
        "device",
        "versions",
        "timing",
        "data",
    }
    assert promised | {"model", "parent"} <= set(manifest)
    assert (manifest["status"], manifest["stage"], manifest["backend"]) == ("finished", "finetune", "pytorch")
    assert set(manifest["timing"]) == {"prepare_seconds", "train_seconds", "evaluate_seconds"}
    assert manifest["timing"]["train_seconds"] > 0


def test_the_metrics_hold_intervals_and_baselines(trained: Callable[[str], Run]) -> None:
    metrics = trained("token-classification").metrics
    f1 = metrics["test"]["f1"]
    assert f1["low"] <= f1["value"] <= f1["high"]
    assert (f1["better"], f1["n"] > 0) == ("higher", True)
    assert all("f1" in by_split["test"] for by_split in metrics["baseline"].values())


def test_the_log_has_a_line_per_logging_step(trained: Callable[[str], Run]) -> None:
    lines = [json.loads(line) for line in (trained("token-classification").path / "log.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if "loss" in line]
    assert steps == list(range(5, 61, 5))
    assert lines[0]["learning_rate"] > 0
    assert all(set(line["time"]) == {"at", "tokens_per_second"} for line in lines if "loss" in line)


def test_only_safetensors_hold_weights(trained: Callable[[str], Run]) -> None:
    files = [path for path in trained("token-classification").path.rglob("*") if path.is_file()]
    suffixes = {path.suffix for path in files if path.name != "hashes.npy"}
    assert suffixes <= {".json", ".jsonl", ".yaml", ".safetensors", ".html", ".md", ""}


def test_a_failed_run_says_why_and_can_be_resumed(
    tiny_config: Config, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yaml").write_text(dump(tiny_config("text-classification", output=str(tmp_path / "run"))))
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device", "model.safetensors")

        patch.setattr("lmfit.stages.finetune.save_model", full)
        code, _, err = command("finetune", tmp_path / "c.yaml")
    run = Run(tmp_path / "run")
    assert code == 1
    assert "No space left on device" in err
    assert (run.status, "No space" in run.manifest["error"]) == ("failed", True)
    assert command("resume", run.path)[0] == 0
    assert (run.status, run.manifest["error"]) == ("finished", None)
