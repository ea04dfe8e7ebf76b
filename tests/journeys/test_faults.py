"""The matrix of injected faults: what survives, what the user reads, and the exit code.

fault                                   exit  what survives
the disk fills up while training        1     the last checkpoint; resume goes on, identical
too little room for the checkpoints     1     nothing has begun
a file where the folder should be       2     nothing has begun
a read-only folder                      2     nothing has begun
a folder that becomes read-only         1     the last checkpoint; resume goes on, identical
a data file vanishes, or changes        2     the last checkpoint; resume once it is back
a loss that is no number, stop          1     the last checkpoint; the batch, named by file and line
a loss that is no number, skip          0     the run; the step taught nothing
SIGINT, SIGTERM while training          130/143  this step
a second SIGINT                         130   the last checkpoint
SIGTERM while scoring                   143   all training
a clock that jumps                      0     all
too little memory (test_memory.py)      0     all; micro-batches are halved, exactness: rounding
a second process on the folder          2     the first one's work
a checkpoint damaged, or half-written   0     the one before it
a kill between the two renames          -     the old checkpoint
a kill in scores, model/, report        -     all training: nothing is trained again
"""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import lmfit
from interruptions import TRAINING, Killed, killed, outcome
from lmfit.config.yaml import dump
from lmfit.runs import Run
from lmfit.stages import finetune
from lmfit.training import budget
from lmfit.training.trainer import StepResult, Trainer

Command = Callable[..., tuple[int, str, str]]
MIB = 2**20


@pytest.fixture(scope="module")
def made(tiny_config: Callable[..., Any]) -> dict[str, Any]:
    config: dict[str, Any] = tiny_config("text-classification", training=TRAINING)
    return config


