"""What a run that goes on must have in common with the one that began."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import lmfit
from interruptions import TRAINING, edit_conditions, killed, outcome
from lmfit.config.load import load_config
from lmfit.errors import Interrupted
from lmfit.runs import Run
from lmfit.stages.ending import recorded
from lmfit.stages.resuming import _changed, settings_of

Command = Callable[..., tuple[int, str, str]]
CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def straight(tiny_config: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = str(tmp_path_factory.mktemp("straight") / "run")
    return lmfit.finetune(tiny_config("text-classification", training=TRAINING, output=output))


@pytest.fixture
def run(straight: Run, tmp_path: Path) -> Run:
    return killed(straight, tmp_path / "moved", [4])


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_without_a_checkpoint_it_starts_from_the_beginning_and_says_so(
    straight: Run, tmp_path: Path, command: Command
) -> None:
    run = killed(straight, tmp_path / "moved", [])
    code, _, err = command("resume", run.path)
    assert code == 0
    assert "there is no checkpoint yet; training starts from the beginning" in err
    assert run.manifest["exactness"] == "exact"


@pytest.mark.usefixtures("_threads")
def test_the_number_of_threads_is_as_before(run: Run, straight: Run, command: Command) -> None:
    edit_conditions(run, lambda made: made["machine"].update(threads=3))
    code, _, err = command("resume", run.path)
    assert code == 0
    assert "computing with 3 threads, as the run began, not with 1" in err
    assert torch.get_num_threads() == 3
    assert (run.manifest["exactness"], run.manifest["device"]["threads"]) == ("exact", 3)


def test_other_versions_need_to_be_allowed(run: Run, command: Command) -> None:
    edit_conditions(run, lambda made: made["machine"].update(torch="1.0", name="Another CPU"))
    code, _, err = command("resume", run.path)
    assert code == 2
    assert "not as when the checkpoint was written: name Another CPU, now " in err
    assert "torch 1.0, now " in err
    assert f"lmfit resume {run.path} --inexact" in err
    code, _, err = command("resume", run.path, "--inexact")
    assert code == 0
    assert "exactness: rounding" in err
    assert run.manifest["exactness"] == "rounding"


def test_a_key_that_an_older_version_did_not_know_has_its_default(run: Run, command: Command) -> None:
    edit_conditions(run, lambda made: made["settings"]["training"].pop("cuda_graphs"))
    code, _, err = command("resume", run.path, "--set", "training.cuda_graphs=off")
    assert code == 2
    assert "training.cuda_graphs: auto -> off" in err
    assert command("resume", run.path)[0] == 0
    assert run.manifest["exactness"] == "exact"


def test_rounding_stays_with_the_run(run: Run, command: Command) -> None:
    edit_conditions(run, lambda made: made.update(exactness="rounding"))
    assert command("resume", run.path)[0] == 0
    assert run.manifest["exactness"] == "rounding"


def test_a_longer_training_is_allowed_and_told(run: Run, command: Command) -> None:
    code, _, err = command("resume", run.path, "--set", "training.max_steps=15", "--set", "training.keep=1")
    assert code == 0
    assert "training.max_steps: 12 -> 15" in err
    assert run.manifest["steps"] == 15
    assert run.manifest["exactness"] == "rounding"
    assert yaml.safe_load(run.config.read_text())["training"]["max_steps"] == 15
    assert len(list((run.path / "checkpoints").glob("step-*"))) == 1


@pytest.mark.parametrize("word", ["training.learning_rate=1.0", "seed=4", "data.max_length=9"])
def test_other_settings_are_refused_by_name(word: str, run: Run, command: Command) -> None:
    before = run.config.read_text()
    code, _, err = command("resume", run.path, "--set", word)
    assert code == 2
    assert f"at: {word.partition('=')[0]}" in err
    assert "only these may change: training.epochs, training.max_steps" in err
    assert run.config.read_text() == before


def test_an_edited_config_is_found_out(run: Run, command: Command) -> None:
    run.config.write_text(run.config.read_text().replace("warmup: 0.1", "warmup: 0.3"))
    code, _, err = command("resume", run.path)
    assert code == 2
    assert "changed: training.warmup: 0.1 -> 0.3" in err


def test_logging_may_change_without_a_trace_in_the_weights(run: Run, straight: Run, command: Command) -> None:
    assert command("resume", run.path, "--set", "training.log_every=1")[0] == 0
    assert outcome(run)["weights"] == outcome(straight)["weights"]
    assert run.manifest["exactness"] == "exact"


def test_a_finished_run_keeps_its_settings(straight: Run, command: Command) -> None:
    code, _, err = command("resume", straight.path, "--set", "training.max_steps=20")
    assert code == 2
    assert "is finished; its settings stay" in err


SHIPPED = [path for path in sorted(CONFIGS.glob("*.yaml")) if not path.name.startswith(("compress", "search"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_config_goes_on_as_it_began(path: Path) -> None:
    stage = next((name for name in ("pretrain", "transfer") if path.name.startswith(name)), "finetune")
    loaded: Any = load_config(stage, path)
    assert _changed(settings_of(loaded), loaded) == {}


def test_batches_by_tokens_go_on_as_they_began(
    tiny_config: Callable[..., Any], tmp_path: Path, command: Command
) -> None:
    training = {"batch_size": None, "batch_tokens": 128, "max_steps": 6, "checkpoint_every": 2}
    config = tiny_config("text-classification", training=training, output=str(tmp_path / "whole"))
    del config["training"]["batch_size"]
    run = killed(lmfit.finetune(config), tmp_path / "moved", [4])
    code, _, err = command("resume", run.path)
    assert code == 0, err
    assert "resuming from step 4" in err


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "nothing was saved yet"),
        ("model", "model/ is written"),
        ("checkpoints/step-1", "the last checkpoint"),
        ("trainings/2/checkpoints/step-1", "the last checkpoint"),
    ],
)
def test_what_an_interruption_leaves_is_told(written: str, told: str, tmp_path: Path) -> None:
    (tmp_path / written).mkdir(parents=True, exist_ok=True)
    with pytest.raises(Interrupted, match=told), recorded(Run(tmp_path)):
        raise KeyboardInterrupt
