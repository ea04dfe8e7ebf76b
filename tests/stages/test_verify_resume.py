"""Kill, resume, compare: with real processes and SIGKILL."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmfit import registry
from lmfit.config.yaml import dump
from lmfit.errors import VerdictError
from lmfit.runs import Run
from lmfit.stages.verify_resume import Moment, Verified, draw_moments
from tiny_corpus import pretrain_config, write_corpus

Config = Callable[..., dict[str, Any]]
Command = Callable[..., tuple[int, str, str]]

PLUGIN = '''
from typing import Literal

import torch

from lmfit.config.tasks import TextClassificationSettings
from lmfit.tasks.text_classification import TextClassification


def plug_in(register):
    register("task", "masked", "masking_plugin:Masked")
    register("task settings", "masked", "masking_plugin:MaskedSettings")


class MaskedSettings(TextClassificationSettings):
    """Texts with masked words."""

    name: Literal["masked"] = "masked"
    """The task."""
    keyed: bool = True
    """Whether the masks follow the step's generator."""


class Masked(TextClassification):
    """Text classification that masks a sixth of the tokens of each batch that is trained on, anew each time."""

    name = "masked"

    def targets(self, batch):
        generator = None if self.settings.keyed else torch.Generator()
        if generator is not None:
            generator.seed()
        masked = torch.rand(batch["input_ids"].shape, generator=generator) < 1 / 6
        batch["input_ids"][masked & (batch["attention_mask"] == 1)] = 4
        return super().targets(batch)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with a task whose batches are random."""
    site = tmp_path / "site"
    facts = site / "masking_plugin-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "masking_plugin.py").write_text(PLUGIN)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: masking-plugin\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[lmfit.plugins]\nmasked = masking_plugin:plug_in\n")
    monkeypatch.setattr(registry, "_plugins", None)
    monkeypatch.syspath_prepend(site)
    yield
    registry._plugins = None


def written(path: Path, config: dict[str, Any]) -> Path:
    path.write_text(dump(config))
    return path


def test_five_kills(tiny_config: Config, tmp_path: Path, command: Command) -> None:
    training = {"max_steps": 12, "checkpoint_every": 4, "evaluate_every": 3, "log_every": 5}
    config = written(tmp_path / "c.yaml", tiny_config("token-classification", training=training))
    code, out, err = command("verify-resume", config, "-o", tmp_path / "run", "--kills", 5)
    assert code == 0, err
    assert out.startswith("identical to the bit: 12 steps, uninterrupted and killed 5 times")
    assert len(out.splitlines()) == 8
    run = Run(tmp_path / "run")
    assert run.status == "finished"
    assert set(run.manifest["kills"]) == {"training", "evaluation", "checkpoint", "results"}
    assert all(entry["equal"] for entry in run.manifest["hashes"].values())
    assert {child.name for child in (tmp_path / "run/children").iterdir() if child.is_dir()} == {"straight", "killed"}
    assert Run(tmp_path / "run/children/killed").manifest["exactness"] == "exact"
    assert command("resume", tmp_path / "run")[0] == 2


def test_a_mistake_is_told_as_finetune_tells_it(tiny_config: Config, tmp_path: Path, command: Command) -> None:
    config = written(tmp_path / "c.yaml", tiny_config("token-classification", data={"train": "none.conll"}))
    code, _, err = command("verify-resume", config, "-o", tmp_path / "run")
    assert code == 2
    assert "error: there is no file `none.conll`" in err
    assert "data.train" in err
    assert "hint: " in err
    assert Run(tmp_path / "run").status == "failed"


FIFTY = {
    "ner": ("token-classification", {"max_steps": 60, "checkpoint_every": 7, "evaluate_every": 5, "log_every": 4}),
    "texts": (
        "text-classification",
        {
            "max_steps": 400,
            "micro_batch_size": 3,
            "checkpoint_every": 9,
            "evaluate_every": 6,
            "early_stopping": {"patience": 8},
        },
    ),
    "masked": (
        "text-classification",
        {"max_steps": 60, "checkpoint_every": 7, "evaluate_every": 5, "batch_size": 16, "precision": "bf16"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FIFTY))
@pytest.mark.usefixtures("plugin")
def test_fifty_kills(name: str, tiny_config: Config, tmp_path: Path, command: Command) -> None:
    task, training = FIFTY[name]
    config = tiny_config(task, training=training)
    config["task"]["name"] = "masked" if name == "masked" else task
    path = written(tmp_path / "c.yaml", config)
    code, out, err = command("verify-resume", path, "-o", tmp_path / "run", "--kills", 50)
    print(out)
    assert code == 0, err
    kills = Run(tmp_path / "run").manifest["kills"]
    assert sum(kills.values()) == 50
    assert set(kills) == {"training", "evaluation", "checkpoint", "results"}
    if name == "texts":
        assert Run(tmp_path / "run/children/killed").manifest["stopped"]


@pytest.mark.slow
@pytest.mark.usefixtures("plugin")
def test_randomness_without_a_key_is_found_out(tiny_config: Config, tmp_path: Path, command: Command) -> None:
    config = tiny_config("text-classification", training={"max_steps": 8, "log_every": 1})
    config["task"] = {"name": "masked", "keyed": False}
    code, out, err = command("verify-resume", written(tmp_path / "c.yaml", config), "-o", tmp_path / "run")
    assert code == 3
    assert out.startswith("NOT identical")
    assert "the logs first differ at step 1 (loss" in err


def test_what_differs_is_named() -> None:
    hashes = {"weights": ("a", "b"), "log": ("c", "c")}
    found = Verified(Run(Path("run")), 9, {"training": 2}, hashes, "step 7 (loss 1.0 and 2.0)")
    assert found.lines()[0].startswith("NOT identical: 9 steps, uninterrupted and killed 2 times (2 in training)")
    assert found.lines()[1].endswith("DIFFERENT")
    with pytest.raises(VerdictError, match=r"differs in weights; the logs first differ at step 7") as caught:
        found.require_identical()
    assert caught.value.exit_code == 3


def straight(folder: Path, **seconds: float) -> Run:
    run = Run(folder / "straight")
    run.path.mkdir()
    run.record(steps=20)
    (folder / "straight.seen.json").write_text(json.dumps(seconds))
    return run


def test_moments_are_keyed_by_the_seed_and_cover_all_phases(tmp_path: Path) -> None:
    run = straight(tmp_path, training=0.1, evaluation=0.2, checkpoint=0.05, results=1.0)
    moments = draw_moments(20, run, 3)
    assert moments == draw_moments(20, run, 3) != draw_moments(20, run, 4)
    assert [moment.step for moment in moments] == sorted(moment.step for moment in moments)
    phases = [moment.phase for moment in moments]
    assert {phase: phases.count(phase) for phase in phases} == {
        "training": 6,
        "checkpoint": 6,
        "evaluation": 6,
        "results": 2,
    }
    assert phases[-2:] == ["results"] * 2


def test_a_phase_that_never_came_is_not_waited_for(tmp_path: Path) -> None:
    run = straight(tmp_path, training=0.1, checkpoint=0.05, results=1.0)
    assert draw_moments(2, run, 1)[0].delay <= 0.1
    assert "evaluation" not in {moment.phase for moment in draw_moments(9, run, 1)}
    assert isinstance(draw_moments(1, run, 1)[0], Moment)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("training={budget: 1m}", "a wall-clock budget gives another number of steps each time"),
        ("seeds=[1, 2]", "verify-resume takes one training"),
        ("data.validation={folds: 3}", "verify-resume takes one training"),
    ],
)
def test_what_cannot_be_verified_is_refused(
    changed: str, told: str, tiny_config: Config, tmp_path: Path, command: Command
) -> None:
    config = written(tmp_path / "c.yaml", tiny_config("token-classification"))
    code, _, err = command("verify-resume", config, changed)
    assert code == 2
    assert told in err


@pytest.mark.slow
def test_a_pretraining_is_verified_too(command: Command, tmp_path: Path) -> None:
    config = pretrain_config(write_corpus(tmp_path / "c.txt", 40))
    (tmp_path / "pretrain.yaml").write_text(dump(config))
    code, out, _ = command("verify-resume", tmp_path / "pretrain.yaml", "-o", tmp_path / "proof", "--kills", 3)
    assert code == 0
    assert "identical to the bit: 12 steps" in out
