"""What trackers hold of real runs, read back by their own readers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import lmfit
from lmfit.config.load import load_config
from lmfit.errors import ConfigError, Interrupted
from lmfit.runs import Run
from lmfit.stages import finetune
from lmfit.tracking import trackers as group
from lmfit.tracking.base import Tracked
from lmfit.tracking.trackers import Trackers
from lmfit.training.hooks import QuietHook

Config = Callable[..., dict[str, Any]]
Points = dict[str, list[tuple[int, float]]]
TRAINING = {"max_steps": 6, "batch_size": 8, "evaluate_every": 3, "log_every": 2, "checkpoint_every": 3}


def scalars(folder: Path) -> Points:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {name: [(one.step, one.value) for one in read.Scalars(name)] for name in read.Tags()["scalars"]}


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def steps_of(points: Points, name: str) -> list[int]:
    return [step for step, _ in points[name]]


def stop_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt training after so many steps, without a checkpoint of that moment."""

    class Stop(QuietHook):
        def __init__(self, name: str) -> None:
            pass

        def on_step(self, trainer: Any, result: Any) -> None:
            if trainer.state.step == number:
                raise Interrupted(15, fix="resume")

    monkeypatch.setattr("lmfit.stages.training.StopOnSignal", Stop)


def interrupted_and_resumed(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Run:
    with monkeypatch.context() as patch:
        stop_at(5, patch)
        with pytest.raises(Interrupted):
            lmfit.finetune(config)
    run = Run(Path(config["output"]))
    return finetune.resume(run)


class TestTensorBoard:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("tensorboard", reason="TensorBoard is not installed")

    def test_events_hold_what_the_log_holds(self, tiny_config: Config, tmp_path: Path) -> None:
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "r"))
        run = lmfit.finetune(config | {"tracking": "tensorboard"})
        found = scalars(run.path / "tensorboard")
        told = [line for line in logged(run.path) if "loss" in line]
        assert found["train/loss"] == [(line["step"], pytest.approx(line["loss"], rel=1e-6)) for line in told]
        assert steps_of(found, "train/learning_rate") == steps_of(found, "train/grad_norm") == [2, 4, 6]
        assert steps_of(found, "validation/accuracy") == [3, 6]
        test = run.metrics["test"]["accuracy"]
        assert found["test/accuracy"] == [(6, pytest.approx(test["value"]))]
        assert found["test/accuracy.low"] == [(6, pytest.approx(test["low"]))]
        assert not [name for name in found if "per_class" in name]

    def test_a_resumed_run_goes_on_without_doubled_steps(
        self, tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "r"))
        run = interrupted_and_resumed(config | {"tracking": "tensorboard"}, monkeypatch)
        found = scalars(run.path / "tensorboard")
        assert steps_of(found, "train/loss") == [2, 4, 6]
        assert steps_of(found, "validation/accuracy") == [3, 6]

    def test_no_text_of_the_data_goes_there(self, tiny_config: Config, tmp_path: Path) -> None:
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "r"))
        run = lmfit.finetune(config | {"tracking": ["tensorboard"]})
        written = b"".join(path.read_bytes() for path in (run.path / "tensorboard").iterdir())
        assert b"training.max_steps" in written
        assert b"kettle" not in written

    def test_seeds_are_tracked_one_by_one(self, tiny_config: Config, tmp_path: Path) -> None:
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "r"), seeds=[1, 2])
        run = lmfit.finetune(config | {"tracking": "tensorboard"})
        for child in ("seed-1", "seed-2"):
            assert "test/accuracy" in scalars(run.path / "children" / child / "tensorboard")


class TestMlflow:
    @pytest.fixture
    def client(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        pytest.importorskip("mlflow", reason="MLflow is not installed")
        from mlflow import MlflowClient

        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
        (tmp_path / "mlruns").mkdir()
        return MlflowClient(tracking_uri="sqlite:///mlruns/mlflow.db")

    def test_a_resumed_run_is_one_run(
        self, client: Any, tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "topics"))
        run = interrupted_and_resumed(config | {"tracking": "mlflow"}, monkeypatch)
        experiment = client.get_experiment_by_name("topics")
        [found] = client.search_runs([experiment.experiment_id])
        history = {k: [one.step for one in client.get_metric_history(found.info.run_id, k)] for k in found.data.metrics}
        assert history["train/loss"] == [2, 4, 6]
        assert history["validation/accuracy"] == [3, 6]
        assert found.info.status == "FINISHED"
        assert found.info.run_name == "topics"
        assert found.data.params["training.learning_rate"] == "0.001"
        assert found.data.tags["version.lmfit"] == lmfit.__version__
        assert found.data.metrics["test/accuracy"] == pytest.approx(run.metrics["test"]["accuracy"]["value"])

    def test_a_server_that_is_away_breaks_nothing(
        self, client: Any, tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:geheim@127.0.0.1:9")
        config = tiny_config("text-classification", training=TRAINING, output=str(tmp_path / "r"))
        run = lmfit.finetune(config | {"tracking": "mlflow"})
        err = capsys.readouterr().err
        assert run.status == "finished"
        assert err.count("tracking with mlflow stops here") == 1
        assert "geheim" not in err


class Broken(group.Tracker):
    name, module, extra = "broken", "json", "tracking"

    def open(self, tracked: Tracked) -> str:
        return "here"

    def log(self, step: int, values: Any) -> None:
        raise OSError(28, "No space left on device")

    def close(self, outcome: str) -> None:
        raise AssertionError("it is out already")


def test_a_tracker_that_fails_is_said_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(group.TRACKERS._own, "broken", f"{__name__}:Broken")
    monkeypatch.setattr(group.TRACKERS, "load", lambda name: Broken)
    trackers = Trackers(["broken"], Tracked(tmp_path, "r", "r", {}, {}))
    for step in (1, 2, 3):
        trackers.log(step, {"train/loss": 1.0})
    trackers.close("finished")
    err = capsys.readouterr().err
    assert err.count("warning: tracking with broken stops here") == 1
    assert "No space left" in err


@pytest.mark.parametrize("value", ["tensorbord", "[mlflow, tensorbord]"])
def test_a_mistyped_tracker_gets_a_suggestion(value: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"task: text-classification\ndata: sample-intents\ntracking: {value}\n")
    with pytest.raises(ConfigError) as caught:
        load_config("finetune", path)
    assert "tracking" in str(caught.value)
    assert "did you mean `tensorboard`?" in str(caught.value)


def test_a_missing_extra_is_told_before_anything(
    command: Callable[..., tuple[int, str, str]], tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmfit.tracking.base.find_spec", lambda name: None)
    config = tiny_config("text-classification", output=str(tmp_path / "r")) | {"tracking": "mlflow"}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    code, _, err = command("finetune", tmp_path / "c.yaml")
    assert code == 2
    assert 'pip install "lmfit-toolkit[tracking]"' in err
    assert not (tmp_path / "r").exists()


def test_the_tracker_of_another_tool_is_understood(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("task: text-classification\ndata: sample-intents\ntraining: {report_to: mlflow}\n")
    with pytest.raises(ConfigError, match="report_to") as caught:
        load_config("finetune", tmp_path / "c.yaml")
    assert "here tracking" in str(caught.value)


def test_a_tracked_config_can_be_repeated(tiny_config: Config) -> None:
    loaded = load_config("finetune", tiny_config("text-classification") | {"tracking": ["tensorboard", "tensorboard"]})
    assert loaded.config.trackers == ["tensorboard"]
    assert yaml.safe_load(loaded.dump())["tracking"] == ["tensorboard", "tensorboard"]
