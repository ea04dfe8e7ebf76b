"""The command line as users meet it: exit codes, words, what goes to stdout."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.yaml import dump
from lmfit.runs import Run

Command = Callable[..., tuple[int, str, str]]

FIVE_MISTAKES = """\
task: token-clasification
model: minilm-l6
data:
  train: train.conll
  max_length: long
training:
  num_train_epochs: 3
  learning_rate: -1
sead: 4
"""


@pytest.fixture
def config(tiny_config: Callable[..., Any], tmp_path: Path) -> Path:
    """A config file of a tiny run; its output is `run` beside it."""
    made = tiny_config("text-classification", output=str(tmp_path / "run"))
    (tmp_path / "tiny.yaml").write_text(dump(made))
    return tmp_path / "tiny.yaml"


class TestWithoutTorch:
    """In processes of their own: what must be quick imports nothing heavy."""

    def python(self, *words: str, code: int = 0) -> tuple[set[str], float]:
        """Run lmfit; returns the modules that it imported and its CPU seconds."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "lmfit", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == code, done.stderr[-500:]
        return {
            line.rpartition("|")[2].strip() for line in done.stderr.splitlines()
        }, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    @pytest.mark.parametrize(
        "words", [[], ["--help"], ["finetune", "--help"], ["list"], ["list", "metrics"], ["runs"], ["init"]]
    )
    def test_quick_commands(self, words: list[str]) -> None:
        imported, seconds = self.python(*words)
        assert "lmfit.cli" in imported
        heavy = {"torch", "transformers", "sklearn", "scipy", "numpy", "pyarrow", "datasets", "matplotlib", "rich"}
        assert not heavy & imported
        assert seconds < 0.6

    def test_a_config_error_does_not_wait_for_torch(self, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text(FIVE_MISTAKES)
        imported, _ = self.python("finetune", str(tmp_path / "bad.yaml"), code=2)
        assert "lmfit.config.load" in imported
        assert not {"torch", "transformers"} & imported

    def test_the_package_alone_imports_nothing_heavy(self) -> None:
        code = "import lmfit, sys; print(sorted({'torch','numpy','pydantic','yaml','typer'} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"


class TestMistakes:
    def test_five_mistakes_give_five_entries(self, tmp_path: Path, command: Command) -> None:
        (tmp_path / "bad.yaml").write_text(FIVE_MISTAKES)
        code, out, err = command("finetune", tmp_path / "bad.yaml")
        assert (code, out) == (2, "")
        assert err.count("error: ") == 5
        assert [f"bad.yaml:{line}" in err for line in (1, 5, 7, 8, 9)] == [True] * 5
        assert "token-classification" in err
        assert "training.epochs" in err
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        "words",
        [
            ["bogus"],
            ["finetune"],
            ["finetune", "absent.yaml"],
            ["predict", "x", "--run", "absent"],
            ["predict", "--bogus"],
            ["list", "nothing"],
            ["runs", "--sort", "f1"],
            ["runs", "--sort", "test.f7"],
            ["resume", "absent"],
            ["evaluate", "--name", "x"],
            ["init", "nothing"],
            ["check", "absent.yaml", "--json"],
        ],
    )
    def test_mistakes_exit_with_two_and_a_hint(
        self, words: list[str], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        code, out, err = command(*words)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        ("words", "where"),
        [
            (["predict", "x", "--run", "absent"], "--run"),
            (["evaluate", "absent"], "RUN"),
            (["compress", "absent", "--quantize", "int8"], "RUN"),
            (["resume", "absent"], "RUN"),
        ],
    )
    def test_a_missing_run_is_told_where_it_was_named(self, words: list[str], where: str, command: Command) -> None:
        assert f"at: {where}\n" in command(*words)[2]

    def test_a_missing_input_is_named(self, trained: Callable[[str], Run], command: Command) -> None:
        code, _, err = command("predict", "absent.txt", "-r", trained("text-classification").path)
        assert code == 2
        assert "absent.txt" in err

    def test_a_requirement_on_an_unknown_metric_is_refused_before_training(
        self, config: Path, command: Command
    ) -> None:
        code, _, err = command("finetune", config, "--require", "test.f7>=0.5")
        assert code == 2
        assert "f7" in err
        assert not (config.parent / "run").exists()

    def test_an_unknown_device(self, config: Path, command: Command) -> None:
        code, _, err = command("finetune", config, "--device", "gpu")
        assert code == 2
        assert "--device" in err

    def test_a_best_metric_of_another_task_is_refused_before_training(self, config: Path, command: Command) -> None:
        code, _, err = command("finetune", config, "training.best_metric=f1")
        assert code == 2
        assert "best_metric" in err
        assert not (config.parent / "run" / "log.jsonl").exists()

    @pytest.mark.parametrize("length", [8, 9, 10])
    def test_a_length_without_room_is_refused(self, length: int, config: Path, command: Command) -> None:
        code, _, err = command("check", config, f"data.max_length={length}")
        assert code == 2
        assert "data.max_length=11 or more" in err

    def test_a_length_above_the_positions_is_refused(self, config: Path, command: Command) -> None:
        code, _, err = command("check", config, "data.max_length=65")
        assert code == 2
        assert "64 positions" in err

    def test_a_folder_that_cannot_be_written_is_the_users(self, config: Path, command: Command) -> None:
        (config.parent / "file").write_text("")
        code, _, err = command("finetune", config, "-o", config.parent / "file" / "run")
        assert code == 2
        assert "file" in err
        assert "report it" not in err

    def test_a_bug_is_not_hidden_and_debug_shows_where(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lmfit.listing.listing", lambda kind: 1 / 0)
        code, _, err = command("list")
        assert code == 1
        assert "ZeroDivisionError" in err
        assert "Traceback" not in err
        assert "Traceback" in command("list", "--debug")[2]


class TestOutput:
    def test_taken_is_refused_with_three_ways_out(self, config: Path, command: Command) -> None:
        (config.parent / "run").mkdir()
        (config.parent / "run" / "notes.txt").write_text("mine")
        code, _, err = command("finetune", config)
        assert code == 2
        assert all(way in err for way in ("lmfit resume", "--overwrite", "--output"))
        assert os.listdir(config.parent / "run") == ["notes.txt"]

    def test_overwrite_moves_the_old_one(self, config: Path, command: Command) -> None:
        for _ in range(3):
            assert command("finetune", config, "--overwrite")[0] == 0
        assert sorted(p.name for p in config.parent.glob("run*")) == ["run", "run.old-1", "run.old-2"]
        assert Run(config.parent / "run.old-2").status == "finished"

    def test_overwrite_moves_nothing_where_the_data_is_wrong(self, config: Path, command: Command) -> None:
        assert command("finetune", config)[0] == 0
        assert command("finetune", config, "--overwrite", "data.train=absent.csv")[0] == 2
        assert [p.name for p in config.parent.glob("run*")] == ["run"]

    def test_names_are_counted_up_and_latest_points_to_the_newest(
        self, config: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(config.parent)
        for _ in range(2):
            assert command("finetune", config, "output=null")[0] == 0
        assert sorted(p.name for p in Path("runs").glob("[!.]*")) == ["latest", "tiny", "tiny-2"]
        assert os.readlink("runs/latest") == "tiny-2"

    def test_an_output_elsewhere_makes_no_link(self, config: Path, command: Command) -> None:
        assert command("finetune", config)[0] == 0
        assert not (config.parent / "latest").exists()


class TestResults:
    def test_a_finished_run_says_at_most_eight_lines(self, config: Path, command: Command) -> None:
        code, out, err = command("finetune", config)
        assert code == 0
        assert 4 <= len(out.splitlines()) <= 8
        assert "report.html" in out
        assert "lmfit predict" in out
        assert "planned: 2 optimizer steps" in err

    def test_quiet_leaves_warnings(self, config: Path, command: Command) -> None:
        _, _, err = command("finetune", config, "--quiet")
        assert err
        assert all(line.startswith("warning: ") for line in err.splitlines())

    def test_verdict_no_is_three(self, trained: Callable[[str], Run], command: Command) -> None:
        path = trained("text-classification").path
        assert command("evaluate", path, "--require", "test.accuracy>=0.1")[0] == 0
        code, out, err = command("evaluate", path, "--require", "test.accuracy.low>=1.1")
        assert code == 3
        assert "accuracy" in out
        assert "required test.accuracy.low>=1.1, found" in err

    def test_check_trains_and_writes_nothing(self, config: Path, command: Command) -> None:
        code, out, _ = command("check", config)
        assert code == 0
        assert "train: 96 rows" in out
        assert "planned: 2 optimizer steps" in out
        assert not (config.parent / "run").exists()

    def test_runs_are_sorted_by_a_metric(self, config: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LMFIT_RUNS", str(config.parent / "runs"))
        for name, value in (("low", 0.2), ("none", None), ("high", 0.9)):
            folder = config.parent / "runs" / name
            folder.mkdir(parents=True)
            Run(folder).record(status="finished", stage="finetune")
            if value is not None:
                entry = {"value": value, "low": None, "high": None, "n": 3, "better": "higher"}
                (folder / "metrics.json").write_text(json.dumps({"test": {"f1": entry}}))
        (config.parent / "runs" / "low" / "metrics.json.bad").write_text("x")
        (config.parent / "runs" / "none" / "metrics.json").write_text("{damaged")
        _, out, _ = command("runs", "--sort", "test.f1")
        assert [line.split()[0] for line in out.splitlines()] == ["high", "low", "none"]

    def test_the_newest_finished_run_is_taken_and_said(
        self, config: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(config.parent)
        command("finetune", config, "output=null")
        (config.parent / "in.txt").write_text("lamp\n")
        code, out, err = command("predict", "in.txt")
        assert code == 0
        assert len(out.splitlines()) == 1
        assert err.splitlines()[0] == "run: runs/tiny"


class TestJson:
    """One JSON object on stdout and nothing else."""

    def test_of_every_command(self, config: Path, command: Command, trained: Callable[[str], Run]) -> None:
        done = trained("text-classification")
        data = json.loads((done.path / "ledger.json").read_text())["splits"]["test"]["files"][0]
        source = config.parent / "in.txt"
        source.write_text("lamp\n")
        for words in (
            ["finetune", config, "--json"],
            ["resume", done.path, "--json"],
            ["check", config, "--json"],
            ["evaluate", done.path, "--json"],
            ["evaluate", done.path / "model", "--data", data, "--json"],
            ["predict", source, "-r", done.path, "-o", config.parent / "o.csv", "--json"],
            ["list", "--json"],
            ["runs", "--json"],
            ["doctor", "--json"],
        ):
            code, out, err = command(*words)
            assert code == 0, (words, err)
            assert isinstance(json.loads(out), dict), words

    def test_is_refused_where_results_go_to_stdout(self, trained: Callable[[str], Run], command: Command) -> None:
        code, out, err = command("predict", "x", "-r", trained("text-classification").path, "--json")
        assert (code, out) == (2, "")
        assert "--json" in err


class TestEvaluate:
    def test_a_new_file_gives_scores_and_is_kept(
        self, config: Path, command: Command, tiny_data: dict[str, dict[str, Any]]
    ) -> None:
        command("finetune", config)
        run = config.parent / "run"
        data = tiny_data["text-classification"]["test"]
        code, out, _ = command("evaluate", run, "--data", data, "--name", "again", "--json")
        assert code == 0
        found = json.loads(out)["again"]
        assert (
            found["accuracy"]["value"] == json.loads(command("evaluate", run, "--json")[1])["test"]["accuracy"]["value"]
        )
        files = ["evaluation.json", "metrics.json", "predictions.jsonl", "report.html", "tables.json"]
        assert sorted(os.listdir(run / "evaluations" / "again")) == files

    @pytest.mark.parametrize("name", ["../up", ".hidden", "a/b"])
    def test_a_name_stays_in_the_run_folder(self, name: str, trained: Callable[[str], Run], command: Command) -> None:
        code, _, err = command("evaluate", trained("text-classification").path, "--data", "x", "--name", name)
        assert code == 2
        assert "--name" in err


def test_unreachable_hub_answers_soon(tmp_path: Path) -> None:
    """A closed local port stands for the Hub: exit 2, with the offline notice, without waiting for time-outs."""
    (tmp_path / "hub.yaml").write_text("task: text-classification\nmodel: org/none\ndata: sample-intents\n")
    flags = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
    env = {k: v for k, v in os.environ.items() if k not in flags and not k.lower().endswith("proxy")}
    code = "import time,lmfit.hub as h; t=time.time(); print(h.is_offline(), time.time()-t < 4)"
    env |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "True True\n"
    words = [sys.executable, "-m", "lmfit", "check", str(tmp_path / "hub.yaml")]
    told = subprocess.run(words, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert told.returncode == 2
    assert "offline: the Hub cannot be reached" in told.stderr
    assert "error: `org/none`" in told.stderr


def test_the_offline_flag_makes_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from lmfit import hub

    def never(*_: object, **__: object) -> None:
        raise AssertionError("tried to connect")

    monkeypatch.setattr(socket, "create_connection", never)
    hub.is_offline.cache_clear()
    started = time.monotonic()
    assert hub.is_offline()
    assert time.monotonic() - started < 0.1


class TestCheck:
    def test_against_tells_new_labels_overlap_and_drift(
        self, trained: Callable[[str], Run], config: Path, command: Command, tmp_path: Path
    ) -> None:
        path = trained("text-classification").path
        new = tmp_path / "new.csv"
        rows = "".join(f"вот что случилось с лампой {n},complaint\n" for n in range(40)) + "I love it,applause\n" * 9
        new.write_text("text,label\n" + rows)
        code, out, _ = command("check", path / "config.yaml", "--against", path)
        assert code == 0
        assert "train: distinct texts that the run was trained on: " in out
        code, out, _ = command("check", config, f"data.test={new}", "--against", path, "--json")
        told = json.loads(out)["against"]
        kinds = {(one["split"], one["kind"]) for one in told["findings"]}
        assert {("test", "new-labels"), ("test", "drifted-scripts"), ("test", "drifted-labels")} <= kinds
        assert ("train", "trained-on") in kinds

    def test_against_needs_a_run_that_kept_hashes(self, config: Path, command: Command, tmp_path: Path) -> None:
        Run(tmp_path).record(status="finished", stage="finetune")
        code, _, err = command("check", config, "--against", tmp_path)
        assert code == 2
        assert "ledger.json is missing" in err

    def test_label_errors_are_listed_and_written(self, config: Path, command: Command, tmp_path: Path) -> None:
        output = tmp_path / "suspects.csv"
        code, out, err = command("check", config, "--label-errors", "-o", output)
        assert code == 0
        assert "suspected label errors: " in out
        assert f"-> {output}" in err
        assert output.read_text().startswith("file,line,given,likely,margin,word,text\n")
        assert command("check", config, "--label-errors", "-o", output)[0] == 2

    def test_none_found_is_said(self, config: Path, command: Command) -> None:
        code, out, _ = command("check", config, "--label-errors", "data.limit_per_class=2")
        assert code == 0
        assert "suspected label errors: none (0 of " in out
        assert "look at them" not in out

    def test_output_without_label_errors_is_refused(self, config: Path, command: Command, tmp_path: Path) -> None:
        code, _, err = command("check", config, "-o", tmp_path / "x.csv")
        assert code == 2
        assert "--label-errors" in err

    def test_errors_of_the_audit_stop_with_exit_code_two(self, config: Path, command: Command, tmp_path: Path) -> None:
        other = tmp_path / "other.csv"
        other.write_text("text,label\na new text,0\nanother one,1\n")
        code, _, err = command("check", config, f"data.test={other}")
        assert code == 2
        assert "no label is in the training data" in err
        assert f"{other}:2" in err

    def test_warnings_come_with_what_to_do(self, config: Path, command: Command) -> None:
        _, out, _ = command("check", config)
        assert "   hint: " in out
        assert out.splitlines()[-1].startswith("checked: ")
        assert out.splitlines()[-1].endswith(f"next: lmfit finetune {config}")

    def test_lost_hashes_are_told(
        self, trained: Callable[[str], Run], config: Path, command: Command, tmp_path: Path
    ) -> None:
        path = trained("text-classification").path
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("run.json", "ledger.json"):
            (copy / name).write_bytes((path / name).read_bytes())
        for broken in (None, b"no hashes"):
            if broken:
                (copy / "hashes.npy").write_bytes(broken)
            code, _, err = command("check", config, "--against", copy)
            assert code == 2
            assert "keeps no hashes" in err


def test_trimming_keeps_what_a_file_says_of_it(tmp_path: Path) -> None:
    from lmfit.cli.asked import trimming

    config = tmp_path / "c.yaml"
    for text, words in (
        ("compression: {trim_vocabulary: {reserve: 5}}", []),
        ("compression: {quantize: int8}", ["compression.trim_vocabulary={}"]),
        ("seed: 1", ["compression.trim_vocabulary={}"]),
    ):
        config.write_text(text)
        assert trimming(config) == words
    assert trimming(None) == ["compression.trim_vocabulary={}"]
