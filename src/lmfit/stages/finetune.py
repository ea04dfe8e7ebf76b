"""lmfit finetune: encoder + labelled data -> a model for a task, with scores, intervals and a report."""

import time
from dataclasses import replace

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.config.schema import FinetuneConfig
from lmfit.device import Device, pick_device
from lmfit.errors import InputError
from lmfit.evaluation.report import write_report
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor
from lmfit.models.save import save_model
from lmfit.runs import Run, choose_output, claim_output, write_text
from lmfit.stages.calibrate import calibrate
from lmfit.stages.prepare import Prepared, prepare
from lmfit.stages.recording import differences, record_result, record_start, recorded
from lmfit.stages.scoring import judge_of, score_run
from lmfit.stages.training import build_model, checkpoints_of, train

STAGE = "finetune"


def run(loaded: LoadedConfig, *, device: str = "auto", overwrite: bool = False) -> Run:
    """Fine-tune a pretrained encoder on one labelled task. Returns the finished run."""
    config = loaded.config
    with loaded.located():
        chosen = pick_device(device, config.training.precision)
        choose_output(config.output, loaded.name, overwrite=overwrite)
        prepared = prepare(config)
    tell(prepared, chosen)
    run = Run(claim_output(config.output, loaded.name, overwrite=overwrite))
    with run.locked():
        write_text(run.path / "config.yaml", _repeatable(loaded).dump())
        return work(run, prepared, chosen)


def resume(run: Run, loaded: LoadedConfig, *, device: str = "auto") -> Run:
    """Go on with an interrupted run from its newest whole checkpoint."""
    chosen = pick_device(device, loaded.config.training.precision)
    with run.locked():
        manifest = run.manifest
        prepared = prepare(_pinned(loaded.config, manifest.get("model", {}).get("commit")))
        before = manifest.get("data", {})
        for name, facts in prepared.fingerprints.items():
            if name in before and before[name]["sha256"] != facts["sha256"]:
                raise InputError(
                    f"the {name} data has changed since the run began",
                    where=", ".join(facts["files"][:3]),
                    fix="put the old files back, or start a new run",
                )
        changed = differences(manifest, chosen)
        for what in changed:
            console.warn(f"not as when the run began: {what}; it will equal an uninterrupted run only up to rounding")
        return work(run, prepared, chosen, exact=not changed and manifest.get("exactness") != "rounding")


def _pinned(config: FinetuneConfig, commit: str | None) -> FinetuneConfig:
    """The config with the commit of the Hub model that the run began with."""
    return (
        config.model_copy(update={"model": config.model.model_copy(update={"revision": commit})}) if commit else config
    )


def work(run: Run, prepared: Prepared, device: Device, *, exact: bool = True) -> Run:
    """Train, keep the best weights, save, score, report; the (locked) run folder tells at any time how far it is."""
    with recorded(run):
        record_start(run, STAGE, prepared, device, exact=exact)
        model = build_model(prepared, device, resumed=checkpoints_of(run, prepared).exist())
        state = train(run, prepared, model, device)
        started = time.perf_counter()
        calibration = calibrate(prepared, model, device)
        predictor = Predictor(TorchBackend(model, device), prepared.task, prepared.framer)
        facts = score_run(run, prepared, predictor, judge_of(prepared.config), calibration)
        task = prepared.task
        save_model(run.model, model, prepared.framer, task.name, task.state(), task.pipeline_options, calibration)
        seconds = time.perf_counter() - started
        record_result(run, model, state, device, seconds, predictor.tokens_per_second, **facts)
    write_report(run.path)
    run.mark_latest()
    return run


def _repeatable(loaded: LoadedConfig) -> LoadedConfig:
    """Without `output`: the run folder does not point to itself, and its config.yaml can be run again."""
    return replace(loaded, config=loaded.config.model_copy(update={"output": None}))


def tell(prepared: Prepared, device: Device) -> None:
    """The ledger, before training."""
    console.say(f"model: {prepared.source}; device: {device.name}, {device.precision}")
    for line in prepared.ledger.lines():
        console.say(line)
    for line in prepared.ledger.warnings:
        console.warn(line)
