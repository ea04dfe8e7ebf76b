from collections.abc import Sequence
from typing import Any

import pytest

from lmfit.config.load import LoadedConfig, load_config
from lmfit.config.training import TrainingConfig
from lmfit.config.transfer import TrainingOverrides
from lmfit.errors import ConfigError

BASE: dict[str, Any] = {
    "task": "text-classification",
    "data": "sample-headlines",
    "transfer": {"sources": [{"data": "sample-ner", "training": {"epochs": 1}}, {"data": "sample-intents"}]},
}


def loaded(words: Sequence[str] = ()) -> LoadedConfig:
    return load_config("transfer", BASE, words)


def test_sources_have_short_forms_and_named_data_sets() -> None:
    first, second = loaded().config.transfer.sources  # type: ignore[attr-defined]
    assert (first.task.name, first.data.format) == ("token-classification", "conll")
    assert (second.task.name, second.data.columns["label"]) == ("text-classification", "intent")


def test_what_is_written_loads_to_the_same(tmp_path: Any) -> None:
    (tmp_path / "t.yaml").write_text(loaded().dump())
    assert load_config("transfer", tmp_path / "t.yaml").config == loaded().config


def test_overrides_of_training_replace_what_excludes_them() -> None:
    base = TrainingConfig(epochs=3, batch_size=16, learning_rate=1e-3)
    made = TrainingOverrides(max_steps=5, batch_tokens=512).on(base)
    assert (made.epochs, made.max_steps, made.batch_tokens, made.learning_rate) == (None, 5, 512, 1e-3)
    assert TrainingOverrides().on(base) == base


def test_seeds() -> None:
    assert loaded(["seed=5"]).config.target_seeds == [5, 6, 7]  # type: ignore[attr-defined]
    assert loaded(["seeds=[4]"]).config.target_seeds == [4]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("transfer.sources=[]", "transfer.sources"),
        ("transfer.sources=[{task: text-classification}]", "either data to learn from, or a model"),
        ("transfer.sources=[{model: a, data: sample-ner}]", "either data to learn from, or a model"),
        ("transfer.sources=[{data: sample-ner}, {model: a}]", "only the first source can be a model"),
        ("transfer.sources=[{data: sample-nerr}]", "did you mean `sample-ner`?"),
        ("transfer.sources=[{data: sample-ner, task: token-clasification}]", "did you mean `token-classification`?"),
        ("transfer.sources=[{data: sample-ner, training: {epoch: 1}}]", "did you mean `epochs`?"),
        ("transfer.sources=[{model: {name: a, freeze: encoder}}]", "say name, revision and trust_remote_code"),
        ("transfer.sizes=[64, 16]", "expected rising numbers of rows"),
        ("transfer.sizes=[1]", "expected rising numbers of rows"),
        ("transfer.layers=-1", "cannot be negative"),
        ("seeds=[1, 1]", "all different"),
        ("data.validation={folds: 3}", "transfer is measured on a split of its own"),
        ("training={adversarial: fgm, unfreeze: 1}", "adversarial moves embeddings"),
    ],
)
def test_mistakes(word: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded([word])
    assert said in str(caught.value)


def test_a_head_goes_with_its_layers() -> None:
    for words in (["transfer.head=new", "transfer.label_map={a: b}"], ["transfer.head=keep", "transfer.layers=2"]):
        with pytest.raises(ConfigError):
            loaded(words)
