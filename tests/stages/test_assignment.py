"""splits.json: which rows went where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmfit
from lmfit.config.load import load_config
from lmfit.stages import assignment
from lmfit.stages.prepare import prepare
from tiny_data import write_jsonl

Config = Callable[..., dict[str, Any]]


def rows(path: Path, count: int) -> Path:
    names = ("a", "a", "b")
    return write_jsonl(
        path, [{"text": f"text {i}", "label": names[i % 3], "day": f"2020-01-{i:02}"} for i in range(1, count)]
    )


def test_every_row_is_in_one_split(tiny_config: Config, tmp_path: Path) -> None:
    data = {
        "train": str(rows(tmp_path / "a.jsonl", 31)),
        "validation": {"split": 0.2, "by": "stratified"},
        "test": {"split": 0.1, "by": "date", "key": "day"},
    }
    run = lmfit.finetune(tiny_config("text-classification", data=data, output=str(tmp_path / "run")))
    told = json.loads((run.path / "splits.json").read_text())
    places = [place for name in ("train", "validation", "test") for place in told[name]["examples"]]
    assert sorted(places) == sorted(f"{tmp_path}/a.jsonl:{line}" for line in range(1, 31))
    assert list(told["test"]["examples"]) == [f"{tmp_path}/a.jsonl:{line}" for line in (28, 29, 30)]
    assert told["test"]["rule"] == {"split": 0.1, "by": "date", "key": "day", "date_format": "auto"}
    assert told["train"]["rule"] is None
    assert told["train"]["rows"] == len(told["train"]["examples"])


def test_of_huge_splits_the_rule_alone_is_told(tiny_config: Config, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(assignment, "MOST_LISTED", 10)
    data = {"train": str(rows(tmp_path / "a.jsonl", 31)), "validation": {"split": 0.2}, "test": None}
    prepared = prepare(load_config("finetune", tiny_config("text-classification", data=data)).config)
    told = assignment.assignment(prepared)
    assert told["train"]["examples"] is None
    assert told["validation"]["rows"] == len(told["validation"]["examples"])
    assert told["split_seed"] == 0
