"""A package of somebody else's adds a format and a task, which then work like those that lmfit has."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmfit import registry
from tiny_data import topic_rows

PACKAGE = '''
from typing import Literal

from lmfit.config.tasks import TextClassificationSettings
from lmfit.data.example import Example, Origin
from lmfit.data.files import chomp
from lmfit.data.formats.base import Reader
from lmfit.tasks.text_classification import TextClassification


def plug_in(register):
    register("format", "pipes", "topics_plugin:PipesReader")
    register("suffix", ".pipes", "pipes")
    register("task", "topics", "topics_plugin:Topics")
    register("task settings", "topics", "topics_plugin:TopicsSettings")


class PipesReader(Reader):
    """label||text"""

    def __init__(self, options):
        self._options = options

    def read(self, file, notices):
        for number, line in enumerate(map(chomp, file.lines()), start=1):
            label, _, text = line.rpartition("||")
            yield Example(Origin(file.path, number), text, label=label or None)


class TopicsSettings(TextClassificationSettings):
    """Topics."""

    name: Literal["topics"] = "topics"
    """The task."""
    shout: bool = False
    """Write predicted labels in capitals."""


class Topics(TextClassification):
    """Text classification that shouts."""

    name = "topics"

    def _prediction(self, example, probabilities):
        made = super()._prediction(example, probabilities)
        if not self.settings.shout:
            return made
        return type(made)(made.text, made.text_pair, made.label.upper(), made.score, made.scores)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What an installer leaves in a folder of packages; the tables gather plug-ins anew, and forget them at the end."""
    site = tmp_path / "site"
    facts = site / "topics_plugin-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "topics_plugin.py").write_text(PACKAGE)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: topics-plugin\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[lmfit.plugins]\ntopics = topics_plugin:plug_in\n")
    monkeypatch.setattr(registry, "_plugins", None)
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    registry._plugins = None


@pytest.fixture
def data(plugin: Path) -> dict[str, Any]:
    for split, size in {"train": 48, "validation": 16, "test": 16}.items():
        rows = topic_rows(size, seed=size)
        (plugin / f"{split}.pipes").write_text("".join(f"{label}||{text}\n" for text, label in rows))
    return {split: f"{split}.pipes" for split in ("train", "validation", "test")}


def test_a_format_and_a_task_from_end_to_end(
    data: dict[str, Any], tiny: Callable[[str], Path], command: Callable[..., tuple[int, str, str]]
) -> None:
    config = {
        "task": {"name": "topics", "shout": True},
        "model": {"name": str(tiny("bert")), "on_unknown": "allow"},
        "data": data,
        "training": {"max_steps": 2, "batch_size": 8},
        "evaluation": {"resamples": 100},
        "output": "run",
    }
    Path("c.yaml").write_text(json.dumps(config))
    code, _, err = command("finetune", "c.yaml")
    assert code == 0, err
    assert json.loads(Path("run/run.json").read_text())["task"] == "topics"
    code, out, err = command("predict", "test.pipes", "-r", "run")
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 16
    assert all(row["label"].isupper() for row in rows)


def test_the_names_are_listed_and_checked(data: dict[str, Any], command: Callable[..., tuple[int, str, str]]) -> None:
    assert "of a plug-in (.pipes)" in command("list", "formats")[1]
    assert "topics" in command("list", "tasks")[1]
    schema = json.loads(command("init", "--schema")[1])
    assert {"auto", "csv", "pipes"} <= set(schema["$defs"]["DataConfig"]["properties"]["format"]["enum"])
    Path("c.yaml").write_text("task: topics\ndata:\n  format: pipse\n  train: train.pipes\n")
    code, _, err = command("check", "c.yaml")
    assert code == 2
    assert "data.format: expected auto, " in err
    assert "at: c.yaml:3" in err
    assert "hint: did you mean `pipes`?" in err


def test_a_plug_ins_format_takes_what_it_likes(plugin: Path) -> None:
    from lmfit.config.load import load_config

    data = {"format": "pipes", "train": "a", "delimiter": "|", "header": False, "scheme": "BIOES"}
    assert load_config("finetune", {"task": "topics", "data": data}).config.data.delimiter == "|"
