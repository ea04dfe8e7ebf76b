"""Every family of encoders, both tasks: fine-tune, load with transformers alone, get the same answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from tiny_models import FAMILIES

NER_TEXTS = [
    "Anna Petrov joined Nordwind in Oslo .",
    "Kofi Mensah flew from Accra to Porto .",
    "Lisbon",
    "Halden Bank met Maria",
]
TEXTS = ["The lamp broke after two days", "I love it", "Where is my order ?", "😀 zzz"]
TRAINING = {"max_steps": 2, "learning_rate": 5e-3}


@pytest.fixture
def finetuned(tiny_config: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[[str, str], Path]:
    def run(task: str, family: str) -> Path:
        return lmfit.finetune(tiny_config(task, family, training=TRAINING, output=str(tmp_path / "run"))).path / "model"

    return run


@pytest.mark.parametrize("family", FAMILIES)
def test_entities_equal_those_of_the_pipeline(family: str, finetuned: Callable[[str, str], Path]) -> None:
    from transformers import AutoModelForTokenClassification, pipeline

    folder = finetuned("token-classification", family)
    assert AutoModelForTokenClassification.from_pretrained(folder).config.id2label[1] == "B-LOC"
    ner = pipeline("ner", str(folder), aggregation_strategy="first", device="cpu")
    for prediction, theirs in zip(lmfit.load(folder).predict(NER_TEXTS), ner(NER_TEXTS), strict=True):
        ours = [(e.text, e.label) for e in prediction.entities]
        assert ours == [(prediction.text[e["start"] : e["end"]].strip(), e["entity_group"]) for e in theirs]
        scores = [e.score for e in prediction.entities]
        assert scores == pytest.approx([float(e["score"]) for e in theirs], abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_equal_those_of_the_pipeline(family: str, finetuned: Callable[[str, str], Path]) -> None:
    from transformers import AutoModelForSequenceClassification, pipeline

    folder = finetuned("text-classification", family)
    assert AutoModelForSequenceClassification.from_pretrained(folder).config.label2id["praise"] == 2
    classify = pipeline("text-classification", str(folder), top_k=None, device="cpu")
    for prediction, theirs in zip(lmfit.load(folder).predict(TEXTS), classify(TEXTS), strict=True):
        assert prediction.label == theirs[0]["label"]
        assert prediction.scores == pytest.approx({e["label"]: e["score"] for e in theirs}, abs=1e-4)


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert", "deberta-v2"])
def test_pairs_equal_those_of_the_pipeline(family: str, tiny_config: Callable[..., Any], tmp_path: Path) -> None:
    from transformers import pipeline

    rows = [("it is quick", "it is very quick", "same"), ("the lamp broke", "I love this kettle", "other")] * 8
    (tmp_path / "pairs.csv").write_text("a,b,label\n" + "".join(",".join(row) + "\n" for row in rows))
    data = {"train": str(tmp_path / "pairs.csv"), "validation": None, "test": None}
    data["columns"] = {"text": "a", "text_pair": "b", "label": "label"}
    run = lmfit.finetune(tiny_config("text-classification", family, data=data, output=str(tmp_path / "run")))
    ours = lmfit.load(run.path).predict([("the lamp broke", "nobody answers"), ("quick", "quiet")])
    classify = pipeline("text-classification", str(run.model), device="cpu")
    theirs = classify(
        [{"text": "the lamp broke", "text_pair": "nobody answers"}, {"text": "quick", "text_pair": "quiet"}]
    )
    assert [p.label for p in ours] == [t["label"] for t in theirs]
    assert [p.score for p in ours] == pytest.approx([t["score"] for t in theirs], abs=1e-4)
