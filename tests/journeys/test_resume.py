"""A run that was interrupted equals the one that was not: weights to the bit, log line by line."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from interruptions import TRAINING, killed, outcome
from lmfit.config.yaml import dump
from lmfit.errors import InputError
from lmfit.outputs import choose_output
from lmfit.runs import Run
from lmfit.training.trainer import StepResult, Trainer
from tiny_data import write_jsonl

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", params=["token-classification", "text-classification"])
def straight(request: Any, tiny_config: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("straight")
    return lmfit.finetune(tiny_config(request.param, training=TRAINING, output=str(folder / "run")))


@pytest.fixture
def config(straight: Run, tmp_path: Path) -> Path:
    """The config of the straight run with another output."""
    text = straight.config.read_text().replace("output: null", f"output: {tmp_path / 'run'}")
    (tmp_path / "same.yaml").write_text(text)
    return tmp_path / "same.yaml"


@pytest.mark.parametrize("step", [1, 5, 6, 8, 12])
def test_after_a_signal(
    step: int, straight: Run, config: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Trainer.step

    def interrupted(self: Trainer, number: int) -> StepResult:
        result = work(self, number)
        if number + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(Trainer, "step", interrupted)
    code, out, err = command("finetune", config)
    run = Run(config.parent / "run")
    assert (code, out) == (143, "")
    assert f"lmfit resume {run.path}" in err
    assert run.status == "interrupted"
    monkeypatch.setattr(Trainer, "step", work)
    assert command("resume", run.path)[0] == 0
    assert outcome(run) == outcome(straight)


@pytest.mark.parametrize("kept", [[4], [4, 8], []])
def test_after_a_kill(kept: list[int], straight: Run, tmp_path: Path, command: Command) -> None:
    run = killed(straight, tmp_path / "moved", kept)
    assert run.status == "interrupted"
    code, _, _ = command("resume", run.path)
    assert code == 0
    assert outcome(run) == outcome(straight)
    assert run.status == "finished"


def test_from_another_folder(
    tiny_config: Callable[..., Any], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    config = tiny_config("text-classification", training=TRAINING, output="run")
    config["data"] = {name: os.path.relpath(file) for name, file in config["data"].items()}
    straight = lmfit.finetune(config)
    run = killed(straight, tmp_path / "home" / "moved", [4])
    monkeypatch.chdir(tmp_path)
    code, _, err = command("resume", Path("home") / "moved")
    assert code == 0, err
    assert f"paths are relative to {tmp_path / 'home'}, where the run began" in err
    assert Path.cwd() == tmp_path
    assert outcome(run) == outcome(Run(tmp_path / "home" / "run"))


@pytest.mark.parametrize("ema", [None, 0.5])
def test_numbers_in_units_of_their_own(
    ema: float | None, tiny_config: Callable[..., Any], tmp_path: Path, command: Command
) -> None:
    rows = [{"text": f"the lamp {'is' * (i % 3)}", "label": 20_000 + 10_000 * (i % 3)} for i in range(24)]
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))
    config = tiny_config(
        "text-classification",
        task={"problem": "regression"},
        data={"train": path, "validation": path, "test": path},
        training={**TRAINING, "ema": ema},
        output=str(tmp_path / "straight"),
    )
    whole = lmfit.finetune(config)
    run = killed(whole, tmp_path / "moved", [4])
    assert command("resume", run.path)[0] == 0
    assert outcome(run) == outcome(whole)


def test_a_damaged_checkpoint_is_passed_over(straight: Run, tmp_path: Path, command: Command) -> None:
    run = killed(straight, tmp_path / "moved", [4, 8])
    with open(run.path / "checkpoints/step-00000008/model.safetensors", "r+b") as file:
        file.seek(-10, 2)
        file.write(b"\0" * 10)
    code, _, err = command("resume", run.path)
    assert code == 0
    assert "step-00000008 is damaged" in err
    assert outcome(run) == outcome(straight)


def test_changed_data_is_refused(straight: Run, tmp_path: Path, command: Command) -> None:
    run = killed(straight, tmp_path / "moved", [4])
    facts = run.manifest["data"]
    facts["train"]["sha256"] = "0" * 64
    run.record(data=facts)
    code, _, err = command("resume", run.path)
    assert code == 2
    assert "the train data has changed since the run began" in err


def test_a_finished_run_is_told_again(straight: Run, command: Command) -> None:
    before = outcome(straight)
    code, out, err = command("resume", straight.path)
    assert code == 0
    assert "finished already" in err
    assert "report:" in out
    assert outcome(straight) == before


def test_resume_without_a_name_takes_the_newest_interrupted_run(
    straight: Run, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMFIT_RUNS", str(tmp_path / "runs"))
    old, new = (killed(straight, tmp_path / "runs" / name, [8]) for name in ("new", "old"))
    busy = killed(straight, tmp_path / "runs" / "busy", [8])
    for created, run in enumerate((old, new, busy)):
        run.record(created=created)
    with busy.locked():
        code, _, err = command("resume")
    assert code == 0
    assert f"run: {new.path}" in err
    assert [old.status, new.status] == ["interrupted", "finished"]


def test_a_run_folder_in_use_is_refused(straight: Run, tmp_path: Path, command: Command) -> None:
    run = killed(straight, tmp_path / "moved", [8])
    with run.locked():
        assert run.status == "running"
        code, _, err = command("resume", run.path)
        for overwrite in (False, True):
            with pytest.raises(InputError, match="is taken: another process") as refused:
                choose_output(str(run.path), "x", overwrite=overwrite)
            assert refused.value.problems[0].fix == "wait for its end, or give another name with --output"
        told = command("finetune", straight.config, f"output={run.path}", "--overwrite")
    assert code == told[0] == 2
    assert "another process works in this run folder" in err
    assert "another process works in this run folder" in told[2]


def test_the_resolved_config_repeats_the_run(
    straight: Run, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("finetune", straight.config)[0] == 0
    assert outcome(Run(Path("runs/run"))) == outcome(straight)


def test_the_python_face_equals_the_command(straight: Run, tmp_path: Path) -> None:
    run = lmfit.finetune(straight.config, output=tmp_path / "api", training__max_steps=12, device="cpu")
    assert outcome(run) == outcome(straight)


def test_another_seed_is_another_run(straight: Run, tmp_path: Path, command: Command) -> None:
    command("finetune", straight.config, "-o", tmp_path / "other", "--seed", 99)
    assert outcome(Run(tmp_path / "other"))["weights"] != outcome(straight)["weights"]


def test_early_stopping_ends_the_run_with_its_best_weights(
    tiny_config: Callable[..., Any], tmp_path: Path, command: Command
) -> None:
    training = {"max_steps": 40, "evaluate_every": 1, "learning_rate": 1e-9, "early_stopping": {"patience": 3}}
    config = tiny_config("token-classification", training=training, output=str(tmp_path / "run"))
    (tmp_path / "stop.yaml").write_text(dump(config))
    code, out, _ = command("finetune", tmp_path / "stop.yaml")
    run = Run(tmp_path / "run")
    assert code == 0
    assert run.manifest["steps"] < 40
    assert "stopped early: no gain in f1 over 3 evaluations" in out
    assert run.manifest["best_step"] < run.manifest["steps"]
