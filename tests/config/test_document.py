import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lmfit.config import starters as starters_module
from lmfit.config.document import commented_yaml, json_schema, reference_markdown
from lmfit.config.load import load_config
from lmfit.config.starters import abouts, starter_stage, starter_text, starters
from lmfit.errors import ConfigError

GIVEN: dict[str, Any] = {
    "task": "token-classification",
    "data": {"train": "a.conll", "columns": {"tokens": 0, "labels": 3}, "validation": {"split": 0.1}},
    "training": {"epochs": 1, "learning_rate": 1e-4},
}


def test_commented_config_loads_to_what_was_given(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(commented_yaml(GIVEN))
    assert load_config("finetune", tmp_path / "c.yaml").config == load_config("finetune", GIVEN).config


def test_defaults_behind_the_comment_signs_are_the_real_ones(tmp_path: Path) -> None:
    text = re.sub(r"^( *)#(?! )", r"\1", commented_yaml(GIVEN), flags=re.MULTILINE)
    (tmp_path / "c.yaml").write_text(text)
    loaded = load_config("finetune", tmp_path / "c.yaml")
    assert loaded.resolved() == load_config("finetune", GIVEN).resolved()


def test_every_key_has_a_sentence_in_the_commented_config() -> None:
    lines = commented_yaml(GIVEN).splitlines()
    for above, line in pairwise(lines):
        if re.match(r" *#?\w+:", line):
            assert above.strip().startswith("# ")
            assert above.strip() not in ("# None", "#")


def test_commented_defaults_alone_say_what_is_required(tmp_path: Path) -> None:
    text = commented_yaml()
    assert "Required.\n#data:" in text
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_config("finetune", tmp_path / "c.yaml")


def test_reference_holds_every_key_with_a_sentence() -> None:
    page = reference_markdown()
    for row in (
        "| `learning_rate` | a number (above 0) | `5.0e-05` |",
        "| `label_subwords` | first or all | `first` |",
    ):
        assert row in page
    assert "### `data.validation` and `data.test`" in page
    assert "None" not in page


def test_json_schema_is_plain_json_with_short_forms_and_extends() -> None:
    schema = json.loads(json.dumps(json_schema("finetune")))
    assert {"const": "auto", "type": "string"} in schema["$defs"]["TrainingConfig"]["properties"]["micro_batch_size"][
        "anyOf"
    ]
    assert {"type": "string"} in schema["properties"]["data"]["anyOf"]
    assert "token-classification" in schema["properties"]["task"]["anyOf"][0]["enum"]
    assert schema["properties"]["extends"]["type"] == "string"
    assert schema["additionalProperties"] is False


def test_json_schema_references_lead_somewhere() -> None:
    schema = json_schema("finetune")
    names = re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema))
    assert {"TokenClassificationSettings", "DataConfig", "SplitConfig"} <= set(names) <= set(schema["$defs"])


def test_json_schema_lists_the_settings_of_each_task_under_its_name() -> None:
    schema = json_schema("finetune")
    settings = schema["$defs"]["TokenClassificationSettings"]
    assert settings["required"] == ["name"]
    assert settings["properties"]["name"]["const"] == "token-classification"
    assert settings["additionalProperties"] is False


def test_json_schema_requires_nothing_that_a_parent_may_bring() -> None:
    assert "required" not in json_schema("finetune")


def test_every_starter_loads_and_says_what_it_is_for() -> None:
    assert "quickstart" in starters()
    for name, file in starters().items():
        load_config(starter_stage(name), file)
        assert abouts()[name]


def test_starter_text_stands_alone(tmp_path: Path) -> None:
    for name, file in starters().items():
        copy = tmp_path / f"{name}.yaml"
        copy.write_text(starter_text(name), encoding="utf-8")
        stage = starter_stage(name)
        assert load_config(stage, copy).config == load_config(stage, file).config


def test_starters_of_an_installed_wheel_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "lmfit" / "starters"
    wheel.mkdir(parents=True)
    (wheel / "a.yaml").write_text("# one\ntask: x\n")
    monkeypatch.setattr(starters_module, "FOLDERS", (wheel, tmp_path / "configs"))
    assert abouts() == {"a": "one"}


def test_unknown_starter_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as error:
        starter_text("quikstart")
    assert "`quickstart`" in error.value.problems[0].fix
