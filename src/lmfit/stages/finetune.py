"""lmfit finetune: encoder + labelled data -> a model for a task, with scores, intervals and a report."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig, load_config
from lmfit.config.schema import FinetuneConfig
from lmfit.device import Device, pick_device, use_threads
from lmfit.durable import write_text
from lmfit.evaluation.card import write_card
from lmfit.evaluation.comparison.settings import changes
from lmfit.evaluation.report import write_report
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor
from lmfit.models.lora import merge
from lmfit.models.own_head import facts_of
from lmfit.models.save import Adapter, save_model
from lmfit.outputs import choose_output, claim_output
from lmfit.runs import Run
from lmfit.stages.calibrate import calibrate
from lmfit.stages.ending import recorded
from lmfit.stages.folds import Folds
from lmfit.stages.following import begun_before
from lmfit.stages.joint import prepare_whole, trains_alone
from lmfit.stages.prepare import Prepared
from lmfit.stages.recording import record_children, record_result, record_size, record_start
from lmfit.stages.resuming import (
    FREE,
    FREE_OF_SEVERAL,
    conditions,
    go_on,
    refuse_changed,
    refuse_changed_data,
    settings_of,
    with_threads,
)
from lmfit.stages.scoring import judge_of, score_run
from lmfit.stages.seeds import Seeds
from lmfit.stages.several import Child, Several, train_children
from lmfit.stages.tracking import tracked
from lmfit.stages.training import build_model, train
from lmfit.training.checkpoint import EXACT, Checkpoints, TrainState
from lmfit.training.distributed import job_facts
from lmfit.training.trainer import Hook

SeveralOf = Callable[[LoadedConfig, Prepared, Device], Several | None]
NO_REMARKS: Mapping[str, Any] = MappingProxyType({})


def several_of(loaded: LoadedConfig, prepared: Prepared, device: Device) -> Several | None:
    """The seeds or folds that the run is made of; None for an ordinary run."""
    if loaded.config.seeds is not None:
        return Seeds(loaded, prepared)
    return Folds(loaded, prepared) if loaded.config.cross_validated else None


def run(
    loaded: LoadedConfig,
    *,
    device: str = "auto",
    overwrite: bool = False,
    remarks: Mapping[str, Any] = NO_REMARKS,
    made_of: SeveralOf = several_of,
) -> Run:
    """Fine-tune a pretrained encoder on one labelled task; `remarks` (note, tags) go to run.json. The finished run."""
    config = loaded.config
    if (begun := begun_before(loaded)) is not None:
        return resume(begun, device=device, inexact=True, made_of=made_of)
    with loaded.located():
        chosen = pick_device(device, config.training.precision)
        choose_output(config.output, loaded.name, overwrite=overwrite, models=loaded.models)
        prepared = prepare_whole(loaded, config)
        several = made_of(loaded, prepared, chosen)
    tell(prepared, chosen)
    run = Run(claim_output(config.output, loaded.name, overwrite=overwrite))
    with run.locked():
        write_text(run.path / "config.yaml", repeatable(loaded).dump())
        run.record(status="running", stage=loaded.stage, **job_facts())
        return work(run, loaded, prepared, chosen, several, remarks=remarks)


def resume(
    run: Run,
    overrides: Sequence[str] = (),
    *,
    device: str = "auto",
    inexact: bool = False,
    made_of: SeveralOf = several_of,
) -> Run:
    """Go on with an interrupted run: from its newest whole checkpoint, or with the children that are not finished.

    inexact: also where another machine or other versions allow equality only up to rounding.
    """
    begun, loaded = load_config(run.stage, run.config), load_config(run.stage, run.config, overrides)
    alone = trains_alone(loaded.config)
    changed = changes(settings_of(begun), settings_of(loaded))
    refuse_changed(changed, FREE if alone else FREE_OF_SEVERAL)
    chosen = pick_device(device, loaded.config.training.precision)
    with run.locked():
        exactness = EXACT
        if alone:
            chosen, exactness = go_on(run, loaded, chosen, inexact=inexact)
        elif not inexact:
            chosen = with_threads(chosen, run.manifest.get("device", {}).get("threads"))
        prepared = prepare_whole(loaded, pinned(loaded.config, run.manifest.get("model", {}).get("commit")))
        refuse_changed_data(run, prepared)
        if changed:
            write_text(run.path / "config.yaml", repeatable(loaded).dump())
        several = made_of(loaded, prepared, chosen)
        return work(run, loaded, prepared, chosen, several, exactness=exactness, inexact=inexact)


def pinned(config: FinetuneConfig, commit: str | None) -> FinetuneConfig:
    """The config with the commit of the Hub model that the run began with."""
    return (
        config.model_copy(update={"model": config.model.model_copy(update={"revision": commit})}) if commit else config
    )


def work(
    run: Run,
    loaded: LoadedConfig,
    prepared: Prepared,
    device: Device,
    several: Several | None = None,
    *,
    exactness: str = EXACT,
    inexact: bool = False,
    remarks: Mapping[str, Any] = NO_REMARKS,
    hooks: Sequence[Hook] = (),
) -> Run:
    """Train, score and report, alone or as several; the (locked) run folder tells at any time how far it is."""
    with recorded(run):
        record_start(run, loaded.stage, prepared, device, exactness, **remarks)
        if several is None:
            train_alone(run, prepared, device, conditions(loaded, device, exactness), hooks)
        else:
            children = train_children(run, several, partial(work_child, device=device, inexact=inexact))
            record_children(run, children, **several.summarise(run, children))
        write_report(run.path, status="finished")
        write_card(run.path)
        record_size(run)
    run.mark_latest()
    return run


def train_alone(
    run: Run, prepared: Prepared, device: Device, under: Mapping[str, Any], hooks: Sequence[Hook] = ()
) -> None:
    """Train, keep the best weights, save, score; checkpoints record the conditions that the run works `under`."""
    checkpoints = Checkpoints(run.path / "checkpoints", prepared.config.training.keep, under)
    with tracked(run, prepared) as trackers:
        model = build_model(prepared, device, resumed=checkpoints.conditions() is not None)
        state = train(run, prepared, model, device, checkpoints, trackers.line, hooks)
        score_and_save(run, prepared, model, state, device)
        trackers.scores(state.step, "test", run.metrics.get("test", {}))


def score_and_save(run: Run, prepared: Prepared, model: Any, state: TrainState, device: Device) -> None:
    """Merge adapters, calibrate, score, save the model; all about it goes to run.json."""
    started = time.perf_counter()
    lora, adapter = prepared.config.model.lora, merge(model)
    calibration = calibrate(prepared, model, device)
    predictor = Predictor(TorchBackend(model, device), prepared.task, prepared.framer)
    predictor.quick = not prepared.config.evaluation.operating_points
    facts = score_run(run, prepared, predictor, judge_of(prepared.config), calibration)
    task = prepared.task
    apart = None if lora is None or lora.merge else Adapter(adapter, lora, prepared.source, task.auto_class)
    head = facts_of(prepared.config.model)
    save_model(run.model, model, prepared.framer, task.name, task.state(), calibration, head=head, adapter=apart)
    seconds = time.perf_counter() - started
    record_result(run, model, state, device, seconds, predictor.tokens_per_second, **facts)


def work_child(run: Run, child: Child, *, device: Device, inexact: bool, hooks: Sequence[Hook] = ()) -> Run:
    """Begin a child, or go on with it; `hooks` stand around its training besides its own."""
    use_threads(device.threads)
    begun, exactness = (run.path / "run.json").is_file(), EXACT
    if begun:
        device, exactness = go_on(run, child.loaded, device, inexact=inexact)
    prepared = child.prepared or prepare_whole(child.loaded, child.loaded.config)
    assert isinstance(prepared, Prepared)
    if begun:
        refuse_changed_data(run, prepared)
    write_text(run.path / "config.yaml", repeatable(child.loaded).dump())
    return work(run, child.loaded, prepared, device, exactness=exactness, hooks=hooks)


def repeatable(loaded: LoadedConfig) -> LoadedConfig:
    """Without `output`: the run folder does not point to itself, and its config.yaml can be run again."""
    return loaded.having(output=None)


def tell(prepared: Prepared, device: Device) -> None:
    """The ledger, before training."""
    console.say(f"model: {prepared.source}; device: {device.name}, {device.precision}")
    for line in prepared.ledger.lines():
        console.say(line)
    for line in prepared.ledger.warnings:
        console.warn(line)
