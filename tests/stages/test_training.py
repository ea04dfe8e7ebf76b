"""More data later: a run whose head meets another set of labels."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import lmfit
from lmfit.config.load import load_config
from lmfit.device import pick_device
from lmfit.errors import ConfigError
from lmfit.inference.load import load_predictor
from lmfit.runs import Run
from lmfit.stages.prepare import Prepared, prepare
from lmfit.stages.training import build_model
from lmfit.tasks.tensors import Tensors, forward, tensors
from tiny_data import topic_rows, write_conll, write_jsonl

Config = Callable[..., dict[str, Any]]
THANKS = ["thank you so much", "thanks a lot , bye", "many thanks for the lamp", "thank you , bye"]


def topics(path: Path, *, without: str = "", thanks: int = 0) -> str:
    rows: list[dict[str, object]] = [{"text": t, "label": label} for t, label in topic_rows(60, 3) if label != without]
    rows += [{"text": THANKS[i % 4], "label": "a thank"} for i in range(thanks)]
    return str(write_jsonl(path, rows))


def prepared(tiny_config: Config, run: Run, train: str, task: str = "text-classification", **model: Any) -> Prepared:
    data = {"train": train, "validation": None, "test": None}
    config = tiny_config(task, data=data, model={"name": str(run.path), **model})
    return prepare(load_config("finetune", config).config)


def logits(model: Any, batch: Tensors) -> torch.Tensor:
    with torch.no_grad():
        return forward(model.eval(), batch)


def compare(ready: Prepared, run: Run) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    """Labels that both know; the logits of these by the run, and by the model that training would start from."""
    old = load_predictor(run, device="cpu")
    new = build_model(ready, pick_device("cpu", "fp32"), resumed=False)
    batch = tensors(ready.task.collate([ready.rows[i] for i in range(8)], ready.framer))
    common = [label for label in ready.task.labels if label in old.task.labels]
    before = logits(old.backend.model, batch)[..., [old.task.labels.index(label) for label in common]]  # type: ignore[attr-defined]
    after = logits(new, batch)[..., [ready.task.labels.index(label) for label in common]]
    assert list(new.config.id2label.values()) == ready.task.labels
    return common, before, after


@pytest.mark.parametrize("init", ["auto", "random"])
def test_known_labels_keep_their_logits(
    init: str, tiny_config: Config, trained: Callable[[str], Run], tmp_path: Path, capsys: Any
) -> None:
    run = trained("text-classification")
    ready = prepared(tiny_config, run, topics(tmp_path / "a.jsonl", thanks=12), head_init=init)
    common, before, after = compare(ready, run)
    assert ready.task.labels == ["a thank", "complaint", "order", "praise"]
    assert common == ["complaint", "order", "praise"]
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    assert "head: 3 labels kept by name, 1 new, 0 dropped" in capsys.readouterr().err


def test_new_rows_start_from_class_means(tiny_config: Config, trained: Callable[[str], Run], tmp_path: Path) -> None:
    losses = {}
    for init in ("class_means", "random"):
        train = topics(tmp_path / "a.jsonl", thanks=12)
        ready = prepared(tiny_config, trained("text-classification"), train, head_init=init)
        model = build_model(ready, pick_device("cpu", "fp32"), resumed=False)
        batch = tensors(ready.task.collate([ready.rows[i] for i in range(len(ready.rows))], ready.framer))
        losses[init] = float(ready.task.loss(logits(model, batch), batch))
    assert losses["class_means"] < 0.9 * losses["random"]


def test_losing_a_label_must_be_said(
    tiny_config: Config, trained: Callable[[str], Run], tmp_path: Path, capsys: Any
) -> None:
    run, train = trained("text-classification"), topics(tmp_path / "a.jsonl", without="order", thanks=4)
    with pytest.raises(ConfigError, match=r"lacks 1 labels that .* knows: order(.|\n)*model.drop_labels=true"):
        prepared(tiny_config, run, train)
    ready = prepared(tiny_config, run, train, drop_labels=True)
    common, before, after = compare(ready, run)
    assert common == ["complaint", "praise"]
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    assert "head: 2 labels kept by name, 1 new, 1 dropped" in capsys.readouterr().err


def test_tags_keep_their_rows_by_name(
    tiny_config: Config, trained: Callable[[str], Run], tmp_path: Path, capsys: Any
) -> None:
    run = trained("token-classification")
    train = write_conll(tmp_path / "a.conll", 40, 3)
    train.write_text(train.read_text() + "\nMonday B-DAY\nlast I-DAY\n")
    ready = prepared(tiny_config, run, str(train), "token-classification")
    common, before, after = compare(ready, run)
    assert ready.task.labels[:3] == ["O", "B-DAY", "I-DAY"]
    assert len(common) == 7
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    assert "head: 7 labels kept by name, 2 new, 0 dropped" in capsys.readouterr().err


def test_a_grown_run_is_trained_saved_and_grown_again(
    tiny_config: Config, trained: Callable[[str], Run], tmp_path: Path
) -> None:
    data = {"train": topics(tmp_path / "a.jsonl", thanks=12), "validation": None, "test": None}
    model = {"name": str(trained("text-classification").path)}
    run = lmfit.finetune(tiny_config("text-classification", data=data, model=model, output=str(tmp_path / "run")))
    labels = json.loads((run.model / "config.json").read_text())["id2label"]
    assert list(labels.values()) == ["a thank", "complaint", "order", "praise"]
    ready = prepared(tiny_config, run, data["train"])
    assert ready.growth is not None
    assert (ready.growth.new, ready.growth.dropped) == ([], [])


def test_a_model_of_another_problem_gets_a_new_head(
    tiny_config: Config, trained: Callable[[str], Run], tmp_path: Path
) -> None:
    numbers = write_jsonl(tmp_path / "n.jsonl", [{"text": text, "label": i / 3} for i, text in enumerate(THANKS)])
    config = tiny_config(
        "text-classification",
        task={"problem": "regression"},
        data={"train": str(numbers), "validation": None, "test": None},
        model={"name": str(trained("text-classification").path)},
    )
    assert prepare(load_config("finetune", config).config).growth is None
