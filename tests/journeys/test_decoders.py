"""Classification of texts and words on decoders: padding, pooling, the pipeline of transformers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import lmfit
from lmfit.inference.load import load_predictor
from lmfit.models.padding import with_padding
from lmfit.runs import Run
from tiny_models import DECODERS

Config = Callable[..., dict[str, Any]]
TRAINING = {"max_steps": 12, "batch_size": 16, "learning_rate": 1e-2}
TEXTS = ["the lamp broke after two days and nobody answers", "order", "I love this kettle , quick and quiet", ""]


@pytest.fixture(scope="module", params=list(DECODERS))
def run(request: Any, tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = str(tmp_path_factory.mktemp("decoders") / request.param)
    options = {"gradient_checkpointing": request.param == "gpt2"}
    return lmfit.finetune(tiny_config("text-classification", request.param, training=TRAINING | options, output=output))


def test_padding_changes_no_answer(run: Run) -> None:
    predictor = load_predictor(run)
    together = predictor.predict(TEXTS)
    for text, answer in zip(TEXTS, together, strict=True):
        alone = predictor.predict([text])[0]
        assert alone.label == answer.label
        assert alone.scores == pytest.approx(answer.scores, abs=1e-5)


def test_the_pipeline_agrees(run: Run) -> None:
    from transformers import pipeline

    pipe = pipeline("text-classification", str(run.model), top_k=None, batch_size=4)
    texts = TEXTS[:3]
    for found, answer in zip(pipe(texts), lmfit.load(run.path).predict(texts), strict=True):
        assert {one["label"]: one["score"] for one in found} == pytest.approx(answer.scores, abs=1e-5)


def test_the_last_real_token_decides(run: Run) -> None:
    """A token behind the last real one, where padding stands, must not be read; the last real one must."""
    predictor = load_predictor(run)
    model, pad = predictor.backend.model.eval(), predictor.framer.pad_id
    ids = torch.tensor([[7, 8, 9, 10, pad, pad], [7, 8, 9, 10, 11, 12]])
    mask = (ids != pad).long()
    padded = model(input_ids=ids, attention_mask=mask).logits[0]
    assert torch.allclose(padded, model(input_ids=ids[:1, :4]).logits[0], atol=1e-5)
    other = ids.clone()
    other[0, 3] = 20
    assert not torch.allclose(padded, model(input_ids=other, attention_mask=mask).logits[0], atol=1e-5)


@pytest.mark.parametrize("family", list(DECODERS))
def test_words_are_tagged(family: str, tiny_config: Config, tmp_path: Path) -> None:
    model = {"lora": {"rank": 4}} if family == "gpt2" else {}
    made = tiny_config("token-classification", family, model=model, training=TRAINING, output=str(tmp_path / "run"))
    run = lmfit.finetune(made)
    sentence = "Anna Petrov joined Nordwind in Oslo ."
    model_ = lmfit.load(run.path)
    alone, together = model_.predict([sentence])[0], model_.predict([sentence, f"{sentence} {sentence}"])[0]
    assert alone.tags == together.tags
    assert len(alone.tags) == 7


class TestPadding:
    def test_made_of_what_is_there(self) -> None:
        class Tokenizer:
            pad_token = eos_token = bos_token = unk_token = None
            added: dict[str, str] = {}

            def add_special_tokens(self, tokens: dict[str, str]) -> None:
                self.added = tokens

        ended = Tokenizer()
        ended.eos_token, ended.bos_token = "</s>", "<s>"  # type: ignore[assignment]
        assert with_padding(ended).pad_token == "</s>"
        assert with_padding(Tokenizer()).added == {"pad_token": "[PAD]"}
