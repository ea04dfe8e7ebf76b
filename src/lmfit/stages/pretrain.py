"""lmfit pretrain: raw text -> encoder (masked language model, next sentence) or decoder, tokenizer included."""

from collections.abc import Mapping, Sequence
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig, load_config
from lmfit.config.pretraining import PretrainConfig
from lmfit.device import Device, pick_device, use_threads
from lmfit.durable import write_text
from lmfit.evaluation.card.pretrained import write_pretrained_card
from lmfit.evaluation.comparison.settings import changes
from lmfit.evaluation.report import write_report
from lmfit.outputs import choose_output, claim_output
from lmfit.runs import Run
from lmfit.stages.corpus import TOKENIZER, Ready, prepare_corpus
from lmfit.stages.ending import recorded
from lmfit.stages.finetune import NO_REMARKS
from lmfit.stages.following import begun_before
from lmfit.stages.probes import load_probes, run_probes
from lmfit.stages.recording import record_result, record_size
from lmfit.stages.resuming import (
    FREE,
    conditions,
    go_on,
    refuse_changed,
    refuse_changed_data,
    settings_of,
)
from lmfit.stages.several import Child
from lmfit.stages.text_training import build, pretrain, record_pretraining, save_pretrained, score_text
from lmfit.training.checkpoint import EXACT, Checkpoints
from lmfit.training.distributed import job_facts
from lmfit.training.trainer import Hook

STAGE = "pretrain"
Loaded = LoadedConfig[PretrainConfig]


def run(
    loaded: Loaded, *, device: str = "auto", overwrite: bool = False, remarks: Mapping[str, Any] = NO_REMARKS
) -> Run:
    """Pretrain a model on raw text; `remarks` (note, tags) go to run.json. The finished run."""
    config = loaded.config
    if (begun := begun_before(loaded)) is not None:
        return resume(begun, device=device, inexact=True)
    with loaded.located():
        chosen = pick_device(device, config.training.precision)
        choose_output(config.output, loaded.name, overwrite=overwrite, models=loaded.models)
        load_probes(config)
        ready = prepare_corpus(config)
    tell(ready, chosen)
    run = Run(claim_output(config.output, loaded.name, overwrite=overwrite))
    with run.locked():
        begin(run, loaded, ready)
        run.record(status="running", stage=STAGE, **job_facts())
        return work(run, loaded, ready, chosen, remarks=remarks)


def pinned(config: PretrainConfig, commit: str | None) -> PretrainConfig:
    """The config with the commit of the Hub model that the run began with."""
    return (
        config.model_copy(update={"model": config.model.model_copy(update={"revision": commit})}) if commit else config
    )


def begin(run: Run, loaded: Loaded, ready: Ready) -> None:
    """What resuming needs of the folder."""
    write_text(run.path / "config.yaml", loaded.having(output=None).dump())
    ready.tokenizer.save_pretrained(run.path / TOKENIZER)


def resume(run: Run, overrides: Sequence[str] = (), *, device: str = "auto", inexact: bool = False) -> Run:
    """Go on with an interrupted run from its newest whole checkpoint; `inexact` as for fine-tuning."""
    begun, loaded = load_config(STAGE, run.config), load_config(STAGE, run.config, overrides)
    changed = changes(settings_of(begun), settings_of(loaded))
    refuse_changed(changed, FREE)
    with run.locked():
        chosen, exactness = go_on(run, loaded, pick_device(device, loaded.config.training.precision), inexact=inexact)
        began = pinned(loaded.config, run.manifest.get("model", {}).get("commit"))
        ready = prepare_corpus(began, run.path / TOKENIZER)
        refuse_changed_data(run, ready)
        if changed:
            write_text(run.path / "config.yaml", loaded.having(output=None).dump())
        return work(run, loaded, ready, chosen, exactness=exactness)


def work(
    run: Run,
    loaded: Loaded,
    ready: Ready,
    device: Device,
    *,
    exactness: str = EXACT,
    remarks: Mapping[str, Any] = NO_REMARKS,
    hooks: Sequence[Hook] = (),
) -> Run:
    """Train, score, save and probe; the (locked) run folder tells at any time how far it is."""
    with recorded(run):
        record_pretraining(run, STAGE, ready, device, exactness, **remarks)
        checkpoints = Checkpoints(
            run.path / "checkpoints", ready.config.training.keep, conditions(loaded, device, exactness)
        )
        model = build(run, ready, device)
        state = pretrain(run, ready, model, device, checkpoints, hooks)
        facts = score_text(run, ready, model, device)
        save_pretrained(run, ready, model)
        record_result(run, model, state, device, **facts)
        run.record(probes=run_probes(run, ready, model, device))
        write_report(run.path, status="finished")
        write_pretrained_card(run)
        record_size(run)
    run.mark_latest()
    return run


def work_child(run: Run, child: Child, *, device: Device, inexact: bool, hooks: Sequence[Hook] = ()) -> Run:
    """Begin a child, or go on with it; `hooks` stand around its training besides its own."""
    use_threads(device.threads)
    exactness = EXACT
    if (run.path / "run.json").is_file():
        device, exactness = go_on(run, child.loaded, device, inexact=inexact)
    ready = child.prepared
    assert isinstance(ready, Ready)
    begin(run, child.loaded, ready)
    return work(run, child.loaded, ready, device, exactness=exactness, hooks=hooks)


def tell(ready: Ready, device: Device) -> None:
    """What was read, before training."""
    console.say(f"device: {device.name}, {device.precision}")
    for line in ready.lines():
        console.say(line)
    for line in ready.warnings:
        console.warn(line)
