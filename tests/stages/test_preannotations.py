"""Predictions that annotation tools import, and everything that predict writes read back as training data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.example import Example
from lmfit.data.sources import load_splits
from lmfit.runs import Run
from tiny_data import write_jsonl

Command = Callable[..., tuple[int, str, str]]

SENTENCES = ["Anna Petrov joined Nordwind .", "😀 It came from Oslo.", "No."]
REQUESTS = ["I love it", "very bad", "where is my order"]


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    rows = {"token-classification": SENTENCES, "text-classification": REQUESTS}
    return {
        task: write_jsonl(tmp_path / f"{task}.jsonl", [{"id": f"n{i}", "text": text} for i, text in enumerate(given)])
        for task, given in rows.items()
    }


def predicted(command: Command, run: Run, source: Path, *options: str) -> str:
    code, out, err = command("predict", source, "--run", run.path, *options)
    assert code == 0, err
    return out


def load(path: str, kind: Any, **keys: Any) -> list[Example]:
    return list(load_splits(DataConfig(train=path, **keys), kind).train)


def as_annotated(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Label Studio exports once each prediction has been accepted as it is."""
    return [{"data": t["data"], "id": i, "annotations": t["predictions"]} for i, t in enumerate(tasks, start=1)]


def test_label_studio_regions(trained: Callable[[str], Run], texts: dict[str, Path], command: Command) -> None:
    run = trained("token-classification")
    source = texts["token-classification"]
    plain = [json.loads(line) for line in predicted(command, run, source).splitlines()]
    tasks = json.loads(predicted(command, run, source, "--as", "label-studio"))
    assert [task["data"] for task in tasks] == [{"id": f"n{i}", "text": text} for i, text in enumerate(SENTENCES)]
    for row, task in zip(plain, tasks, strict=True):
        (told,) = task["predictions"]
        assert told["model_version"] == run.path.name
        assert [(r["value"]["start"], r["value"]["labels"], r["from_name"], r["to_name"]) for r in told["result"]] == [
            (e["start"], [e["label"]], "label", "text") for e in row["entities"]
        ]
    Path("export.json").write_text(json.dumps(as_annotated(tasks)))
    assert load("export.json", "words")[0].tags == ["B-PER", "I-PER", "O", "B-ORG", "O"]


def test_label_studio_choices(trained: Callable[[str], Run], texts: dict[str, Path], command: Command) -> None:
    source = texts["text-classification"]
    code, out, err = command("predict", source, "-r", trained("text-classification").path, "--as", "label-studio")
    assert code == 0
    assert '<Choices name="label" toName="text" choice="single"><Choice value="complaint"/>' in err
    Path("export.json").write_text(json.dumps(as_annotated(json.loads(out))))
    assert [e.label for e in load("export.json", "text")] == [("praise",), ("complaint",), ("order",)]


def test_doccano(trained: Callable[[str], Run], texts: dict[str, Path], command: Command) -> None:
    out = predicted(command, trained("token-classification"), texts["token-classification"], "--as", "doccano")
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[1] == {"id": "n1", "text": SENTENCES[1], "label": [[15, 19, "LOC"]]}
    Path("export.jsonl").write_text(out)
    assert load("export.jsonl", "words", format="doccano")[1].tags == ["O", "O", "O", "O", "B-LOC", "O"]
    out = predicted(command, trained("text-classification"), texts["text-classification"], "--as", "doccano")
    assert [json.loads(line)["label"] for line in out.splitlines()] == [["praise"], ["complaint"], ["order"]]


def test_an_unannotated_file_says_why_it_holds_nothing(
    trained: Callable[[str], Run], texts: dict[str, Path], command: Command
) -> None:
    run = trained("token-classification")
    Path("tasks.json").write_text(predicted(command, run, texts["token-classification"], "--as", "label-studio"))
    Path("c.yaml").write_text("task: token-classification\ndata: {train: tasks.json}\n")
    code, _, err = command("check", "c.yaml")
    assert code == 2
    assert "tasks without an annotation, or skipped by the annotator, left out: 3" in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--as", "labelstudio"], "unknown tool `labelstudio`"),
        (["--as", "doccano", "--format", "csv"], "--as decides the format"),
    ],
)
def test_options_that_cannot_be(
    trained: Callable[[str], Run], texts: dict[str, Path], command: Command, options: list[str], told: str
) -> None:
    code, _, err = command("predict", texts["text-classification"], "-r", trained("text-classification").path, *options)
    assert code == 2
    assert told in err


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_what_predict_writes_can_be_trained_on(
    trained: Callable[[str], Run], texts: dict[str, Path], command: Command, name: str
) -> None:
    predicted(command, trained("text-classification"), texts["text-classification"], "-o", name)
    assert [(e.id, e.text, e.label) for e in load(name, "text")] == [
        ("n0", REQUESTS[0], "praise"),
        ("n1", REQUESTS[1], "complaint"),
        ("n2", REQUESTS[2], "order"),
    ]
    predicted(command, trained("token-classification"), texts["token-classification"], "-o", name)
    tags = [["B-PER", "I-PER", "O", "B-ORG", "O"], ["O", "O", "O", "O", "B-LOC", "O"], ["O", "O"]]
    assert [e.tags for e in load(name, "words")] == tags


def test_gold_labels_come_before_predictions(
    trained: Callable[[str], Run], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("text,label\nI love it,gold\n")
    predicted(command, trained("text-classification"), Path("in.csv"), "-o", "out.csv")
    assert "I love it,gold,praise," in Path("out.csv").read_text()
    assert [e.label for e in load("out.csv", "text")] == ["gold"]