@pytest.fixture(scope="module")
def straight(made: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that nothing happened to."""
    return lmfit.finetune(made, output=tmp_path_factory.mktemp("straight") / "run")


@pytest.fixture
def config(made: dict[str, Any], tmp_path: Path) -> Path:
    (tmp_path / "c.yaml").write_text(dump(made))
    return tmp_path / "c.yaml"


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], None]:
    """`during(5, act)`: act while step 5 is done, once."""

    def prepare(number: int, act: Callable[[], object]) -> None:
        work, acts = Trainer.step, iter([act])

        def step(self: Trainer, at: int) -> StepResult:
            if at + 1 == number and (do := next(acts, None)):
                do()
            return work(self, at)

        monkeypatch.setattr(Trainer, "step", step)

    return prepare


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small_disk(n)`: an empty file system of n bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: int) -> Path:
        options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
        if subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
            pytest.skip("a small file system cannot be mounted here")
        return folder

    yield mount
    subprocess.run(["umount", folder], check=False, capture_output=True)


def goes_on(command: Command, run: Run, straight: Run, *words: object) -> str:
    """Resume the run; it must come out as if nothing had happened. Returns what was said."""
    code, _, err = command("resume", run.path, *words)
    assert code == 0, err
    assert outcome(run) == outcome(straight)
    assert run.status == "finished"
    return err


def test_the_disk_fills_up(
    config: Path, straight: Run, command: Command, during: Any, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(16 * MIB)
    filler = disk / "filler"

    def fill() -> None:
        with suppress(OSError), open(filler, "wb") as file:
            while True:
                file.write(b"\0" * 4096)
                file.flush()

    during(7, fill)
    code, _, err = command("finetune", config, "-o", disk / "run")
    assert code == 1
    assert "the disk refuses what the run writes: No space left on device" in err
    assert f"hint: make room, then: lmfit resume {disk / 'run'}" in err
    assert not list((disk / "run/checkpoints").glob(".writing-*"))
    filler.unlink()
    assert "resuming from step 4" in goes_on(command, Run(disk / "run"), straight)


def test_a_file_grows_too_large(config: Path, straight: Run, command: Command, during: Any, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    during(7, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (32_000, before[1])))
    try:
        code, _, err = command("finetune", config, "-o", tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    run = Run(tmp_path / "run")
    assert code == 1
    assert "the disk refuses what the run writes: File too large" in err
    assert run.status == "failed"
    goes_on(command, run, straight)


def test_too_little_room_is_told_beforehand(
    config: Path, command: Command, during: Any, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(MIB)
    during(1, lambda: pytest.fail("training has begun"))
    code, _, err = command("finetune", config, "-o", disk / "run")
    assert code == 1
    assert "the disk has no room for the checkpoints: 3 x " in err
    assert "keep fewer (training.keep=1)" in err


def test_the_size_of_checkpoints_is_told(config: Path, command: Command, tmp_path: Path) -> None:
    _, _, err = command("finetune", config, "-o", tmp_path / "run")
    line = next(line for line in err.splitlines() if line.startswith("checkpoints: "))
    told = float(line.removeprefix("checkpoints: 3 x ").split()[0])
    size = sum(path.stat().st_size for path in (tmp_path / "run/checkpoints/step-00000012").iterdir())
    assert told == pytest.approx(size / 1e6, rel=0.15)


def test_a_file_stands_where_the_folder_should_be(config: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    code, _, err = command("finetune", config, "-o", tmp_path / "file" / "run")
    assert code == 2
    assert str(tmp_path / "file") in err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_read_only_folder(config: Path, command: Command, during: Any, small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(16 * MIB)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    during(1, lambda: pytest.fail("training has begun"))
    code, _, err = command("finetune", config, "-o", disk / "run")
    assert code == 2
    assert "Read-only file system" in err
    assert str(disk) in err


def test_a_folder_that_becomes_read_only(
    config: Path, straight: Run, command: Command, during: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run")

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(run.path))

    with monkeypatch.context() as patch:
        during(7, lambda: patch.setattr(os, "fsync", refuse))
        code, _, err = command("finetune", config, "-o", run.path)
    assert code == 1
    assert "the disk refuses what the run writes: Read-only file system" in err
    assert run.status != "finished"
    assert "resuming from step 4" in goes_on(command, run, straight)


@pytest.mark.parametrize("fault", ["gone", "changed"])
def test_a_data_file_is_not_what_it_was(
    fault: str, made: dict[str, Any], straight: Run, config: Path, command: Command, during: Any, tmp_path: Path
) -> None:
    train, run = tmp_path / "train.csv", Run(tmp_path / "run")
    shutil.copy(made["data"]["train"], train)
    during(6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert command("finetune", config, f"data.train={train}", "-o", run.path)[0] == 143
    whole = train.read_bytes()
    train.write_bytes(whole.replace(b"kettle", b"teapot"))
    if fault == "gone":
        train.unlink()
    code, _, err = command("resume", run.path)
    assert code == 2
    assert str(train) in err
    assert ("there is no file" if fault == "gone" else "the train data has changed since the run began") in err
    train.write_bytes(whole)
    goes_on(command, run, straight)


@pytest.fixture
def nan_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`nan_at(5)`: the loss of step 5 is no number."""

    def prepare(*numbers: int) -> None:
        work = Trainer.forward_backward

        def spoilt(self: Trainer, *arguments: Any) -> float:
            loss = work(self, *arguments)
            return float("nan") if self.state.step + 1 in numbers else loss

        monkeypatch.setattr(Trainer, "forward_backward", spoilt)

    return prepare


def test_a_loss_that_is_no_number_stops(config: Path, command: Command, nan_at: Any, tmp_path: Path) -> None:
    nan_at(6)
    code, _, err = command("finetune", config, "-o", tmp_path / "run")
    run, kept = Run(tmp_path / "run"), tmp_path / "run/offending/step-00000006.jsonl"
    assert code == 1
    assert "step 6: the loss is not a number" in err
    assert f"at: {kept}" in err
    assert f"lmfit resume {run.path} --set training.on_nan=skip" in err
    assert run.status == "failed"
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert len(rows) == 8
    for row in rows:
        file, _, line = row["origin"].rpartition(":")
        written = Path(file).read_text().splitlines()[int(line) - 1]
        assert row["text"] in written.replace('"', "")
        assert row["gold"] == written.rpartition(",")[2]
        assert row["loss"] > 0
    code, _, err = command("resume", run.path, "--set", "training.on_nan=skip")
    assert code == 0
    assert "nothing was learnt from it" in err


def losses(log: Path) -> list[float]:
    return [line["loss"] for line in map(json.loads, log.read_text().splitlines()) if "loss" in line]


def test_a_loss_that_is_no_number_is_skipped(
    config: Path, command: Command, nan_at: Any, tmp_path: Path, straight: Run
) -> None:
    nan_at(6)
    words = ("training.on_nan=skip", "evaluation.texts=false", "training.log_every=1")
    code, _, err = command("finetune", config, *words, "-o", tmp_path / "run")
    run = Run(tmp_path / "run")
    assert code == 0, err
    assert "1 of 12 steps taught nothing" in run.manifest["warnings"][-1]
    log = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if line.get("skipped")] == [6]
    assert [line["step"] for line in log if line.get("loss", 0) is None] == [6]
    assert "NaN" not in (run.path / "log.jsonl").read_text()
    assert "text" not in json.loads((run.path / "offending/step-00000006.jsonl").read_text().splitlines()[0])
    assert losses(run.path / "log.jsonl")[-1] != losses(straight.path / "log.jsonl")[-1]


def test_a_loss_that_exploded_for_good_stops_in_any_case(config: Path, command: Command, tmp_path: Path) -> None:
    words = ("training.on_nan=skip", "training.learning_rate=1.0e30", "training.max_steps=40", "training.warmup=0.0")
    code, _, err = command("finetune", config, *words, "-o", tmp_path / "run")
    assert code == 1
    assert "for 10 steps in a row" in err
    assert "lower training.learning_rate" in err


