"""Keys without effect are refused; their defaults never are."""

from typing import Any

import pytest

from lmfit.config.load import load_config
from lmfit.errors import ConfigError

TEXTS, WORDS = "text-classification", "token-classification"


def load(task: str | dict[str, Any], *overrides: str, **data: Any) -> Any:
    return load_config("finetune", {"task": task, "data": {"train": "a"} | data}, overrides)


@pytest.mark.parametrize(
    ("task", "key", "value", "data"),
    [
        (TEXTS, "subset", "en", {}),
        (TEXTS, "revision", "v1", {"format": "csv"}),
        (TEXTS, "scheme", "IOB2", {}),
        (TEXTS, "words", "unicode", {}),
        (WORDS, "limit_per_class", 5, {}),
        (WORDS, "label_separator", "|", {"format": "conll"}),
        (WORDS, "header", False, {"format": "conll"}),
        (TEXTS, "quoting", "none", {"format": "jsonl"}),
        (TEXTS, "delimiter", "tab", {"format": "json"}),
        (TEXTS, "sheet", "Data", {"format": "csv"}),
        (TEXTS, "unfit_spans", "drop", {}),
    ],
)
def test_a_key_without_effect_is_refused(task: str, key: str, value: Any, data: dict[str, Any]) -> None:
    load(task, **data)
    with pytest.raises(ConfigError, match=f"data.{key}: has no effect with ") as error:
        load(task, **data, **{key: value})
    assert f"{key}=null" in error.value.problems[0].fix


@pytest.mark.parametrize(
    ("task", "data"),
    [
        (TEXTS, {"format": "hub", "name": "a/b", "train": "train", "subset": "en", "revision": "v1"}),
        (WORDS, {"scheme": "IOB2", "words": "unicode"}),
        (TEXTS, {"header": False, "quoting": "none", "delimiter": "tab", "limit_per_class": 5}),
        (TEXTS, {"format": "text", "delimiter": "tab", "label_separator": "|"}),
        (TEXTS, {"validation": {"split": 0.1, "by": "group", "key": "user"}}),
        (TEXTS, {"train": ["a", {"path": "b", "weight": 0.5, "source": "$${x}"}], "format": "xlsx", "sheet": 1}),
        (WORDS, {"format": "label-studio", "unfit_spans": "drop", "validation": [{"path": "b", "source": "web"}]}),
        ({"name": TEXTS, "loss": "focal", "focal_gamma": 3.0}, {}),
    ],
)
def test_keys_with_an_effect_load_and_so_does_what_is_written(task: Any, data: dict[str, Any]) -> None:
    loaded = load(task, **data)
    assert load_config("finetune", loaded.resolved()).config == loaded.config


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_group_column_needs_by_group(split: str) -> None:
    with pytest.raises(ConfigError, match=rf"data.{split}.key: has no effect with data.{split}.by: random"):
        load(TEXTS, **{split: {"split": 0.1, "key": "user"}})


@pytest.mark.parametrize("task", [TEXTS, WORDS])
def test_the_exponent_of_another_loss(task: str) -> None:
    with pytest.raises(ConfigError, match=r"task.focal_gamma: has no effect with task.loss: cross_entropy"):
        load({"name": task, "focal_gamma": 3.0})


def test_an_override_takes_the_idle_key_out() -> None:
    assert load(TEXTS, "data.format=jsonl", "data.header=null", format="csv", header=True).config.data.header == "auto"


def test_where_the_deciding_key_is_wrong_nothing_more_is_told() -> None:
    with pytest.raises(ConfigError) as error:
        load(TEXTS, format="hbu", revision="v1")
    assert len(error.value.problems) == 1


def test_packing_and_compiling_exclude_each_other() -> None:
    load(TEXTS, "training={packing: on}")
    with pytest.raises(ConfigError, match="packing and compile exclude each other"):
        load(TEXTS, "training={packing: on, compile: true}")
