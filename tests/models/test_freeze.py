from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForTokenClassification

from lmfit.errors import ConfigError
from lmfit.models.freeze import freeze

NAMES = {
    "bert": ("bert.embeddings.", "bert.encoder.layer.{}.", "classifier."),
    "distilbert": ("distilbert.embeddings.", "distilbert.transformer.layer.{}.", "classifier."),
    "modernbert": ("model.embeddings.", "model.layers.{}.", "classifier."),
    "albert": ("albert.embeddings.", "albert.encoder.albert_layer_groups.{}.", "classifier."),
}


@pytest.fixture(params=NAMES)
def family(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def model(family: str, tiny: Callable[[str], Path]) -> Any:
    return AutoModelForTokenClassification.from_pretrained(tiny(family), num_labels=3)


def frozen(model: Any) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def below(model: Any, *prefixes: str) -> set[str]:
    return {name for name, _ in model.named_parameters() if name.startswith(prefixes)}


def test_none(model: Any) -> None:
    assert freeze(model, "none") == sum(p.numel() for p in model.parameters())
    assert frozen(model) == set()


def test_embeddings(model: Any, family: str) -> None:
    freeze(model, "embeddings")
    assert frozen(model) == below(model, NAMES[family][0]) != set()


def test_the_first_layer_and_the_embeddings(model: Any, family: str) -> None:
    freeze(model, 1)
    embeddings, layer, _ = NAMES[family]
    assert frozen(model) == below(model, embeddings, layer.format(0))
    assert below(model, layer.format(0))


def test_no_layers_is_nothing(model: Any) -> None:
    freeze(model, 0)
    assert frozen(model) == set()


def test_all_but_the_head(model: Any, family: str) -> None:
    left = freeze(model, "encoder")
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained >= below(model, NAMES[family][2])
    assert not any(name.startswith(NAMES[family][0].split(".")[0] + ".") for name in trained)
    assert left == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_more_layers_than_there_are(model: Any) -> None:
    with pytest.raises(ConfigError, match="the model has"):
        freeze(model, 9)
