from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.load import load_config as read_config
from lmfit.config.model import ModelConfig
from lmfit.data.example import Example, Origin
from lmfit.data.sources import load_splits
from lmfit.models.load import find_model, load_model, load_tokenizer
from lmfit.models.scratch import SPECIAL_TOKENS, doubts_about, fitted
from lmfit.runs import Run
from lmfit.stages import finetune

TEXTS = ["房间很大，WiFi 很快", "服务太差", "早餐好，下次还来", "不值这个价"]
SCRATCH = find_model(ModelConfig(name="scratch-characters"))


class Texts:
    def __init__(self, *texts: str) -> None:
        self.texts, self.fingerprint = texts, "|".join(texts)

    def __iter__(self) -> Iterator[Example]:
        return (Example(Origin("f", i), text, text_pair="对") for i, text in enumerate(self.texts))


class TestTokenizer:
    def test_one_token_a_character_of_the_training_texts(self) -> None:
        tokenizer = load_tokenizer(fitted(SCRATCH, Texts(*TEXTS)))
        assert tokenizer.tokenize("房 WiFi，龘") == ["房", "w", "i", "f", "i", ",", "[UNK]"]

    def test_pairs_are_framed_as_by_bert(self) -> None:
        tokenizer = load_tokenizer(fitted(SCRATCH, Texts(*TEXTS)))
        encoded = tokenizer("大", "差")
        assert tokenizer.convert_ids_to_tokens(encoded["input_ids"]) == ["[CLS]", "大", "[SEP]", "差", "[SEP]"]
        assert encoded["token_type_ids"] == [0, 0, 0, 1, 1]

    def test_the_partner_of_a_text_is_learnt_too(self) -> None:
        assert "对" in load_tokenizer(fitted(SCRATCH, Texts(*TEXTS))).get_vocab()

    def test_equal_texts_give_an_equal_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = []
        for cache in ("a", "b"):
            monkeypatch.setenv("LMFIT_CACHE", str(tmp_path / cache))
            folder = Path(fitted(SCRATCH, Texts(*TEXTS)).where)
            made.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert made[0] == made[1]

    def test_other_texts_give_another_folder(self) -> None:
        assert fitted(SCRATCH, Texts(*TEXTS)).where != fitted(SCRATCH, Texts(*TEXTS[:2])).where


def test_weights_come_from_the_seed_alone() -> None:
    import torch

    source = fitted(SCRATCH, Texts(*TEXTS))
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        model, new = load_model(source, "AutoModelForSequenceClassification", {"num_labels": 2})
        assert new
        weights.append(model.bert.encoder.layer[0].attention.self.query.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_pretrained_model_is_left_as_it_is(tiny: Callable[[str], Path]) -> None:
    source = find_model(ModelConfig(name=str(tiny("bert"))))
    assert fitted(source, Texts(*TEXTS)) is source
    assert doubts_about(source, 1e-5, "encoder") == []


def test_settings_of_pretrained_models_are_doubted() -> None:
    told = doubts_about(SCRATCH, 5e-5, "encoder")
    assert [next(word for word in ("pretraining", "slow", "freeze") if word in line) for line in told] == [
        "pretraining",
        "slow",
        "freeze",
    ]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("scratch")
    rows = [f"{text}{chr(0x6900 + i)},{'负' if i % 2 else '正'}" for i, text in enumerate(TEXTS * 12)]
    (folder / "评论.csv").write_text("\n".join(["评论,情感", *(row.replace("，", "") for row in rows)]))
    data = {"train": str(folder / "评论.csv"), "columns": {"text": "评论", "label": "情感"}}
    data |= {"validation": {"split": 0.2}, "test": {"split": 0.2}}
    training = {"max_steps": 4, "batch_size": 8, "learning_rate": 1e-3, "checkpoint_every": 2, "precision": "fp32"}
    return {
        "task": "text-classification",
        "model": "scratch-characters",
        "data": data,
        "training": training,
        "evaluation": {"resamples": 100},
        "output": str(folder / "run"),
    }


@pytest.fixture(scope="module")
def run(config: dict[str, Any]) -> Run:
    return finetune.run(read_config("finetune", config))


class TestRun:
    def test_other_loaders_read_it(self, run: Run) -> None:
        from transformers import AutoModel, AutoTokenizer, pipeline

        import lmfit

        assert AutoModel.from_pretrained(run.model).config.num_hidden_layers == 2
        assert AutoTokenizer.from_pretrained(run.model).tokenize("房间") == ["房", "间"]
        told = pipeline("text-classification", str(run.model))("服务太差")[0]
        ours = lmfit.load(run.path).predict(["服务太差"])[0]
        assert (told["label"], told["score"]) == (ours.label, pytest.approx(ours.score, abs=1e-5))

    def test_the_vocabulary_holds_the_training_rows_alone(self, run: Run) -> None:
        from transformers import AutoTokenizer

        splits = load_splits(read_config("finetune", run.config).config.data, "text")
        seen = {letter for example in splits.train for letter in example.text.lower()}
        vocabulary = AutoTokenizer.from_pretrained(run.model).get_vocab()
        assert set(vocabulary) - {*SPECIAL_TOKENS} == seen - {" "}
        assert splits.test is not None
        assert all(example.text[-1] not in vocabulary for example in splits.test)

    def test_it_is_told_that_nothing_was_pretrained(self, run: Run) -> None:
        from lmfit.summary import finished_lines

        assert run.manifest["model"]["kind"] == "scratch"
        assert "trained from scratch, without pretraining" in finished_lines(run)[0]
        assert "trained from scratch, without pretraining" in (run.path / "report.html").read_text(encoding="utf-8")

    def test_a_resumed_run_equals_an_uninterrupted_one(
        self, run: Run, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import shutil

        monkeypatch.setenv("LMFIT_CACHE", str(tmp_path / "another cache"))
        half = Run(tmp_path / "half")
        shutil.copytree(run.path, half.path)
        shutil.rmtree(half.model)
        shutil.rmtree(sorted((half.path / "checkpoints").glob("step-*"))[-1])
        finetune.resume(half)
        weights = [(path / "model.safetensors").read_bytes() for path in (run.model, half.model)]
        assert weights[0] == weights[1]
