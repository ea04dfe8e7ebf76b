import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.errors import ConfigError, InputError
from lmfit.overview import annotate, run_rows, run_table
from lmfit.runs import Run

Command = Callable[..., tuple[int, str, str]]
LEARNING = "training: {epochs: 3, learning_rate: 1.0e-05, early_stopping: null}\ndata: {train: a.csv}\n"


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three runs, the second one with two children."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LMFIT_RUNS", raising=False)
    made("ner", 0.8, created=1, task="token-classification", seed=3, tags=["base", "v1"])
    made("several", 0.9, created=2, task="text-classification", seeds=[1, 2])
    made("several/children/seed-1", 0.85, created=3, seed=1)
    made("several/children/seed-2", 0.95, created=4, seed=2)
    made("plain", None, created=5)


def made(name: str, f1: float | None, **facts: Any) -> Run:
    run = Run(Path("runs") / name)
    run.path.mkdir(parents=True)
    run.record(**{"status": "finished", "stage": "finetune", "model": {"name": "minilm-l6"}, **facts})
    (run.path / "config.yaml").write_text(LEARNING)
    if f1 is not None:
        run.record(headline={"split": "test", "metric": "f1"})
        entry = {"value": f1, "low": None, "high": None, "n": 3, "better": "higher"}
        (run.path / "metrics.json").write_text(json.dumps({"test": {"f1": entry, "token.accuracy": entry}}))
    return run


def names(**options: Any) -> list[str]:
    return [row["name"] for row in run_rows(**options)]


def test_the_newest_run_stands_first_and_children_are_left_out() -> None:
    assert names() == ["plain", "several", "ner"]


def test_children_stand_behind_their_parent() -> None:
    assert names(children=True) == [
        "plain",
        "several",
        "several/children/seed-1",
        "several/children/seed-2",
        "ner",
    ]
    assert names(children=True, sort="test.f1")[0] == "several/children/seed-2"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("task=token-classification", ["ner"]),
        ("task!=token-classification", ["plain", "several"]),
        ("seed=3", ["ner"]),
        ("seed=3.0", ["ner"]),
        ("seeds=2", ["several"]),
        ("tags=v1", ["ner"]),
        ("tags!=v1", ["plain", "several"]),
        ("model=minilm-l6", ["plain", "several", "ner"]),
        ("model.name!=minilm-l6", []),
        ("test.f1>=0.9", ["several"]),
        ("test.f1.value < 0.9", ["ner"]),
        ("test.token.accuracy<=0.8", ["ner"]),
        ("training.learning_rate=1e-5", ["plain", "several", "ner"]),
        ("training.epochs>3", []),
        ("name=several", ["several"]),
        ("status=finished", ["plain", "several", "ner"]),
    ],
)
def test_conditions(where: str, found: list[str]) -> None:
    assert names(where=[where]) == found


def test_conditions_add_up() -> None:
    assert names(where=["test.f1>0.1", "seed=3"]) == ["ner"]


@pytest.mark.parametrize("where", ["", "seed", "=3", "seed>high", "training.epocs=3", "metric=1"])
def test_conditions_that_cannot_be_read_or_are_about_nothing(where: str) -> None:
    with pytest.raises(ConfigError):
        names(where=[where])


def test_a_key_that_is_there_but_empty_is_no_mistake() -> None:
    assert names(where=["training.early_stopping=3"]) == []


def test_empty_columns_are_left_out() -> None:
    assert any("#base #v1" in line for line in run_table(run_rows()))
    assert not any("#" in line or "seed" in line for line in run_table(run_rows(names=["plain"])))


def test_notes_and_tags_are_written_and_taken_away() -> None:
    annotate(["ner", "plain"], "a note\nof two lines: 好", ["v2", "v2"], [])
    assert [row["tags"] for row in run_rows(names=["ner", "plain"])] == [["v2"], ["base", "v1", "v2"]]
    assert sum("a note of two lines: 好" in line for line in run_table(run_rows())) == 2
    annotate(["ner"], None, [], ["v1"])
    annotate(["ner"], "", [], [])
    assert run_rows(names=["ner"])[0]["tags"] == ["base", "v2"]
    assert run_rows(names=["ner"])[0]["note"] is None


def test_remarks_need_a_run(command: Command) -> None:
    with pytest.raises(InputError, match="need a run"):
        annotate([], "x", [], [])
    with pytest.raises(InputError, match="no tag"):
        annotate(["ner"], None, [], ["absent"])
    assert command("runs", "absent", "--tag", "x")[0] == 2
    code, out, _ = command("runs", "ner", "--tag", "x", "--note", "y")
    assert code == 0
    assert "#x" in out
    assert len(out.splitlines()) == 1


def test_conditions_tell_of_children_that_meet_them(command: Command) -> None:
    annotate(["several/children/seed-2"], None, ["lucky"], [])
    code, out, err = command("runs", "--where", "tags=lucky")
    assert (code, out.strip()) == (0, "no run meets this")
    assert "several/children/seed-2" in err
    assert "--children" in err
    _, out, err = command("runs", "--where", "tags=lucky", "--children")
    assert out.startswith("several/children/seed-2")
    assert err == ""
    assert command("runs", "--where", "tags=base")[2] == ""


def test_a_key_that_only_children_have_is_known(command: Command) -> None:
    Run(Path("runs/several/children/seed-1")).record(fold=2)
    code, _, err = command("runs", "--where", "fold=2")
    assert code == 0
    assert "several/children/seed-1" in err
