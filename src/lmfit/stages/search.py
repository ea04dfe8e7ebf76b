"""lmfit search: trials of a training stage's settings; the best by validation, then one look at the test rows."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from lmfit.config.load import LoadedConfig, load_config
from lmfit.config.schema import SEARCH
from lmfit.config.search import search_of, searched_stage
from lmfit.device import Device, pick_device
from lmfit.durable import write_text
from lmfit.evaluation.comparison.settings import changes
from lmfit.evaluation.report import write_report
from lmfit.outputs import choose_output, claim_output
from lmfit.runs import Run
from lmfit.stages.ending import recorded
from lmfit.stages.finetune import NO_REMARKS
from lmfit.stages.following import begun_before
from lmfit.stages.recording import record_children, record_size
from lmfit.stages.resuming import (
    refuse_changed,
    refuse_changed_data,
    settings_of,
    with_threads,
)
from lmfit.stages.searched import Pretrained, Searched, Transferred, Tuned
from lmfit.stages.several import train_children
from lmfit.stages.study import require_optuna
from lmfit.stages.trials import FREE, Trials
from lmfit.training.distributed import job_facts

STAGE = SEARCH
SEARCHED: Mapping[str, Callable[..., Searched]] = {
    "finetune": Tuned,
    "pretrain": Pretrained,
    "transfer": Transferred,
}


def prepared(loaded: LoadedConfig[Any], device: Device, before: Run | None = None) -> Searched:
    """The stage whose runs the trials are, and its data; `before`: the run that goes on."""
    return SEARCHED[searched_stage(loaded.tree.keys, search_of(loaded.config).stage)](loaded, device, before)


def run(
    loaded: LoadedConfig[Any],
    *,
    device: str = "auto",
    overwrite: bool = False,
    remarks: Mapping[str, Any] = NO_REMARKS,
) -> Run:
    """Search the settings that validate best; `remarks` (note, tags) go to run.json. The finished run."""
    require_optuna()
    if (begun := begun_before(loaded)) is not None:
        return resume(begun, device=device, inexact=True)
    with loaded.located():
        chosen = pick_device(device, loaded.config.training.precision)
        choose_output(loaded.config.output, loaded.name, overwrite=overwrite, models=loaded.models)
        searched = prepared(loaded, chosen)
        searched.refuse_choices()
    searched.tell()
    run = Run(claim_output(loaded.config.output, loaded.name, overwrite=overwrite))
    with run.locked():
        write_text(run.path / "config.yaml", loaded.having(output=None).dump())
        searched.begin(run)
        run.record(status="running", stage=STAGE, owner=uuid4().hex, **job_facts())
        return work(run, searched, remarks=remarks)


def resume(run: Run, overrides: Sequence[str] = (), *, device: str = "auto", inexact: bool = False) -> Run:
    """Go on with the trial that was interrupted, then with new ones, until there are as many as wanted."""
    begun, loaded = load_config(STAGE, run.config), load_config(STAGE, run.config, overrides)
    changed = changes(settings_of(begun), settings_of(loaded))
    refuse_changed(changed, FREE)
    chosen = pick_device(device, loaded.config.training.precision)
    with run.locked():
        if not inexact:
            chosen = with_threads(chosen, run.manifest.get("device", {}).get("threads"))
        searched = prepared(loaded, chosen, run)
        refuse_changed_data(run, searched)
        if changed:
            write_text(run.path / "config.yaml", loaded.having(output=None).dump())
        return work(run, searched, inexact=inexact)


def work(run: Run, searched: Searched, *, inexact: bool = False, remarks: Mapping[str, Any] = NO_REMARKS) -> Run:
    """Trials, then the best one's scores; the (locked) run folder tells at any time how far it is."""
    with recorded(run):
        searched.record(run, STAGE, remarks)
        trials = Trials(run, searched)
        train_children(run, trials, partial(trials.work, inexact=inexact))
        finished = trials.finished(run)
        record_children(run, finished, **trials.summarise(run, finished))
        write_report(run.path, status="finished")
        searched.card(run)
        record_size(run)
    run.mark_latest()
    return run
