from importlib.metadata import EntryPoint

import pytest

from lmfit import registry
from lmfit.catalog import DATASETS, FORMATS, MODELS, TASK_SETTINGS, TASKS
from lmfit.errors import ConfigError, InputError
from lmfit.registry import Registry


@pytest.mark.parametrize("table", [TASKS, TASK_SETTINGS, FORMATS, MODELS, DATASETS], ids=lambda table: table.kind)
def test_every_name_of_the_catalogue_can_be_imported(table: Registry) -> None:
    assert all(table.load(name) is not None for name in table)


def test_tasks_have_settings_of_the_same_name() -> None:
    assert set(TASKS) == set(TASK_SETTINGS)
    assert all(TASKS.load(name).name == name for name in TASKS)


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean `token-classification`"):
        TASKS.load("token-clasification")


def test_a_plug_in_adds_names(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "things"

        def load(self) -> object:
            return lambda register: register("thing", "json", "json:loads")

    monkeypatch.setattr(registry, "_plugins", None)
    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()] if group == "lmfit.plugins" else [])
    things = Registry("thing", {"own": "os:getcwd"})
    assert things.shipped == {"own"}
    assert sorted(things) == ["json", "own"]
    assert len(things) == 2
    assert things.load("json")("[1]") == [1]


def test_a_plug_in_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("broken", "no_such_package:plug_in", "lmfit.plugins")
    monkeypatch.setattr(registry, "_plugins", None)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(InputError, match=r"plug-in `broken` cannot be loaded(.|\n)*at: no_such_package:plug_in"):
        list(FORMATS)
