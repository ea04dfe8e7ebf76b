"""What a config may ask for beside the plain case, from the file to the finished run."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lmfit
from lmfit.data.cache import cache_folder
from lmfit.data.rows import Row
from lmfit.errors import ConfigError, DataError
from lmfit.runs import Run
from tiny_data import TOPICS, topic_rows, write_jsonl

Config = Callable[..., dict[str, Any]]
LEARN = {"max_steps": 60, "batch_size": 16, "learning_rate": 3e-3}


@pytest.fixture
def output(tmp_path: Path) -> str:
    return str(tmp_path / "run")


def only_train(path: Path, **more: Any) -> dict[str, Any]:
    return {"train": str(path), "validation": None, "test": None, **more}


def ledger(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "ledger.json").read_text())
    return found


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_several_labels_with_tuned_thresholds(tiny_config: Config, tmp_path: Path, output: str) -> None:
    def rows(count: int, seed: int) -> list[dict[str, Any]]:
        made = []
        texts = topic_rows(2 * count, seed)
        for (one, a), (two, b) in zip(texts[::2], texts[1::2], strict=True):
            made.append({"text": f"{one} {two}", "label": sorted({a, b})})
        return [*made, {"text": "by now", "label": []}]

    files = {
        split: str(write_jsonl(tmp_path / f"{split}.jsonl", rows(40, i)))
        for i, split in enumerate(("train", "validation", "test"))
    }
    run = lmfit.finetune(tiny_config("text-classification", data=files, training=LEARN, output=output))
    assert run.manifest["headline"]["metric"] == "micro_f1"
    state = json.loads((run.model / "config.json").read_text())["lmfit"]["state"]
    assert len(state["thresholds"]) == 3
    assert state["thresholds"] != [0.5] * 3
    model = lmfit.load(run.path)
    for row in read_lines(run.path / "predictions/test.jsonl"):
        (prediction,) = model.predict([row["text"]])
        assert prediction.label == row["label"]
        chosen = [
            n for n, limit in zip(model.task.labels, state["thresholds"], strict=True) if row["scores"][n] > limit
        ]
        assert row["label"] == chosen


def test_regression(tiny_config: Config, tmp_path: Path, output: str) -> None:
    values = {"the lamp": 0.5, "I love the kettle": 3.0, "very bad": -1.5, "where is my order": 1.0}
    rows = [{"text": text, "label": value} for text, value in values.items()] * 12
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))
    data = {"train": path, "validation": path, "test": path}
    task = {"name": "text-classification", "problem": "regression"}
    run = lmfit.finetune(
        tiny_config(
            "text-classification", task=task, data=data, training={**LEARN, "best_metric": "mae"}, output=output
        )
    )
    assert run.metrics["test"]["pearson"]["value"] > 0.8
    (prediction,) = lmfit.load(run.path).predict(["very bad"])
    assert isinstance(prediction.label, float)
    from transformers import pipeline

    theirs = pipeline("text-classification", str(run.model), device="cpu")("very bad")
    assert prediction.label == pytest.approx(theirs[0]["score"], abs=1e-4)


def test_numbers_are_learnt_alike_in_any_unit(tiny_config: Config, tmp_path: Path) -> None:
    from transformers import pipeline

    def learnt(name: str, factor: float, offset: float) -> Run:
        values = {"the lamp": 0.0, "I love the kettle": 2.0, "very bad": -1.0, "where is my order": 1.0}
        rows = [{"text": text, "label": value * factor + offset} for text, value in values.items()] * 4
        path = str(write_jsonl(tmp_path / f"{name}.jsonl", rows))
        task = {"name": "text-classification", "problem": "regression"}
        data = {"train": path, "validation": path, "test": path}
        training = {**LEARN, "max_steps": 20, "epochs": None, "checkpoint_every": 10}
        output = str(tmp_path / name)
        return lmfit.finetune(
            tiny_config("text-classification", task=task, data=data, training=training, output=output)
        )

    texts = ["very bad", "the kettle", "I love the lamp"]
    small, large = learnt("small", 1.0, 0.0), learnt("large", 10_000.0, 30_000.0)
    found = [prediction.label for prediction in lmfit.load(small.path).predict(texts)]
    scaled = [prediction.label for prediction in lmfit.load(large.path).predict(texts)]
    assert scaled == pytest.approx([10_000 * value + 30_000 for value in found], abs=50)
    assert large.metrics["test"]["mae"]["value"] == pytest.approx(
        10_000 * small.metrics["test"]["mae"]["value"], rel=0.02
    )
    theirs = pipeline("text-classification", str(large.model), device="cpu")(texts)
    assert [each["score"] for each in theirs] == pytest.approx(scaled, rel=1e-5)
    assert any("labels: numbers from 20,000 to 50,000, mean 35,000" in told for told in ledger(large)["notices"])
    again = lmfit.finetune(
        tiny_config(
            "text-classification",
            task={"name": "text-classification", "problem": "regression"},
            data={"train": str(tmp_path / "small.jsonl"), "validation": None, "test": str(tmp_path / "large.jsonl")},
            model={"name": str(large.path)},
            training={**LEARN, "max_steps": 1, "epochs": None, "learning_rate": 1e-9},
            output=str(tmp_path / "again"),
        )
    )
    kept = [prediction.label for prediction in lmfit.load(again.path).predict(texts)]
    assert kept == pytest.approx(scaled, rel=1e-4)


def test_all_subwords(tiny_config: Config, output: str) -> None:
    task = {"name": "token-classification", "label_subwords": "all"}
    run = lmfit.finetune(tiny_config("token-classification", task=task, training=LEARN, output=output))
    assert run.metrics["test"]["f1"]["value"] > 0.8


def test_plain_tags(tiny_config: Config, tmp_path: Path, output: str) -> None:
    (tmp_path / "pos.txt").write_text("the DT\nlamp NN\nbroke VB\n\na DT\nkettle NN\n\n" * 20)
    data = {split: str(tmp_path / "pos.txt") for split in ("train", "validation", "test")} | {"format": "conll"}
    run = lmfit.finetune(tiny_config("token-classification", data=data, training=LEARN, output=output))
    assert run.manifest["headline"]["metric"] == "token.accuracy"
    assert run.metrics["test"]["token.accuracy"]["value"] == 1


def test_frozen_weights_do_not_move(tiny_config: Config, tiny: Callable[[str], Path], output: str) -> None:
    from safetensors.torch import load_file

    run = lmfit.finetune(tiny_config("token-classification", model={"freeze": 1}, output=output))
    before, after = load_file(tiny("bert") / "model.safetensors"), load_file(run.model / "model.safetensors")
    for name, tensor in after.items():
        if name.startswith(("bert.embeddings.", "bert.encoder.layer.0.")):
            assert tensor.equal(before[name.removeprefix("bert.")] if name not in before else before[name])
        elif name.startswith("bert.encoder.layer.1.") and name.endswith("weight"):
            assert not tensor.equal(before[name.removeprefix("bert.")] if name not in before else before[name]), name


def test_long_sentences_are_windows_and_counted(tiny_config: Config, output: str) -> None:
    data = {"max_length": 11, "test": None}
    run = lmfit.finetune(tiny_config("token-classification", data=data, training=LEARN, output=output))
    told = ledger(run)
    assert told["windows"]["windowed"] > 0
    assert told["windows"]["truncated"] == 0
    assert run.metrics["validation"]["f1"]["value"] > 0.8


def test_cut_entities_cost_recall_and_are_in_the_ledger(tiny_config: Config, tmp_path: Path, output: str) -> None:
    start = "".join(f"{word} O\n" for word in ["the", "lamp", "broke", "after", "two", "days", "and", "in"])
    (tmp_path / "long.conll").write_text(f"{start}Anna B-PER\nPetrov I-PER\nOslo B-LOC\n\nOslo B-LOC\nmet O\n\n" * 20)
    data = dict.fromkeys(("train", "validation", "test"), str(tmp_path / "long.conll"))
    data |= {"max_length": 11, "overflow": "truncate"}
    run = lmfit.finetune(tiny_config("token-classification", data=data, training=LEARN, output=output))
    told = ledger(run)["windows"]
    assert told["truncated"] == 3 * 20
    assert told["entities_cut"] == 3 * 20 * 2
    metrics = run.metrics["test"]
    assert metrics["recall"]["value"] <= 1 / 3
    assert metrics["recall"]["n"] == 60


def test_overflow_error_names_file_and_line(tiny_config: Config, tmp_path: Path, output: str) -> None:
    (tmp_path / "long.csv").write_text("text,label\nlamp,a\n" + "kettle " * 30 + ",b\n")
    data = only_train(tmp_path / "long.csv", max_length=16, overflow="error")
    with pytest.raises(DataError, match=r"long\.csv:3"):
        lmfit.finetune(tiny_config("text-classification", data=data, output=output))
    assert not Path(output).exists()


def test_rare_and_unseen_labels(tiny_config: Config, tmp_path: Path, output: str) -> None:
    rows = [("kettle", "a")] * 9 + [("lamp", "b"), ("order", "c")] * 4 + [("board", "once")]
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in rows))
    (tmp_path / "valid.csv").write_text("text,label\nkettle,a\nlamp,new\n")
    data = only_train(tmp_path / "train.csv") | {"validation": str(tmp_path / "valid.csv")}
    run = lmfit.finetune(tiny_config("text-classification", data=data, output=output))
    warnings = "\n".join(run.manifest["warnings"])
    assert "new (1)" in warnings
    assert run.metrics["validation"]["accuracy"]["value"] <= 0.5
    assert "once" in json.loads((run.model / "config.json").read_text())["label2id"]


def test_without_validation_the_last_weights_are_kept_and_it_is_said(tiny_config: Config, output: str) -> None:
    run = lmfit.finetune(tiny_config("token-classification", data={"validation": None}, output=output))
    assert any("no validation data" in warning for warning in run.manifest["warnings"])
    assert run.manifest["best_step"] == run.manifest["steps"] == 2
    assert not (run.path / "checkpoints" / "best").exists()


def test_without_any_labelled_data_to_judge_by(tiny_config: Config, output: str) -> None:
    data = {"validation": None, "test": None}
    run = lmfit.finetune(tiny_config("token-classification", data=data, output=output))
    assert run.manifest["headline"] is None
    assert "nothing is known" in run.manifest["verdict"]["sentence"]
    assert (run.path / "report.html").is_file()


def test_best_weights_are_what_is_saved(tiny_config: Config, output: str) -> None:
    from safetensors.torch import load_file

    training = {**LEARN, "max_steps": 20, "evaluate_every": 5}
    run = lmfit.finetune(tiny_config("text-classification", training=training, output=output))
    best = load_file(next(run.path.glob("checkpoints/best-*/model.safetensors")))
    saved = load_file(run.model / "model.safetensors")
    assert all(saved[name].equal(tensor) for name, tensor in best.items())
    log = [line["evaluation"]["accuracy"] for line in read_lines(run.path / "log.jsonl") if "evaluation" in line]
    steps = [line["step"] for line in read_lines(run.path / "log.jsonl") if "evaluation" in line]
    assert run.manifest["best_step"] == steps[log.index(max(log))]


def test_going_on_from_a_run(tiny_config: Config, trained: Callable[[str], Run], output: str) -> None:
    parent = trained("token-classification")
    training = {"max_steps": 1, "learning_rate": 1e-9}
    model = {"name": str(parent.path)}
    run = lmfit.finetune(tiny_config("token-classification", model=model, training=training, output=output))
    assert run.manifest["parent"] == str(parent.path)
    assert run.metrics["test"]["f1"]["value"] == parent.metrics["test"]["f1"]["value"]


def test_unknown_words_stop_and_can_be_allowed(tiny_config: Config, tmp_path: Path, output: str) -> None:
    (tmp_path / "zh.csv").write_text("text,label\n" + "今天天气很好,a\n价格太高了,b\n" * 8)
    data = only_train(tmp_path / "zh.csv")
    with pytest.raises(DataError, match=r"model\.on_unknown=allow"):
        lmfit.finetune(tiny_config("text-classification", data=data, model={"on_unknown": "stop"}, output=output))
    run = lmfit.finetune(tiny_config("text-classification", data=data, output=output))
    assert any("unknown tokens" in warning for warning in run.manifest["warnings"])


class TestRowCache:
    @pytest.fixture(autouse=True)
    def _empty(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LMFIT_CACHE", str(tmp_path / "cache"))

    def prepare(self, config: dict[str, Any]) -> None:
        from lmfit.config.load import load_config
        from lmfit.stages.prepare import prepare

        prepare(load_config("finetune", config).config)

    def entries(self) -> int:
        return sum(not path.name.startswith("audit-") for path in (cache_folder() / "rows").iterdir())

    def test_a_second_run_does_not_tokenise_again(self, tiny_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        config = tiny_config("token-classification")
        self.prepare(config)
        assert self.entries() == 3

        def never(*_: object) -> Iterator[Row]:
            raise AssertionError("tokenised again")
            yield

        monkeypatch.setattr("lmfit.stages.prepare.encode_all", never)
        self.prepare(config)

    def test_the_folder_of_the_data_does_not_matter(
        self, tiny_config: Config, tiny_data: dict[str, Any], tmp_path: Path
    ) -> None:
        self.prepare(tiny_config("token-classification"))
        moved = {split: shutil.copy(path, tmp_path) for split, path in tiny_data["token-classification"].items()}
        self.prepare(tiny_config("token-classification", data=moved))
        assert self.entries() == 3

    @pytest.mark.parametrize(
        "changed",
        [
            {"data": {"max_length": 20}},
            {"data": {"max_length": 11, "overflow": "truncate"}},
            {"task": {"name": "token-classification", "label_subwords": "all"}},
            {"data": {"limit": 5}},
        ],
    )
    def test_settings_change_the_key(self, changed: dict[str, Any], tiny_config: Config) -> None:
        self.prepare(tiny_config("token-classification"))
        self.prepare(tiny_config("token-classification", **changed))
        assert self.entries() == 6

    def test_another_tokenizer_changes_the_key(self, tiny_config: Config) -> None:
        self.prepare(tiny_config("token-classification"))
        self.prepare(tiny_config("token-classification", "roberta"))
        assert self.entries() == 6


def test_class_means_need_classes(tiny_config: Config, output: str) -> None:
    with pytest.raises(ConfigError, match="class_means"):
        lmfit.finetune(tiny_config("token-classification", model={"head_init": "class_means"}, output=output))


def test_topics_are_named_as_in_the_data(trained: Callable[[str], Run]) -> None:
    assert lmfit.load(trained("text-classification").path).task.labels == sorted(TOPICS)