@pytest.fixture
def hears_interrupts() -> Iterator[None]:
    """SIGINT as a program in a terminal has it; a test worker ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_interrupts")
@pytest.mark.parametrize(
    ("signals", "code", "told"),
    [
        ([signal.SIGINT], 130, "interrupted; the state is saved"),
        ([signal.SIGTERM], 143, "interrupted; the state is saved"),
        ([signal.SIGTERM, 0, signal.SIGTERM], 143, "interrupted; the state is saved"),
        ([signal.SIGINT, 1.1, signal.SIGINT], 130, "interrupted at once; what the last checkpoint holds is safe"),
        ([signal.SIGINT, 1.1, signal.SIGTERM], 143, "interrupted at once; what the last checkpoint holds is safe"),
    ],
)
def test_signals_while_training(
    signals: list[float],
    code: int,
    told: str,
    config: Path,
    straight: Run,
    command: Command,
    during: Any,
    tmp_path: Path,
) -> None:
    def send() -> None:
        for number in signals:
            if isinstance(number, signal.Signals):
                signal.raise_signal(number)  # to this thread: another one's would wait for the sleep
            else:
                time.sleep(number)

    during(6, send)
    found, out, err = command("finetune", config, "-o", tmp_path / "run")
    run = Run(tmp_path / "run")
    assert (found, out) == (code, "")
    assert told in err
    assert f"lmfit resume {run.path}" in err
    assert run.status == "interrupted"
    goes_on(command, run, straight)


def fails_to_train(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Trainer, number: int) -> StepResult:
        raise AssertionError("trained again")

    monkeypatch.setattr(Trainer, "step", step)


def test_a_signal_while_scoring(
    config: Path, straight: Run, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(finetune, "score_run", lambda *given: os.kill(os.getpid(), signal.SIGTERM))
        code, _, err = command("finetune", config, "-o", tmp_path / "run")
    run = Run(tmp_path / "run")
    assert code == 143
    assert f"hint: go on with: lmfit resume {run.path}" in err
    assert run.status == "interrupted"
    fails_to_train(monkeypatch)
    goes_on(command, run, straight)


@pytest.mark.parametrize("place", ["score_run", "save_model", "record_result", "write_report"])
def test_a_kill_after_training(
    place: str, config: Path, straight: Run, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*given: Any, **more: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(finetune, place, die)
        with pytest.raises(Killed):
            command("finetune", config, "-o", tmp_path / "run")
    run = Run(tmp_path / "run")
    run.record(status="running")
    assert run.status == "interrupted"
    fails_to_train(monkeypatch)
    goes_on(command, run, straight)
    assert (run.path / "report.html").is_file()


def test_the_clock_jumps(
    config: Path, straight: Run, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    for place in ("lmfit.runs.time", "lmfit.stages.ending.time", "time.time"):
        monkeypatch.setattr(place, lambda: 1e9 - 1e5 * next(ticks))
    monkeypatch.setattr(budget, "TIMED_STEPS", 2)
    code, _, err = command("finetune", config, "-o", tmp_path / "run")
    assert code == 0, err
    assert outcome(Run(tmp_path / "run")) == outcome(straight)
    code, _, err = command("finetune", config, "training={budget: 1s, batch_size: 8}", "-o", tmp_path / "timed")
    assert code == 0, err
    assert Run(tmp_path / "timed").manifest["timing"]["train_seconds"] < 10


def test_a_second_process_is_refused(config: Path, straight: Run, command: Command, tmp_path: Path) -> None:
    run = killed(straight, tmp_path / "run", [4])
    with run.locked():
        for words in (("resume", run.path), ("finetune", config, "-o", run.path, "--overwrite")):
            code, _, err = command(*words)
            assert code == 2
            assert "another process works in this run folder" in err
    goes_on(command, run, straight)


@pytest.mark.parametrize("fault", ["damaged", "half-written"])
def test_the_newest_checkpoint_is_of_no_use(fault: str, straight: Run, command: Command, tmp_path: Path) -> None:
    run = killed(straight, tmp_path / "run", [4, 8])
    newest = run.path / "checkpoints/step-00000008"
    with open(newest / "optimizer.safetensors", "r+b") as file:
        file.truncate(100)
    if fault == "half-written":
        newest.rename(newest.with_name(f".writing-{newest.name}"))
    err = goes_on(command, run, straight)
    assert f"checkpoint {newest.name} " in err
    assert ("is damaged or incomplete" in err) if fault == "damaged" else ("was not written to its end" in err)
    assert "resuming from step 4 of 12" in err


def test_best_weights_of_a_step_that_was_lost_do_not_push_out_those_before(
    straight: Run, command: Command, tmp_path: Path
) -> None:
    """The newest checkpoint is lost together with its evaluations; the one before still finds its best weights."""
    run = killed(straight, tmp_path / "run", [4])
    assert json.loads((run.path / "checkpoints/step-00000004/state.json").read_text())["state"]["best_step"] == 3
    assert (run.path / "checkpoints/best-00000003").is_dir()
    goes_on(command, run, straight)
