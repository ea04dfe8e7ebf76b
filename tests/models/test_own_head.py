"""Heads that transformers has no class for: pooling, hidden layer, CRF; saved, loaded, gone on with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import lmfit
from lmfit.config.load import load_config
from lmfit.errors import ConfigError
from lmfit.models.own_head import PooledHead
from lmfit.runs import Run

Config = Callable[..., dict[str, Any]]
TRAINING = {"max_steps": 12, "batch_size": 16, "learning_rate": 5e-3}
TEXTS = ["the lamp broke after two days", "order", "I love this kettle , quick and quiet"]


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
def test_padding_is_not_pooled(pooling: str) -> None:
    torch.manual_seed(0)
    head = PooledHead(8, 3, "mlp", pooling, 0.1, 0.5).eval()
    hidden = torch.randn(2, 5, 8)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    assert torch.allclose(head(hidden, mask)[0], head(hidden[:1, :3], None)[0], atol=1e-6)
    assert torch.allclose(head(hidden, mask)[1], head(hidden[1:], None)[0], atol=1e-6)


def test_mean_is_the_mean() -> None:
    head = PooledHead(4, 2, "linear", "mean", 0.0, 0.5).eval()
    hidden = torch.randn(1, 3, 4)
    assert torch.allclose(head(hidden, None), head.out(hidden.mean(1)), atol=1e-6)


@pytest.mark.parametrize(
    ("family", "task", "model"),
    [
        ("bert", "text-classification", {"head": "mlp", "pooling": "mean"}),
        ("distilbert", "text-classification", {"head": "mlp", "lora": {"rank": 2}}),
        ("gpt2", "text-classification", {"pooling": "attention"}),
        ("bert", "token-classification", {"head": "crf"}),
    ],
)
class TestRun:
    @pytest.fixture
    def run(self, family: str, task: str, model: dict[str, Any], tiny_config: Config, tmp_path: Path) -> Run:
        made = tiny_config(task, family, model=model, training=TRAINING, output=str(tmp_path / "run"))
        return lmfit.finetune(made)

    def test_saved_loaded_and_gone_on_with(
        self, run: Run, family: str, task: str, model: dict[str, Any], tiny_config: Config, tmp_path: Path
    ) -> None:
        from transformers import AutoModel

        assert (run.model / "head.safetensors").is_file()
        rows = run.predictions("test").read_text(encoding="utf-8").splitlines()
        again = lmfit.load(run.path)
        first = json.loads(rows[0])
        answer = again.predict([first["text"]])[0].row()
        key = "entities" if "entities" in answer else "label"
        assert answer[key] == first[key]
        encoder = AutoModel.from_pretrained(run.model, output_loading_info=True)[1]
        assert not {name for name in encoder["missing_keys"] if "pooler" not in name}
        asked = {name: value for name, value in model.items() if name != "lora"} | {"name": str(run.path)}
        slow = {"max_steps": 1, "learning_rate": 1e-9}
        more = tiny_config(task, family, model=asked, training=slow, output=str(tmp_path / "more"))
        metric = run.manifest["headline"]["metric"]
        went_on = lmfit.finetune(more).metrics["validation"][metric]["value"]
        assert went_on == pytest.approx(run.metrics["validation"][metric]["value"])


def test_crf_learns_what_may_follow(tiny_config: Config, tmp_path: Path) -> None:
    training = {"max_steps": 60, "batch_size": 16, "learning_rate": 5e-3, "head_learning_rate": 5e-2}
    made = tiny_config("token-classification", model={"head": "crf"}, training=training, output=str(tmp_path / "run"))
    run = lmfit.finetune(made)
    assert run.metrics["test"]["f1"]["value"] > 0.8
    assert run.manifest["calibration"]["temperature"] is None


@pytest.mark.parametrize(
    ("task", "sections", "told"),
    [
        ("text-classification", {"model": {"head": "crf"}}, "crf is none of text-classification: linear, mlp"),
        ("token-classification", {"model": {"head": "mlp"}}, "mlp is none of token-classification: linear, crf"),
        ("token-classification", {"model": {"pooling": "mean"}}, "nothing is pooled"),
        ("token-classification", {"model": {"head": "crf"}, "task": {"loss": "focal"}}, "without task.loss: focal"),
        ("token-classification", {"model": {"head": "crf"}, "training": {"r_drop": 1.0}}, "without training.r_drop"),
        (
            "text-classification",
            {"model": {"head": "mlp", "lora": {"merge": False}}},
            "holds a plain head only",
        ),
    ],
)
def test_what_does_not_go_together(task: str, sections: dict[str, Any], told: str, tiny_config: Config) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config("finetune", tiny_config(task, **sections))
    assert told in str(refused.value)


def test_the_first_token_of_a_decoder(tiny_config: Config, tmp_path: Path) -> None:
    made = tiny_config("text-classification", "gpt2", model={"pooling": "cls"}, output=str(tmp_path / "run"))
    with pytest.raises(ConfigError, match="first token of a decoder"):
        lmfit.finetune(made)
