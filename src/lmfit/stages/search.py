"""lmfit search: trials of a training stage's settings; the best by validation, then one look at the test rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from shutil import rmtree
from typing import Any
from uuid import uuid4

from lmfit import console
from lmfit.config.durations import seconds, shown_seconds
from lmfit.config.keys import Schemas
from lmfit.config.load import LoadedConfig, load_config
from lmfit.config.schema import STAGE_CONFIGS
from lmfit.config.search import SEARCH, search_of, searched_stage
from lmfit.config.spaces import takes_whole_numbers
from lmfit.device import Device, pick_device
from lmfit.durable import write_text
from lmfit.errors import ConfigError, InputError, Interrupted, LmfitError
from lmfit.evaluation.card import write_card
from lmfit.evaluation.comparison.settings import flat
from lmfit.evaluation.names import metric
from lmfit.evaluation.report import write_report
from lmfit.inference.load import load_predictor
from lmfit.runs import Run, choose_output, claim_output
from lmfit.stages import finetune
from lmfit.stages.ending import recorded
from lmfit.stages.prepare import Prepared, prepare
from lmfit.stages.recording import record_children, record_size, record_start
from lmfit.stages.resuming import (
    FREE_OF_SEVERAL,
    differing,
    refuse_changed,
    refuse_changed_data,
    settings_of,
    with_threads,
)
from lmfit.stages.scoring import judge_of, score_run
from lmfit.stages.several import Child, Several, adopt, told, train_children
from lmfit.stages.study import Study, Trial, require_optuna
from lmfit.training.checkpoint import EXACT
from lmfit.training.pruning import PRUNED, Prune

STAGE = SEARCH
FREE = (*FREE_OF_SEVERAL, "search.trials", "search.budget")
NOT_COMPARED = (*FREE, "search.storage", "search.study")
MOST_FAILURES = 3

Work = Callable[..., Run]
WORK: Mapping[str, Work] = {"finetune": finetune.work_child}
"""How a trial of each stage is begun, or gone on with: (run, child, *, device, inexact, hooks) -> the run."""


def run(
    loaded: LoadedConfig,
    *,
    device: str = "auto",
    overwrite: bool = False,
    remarks: Mapping[str, Any] = finetune.NO_REMARKS,
) -> Run:
    """Search the settings that validate best; `remarks` (note, tags) go to run.json. The finished run."""
    require_optuna()
    with loaded.located():
        chosen = pick_device(device, loaded.config.training.precision)
        choose_output(loaded.config.output, loaded.name, overwrite=overwrite)
        prepared = prepare(loaded.config)
        refuse_unfit(loaded, prepared)
    finetune.tell(prepared, chosen)
    run = Run(claim_output(loaded.config.output, loaded.name, overwrite=overwrite))
    with run.locked():
        write_text(run.path / "config.yaml", finetune.repeatable(loaded).dump())
        run.record(status="running", stage=STAGE, owner=uuid4().hex)
        return work(run, loaded, prepared, chosen, remarks=remarks)


def resume(run: Run, overrides: Sequence[str] = (), *, device: str = "auto", inexact: bool = False) -> Run:
    """Go on with the trial that was interrupted, then with new ones, until there are as many as wanted."""
    begun, loaded = load_config(STAGE, run.config), load_config(STAGE, run.config, overrides)
    changed = differing(settings_of(begun), settings_of(loaded))
    refuse_changed(changed, FREE)
    chosen = pick_device(device, loaded.config.training.precision)
    with run.locked():
        if not inexact:
            chosen = with_threads(chosen, run.manifest.get("device", {}).get("threads"))
        prepared = prepare(finetune.pinned(loaded.config, run.manifest.get("model", {}).get("commit")))
        refuse_changed_data(run, prepared)
        if changed:
            write_text(run.path / "config.yaml", finetune.repeatable(loaded).dump())
        return work(run, loaded, prepared, chosen, inexact=inexact)


def refuse_unfit(loaded: LoadedConfig, prepared: Prepared) -> None:
    """Raises ConfigError for a config whose trials cannot be compared."""
    config, search = loaded.config, search_of(loaded.config)
    if config.seeds is not None or config.cross_validated:
        key = "seeds" if config.seeds is not None else "data.validation"
        what = f"a trial is one run; {'seeds' if key == 'seeds' else 'folds'} cannot be searched over"
        raise ConfigError(what, where=key, fix="search with one seed and one validation split; then measure best.yaml")
    if prepared.splits.validation is None:
        what = "a search compares its trials on validation data, and there is none"
        raise ConfigError(what, where="data.validation", fix="set data.validation={split: 0.1}")
    if search.metric is not None and config.training.best_metric not in (None, search.metric):
        what = (
            f"trials keep their weights by training.best_metric ({config.training.best_metric}), not by search.metric"
        )
        raise ConfigError(what, where="search.metric", fix="give one of them, or both the same")


def work(
    run: Run,
    loaded: LoadedConfig,
    prepared: Prepared,
    device: Device,
    *,
    inexact: bool = False,
    remarks: Mapping[str, Any] = finetune.NO_REMARKS,
) -> Run:
    """Trials, then the best one's scores; the (locked) run folder tells at any time how far it is."""
    with recorded(run):
        record_start(run, STAGE, prepared, device, EXACT, **remarks)
        trials = Trials(run, loaded, prepared, device)
        children = train_children(run, trials, partial(trials.work, inexact=inexact))
        finished = [child for child in children if child.status == "finished"]
        record_children(run, finished, **trials.summarise(run, finished))
        write_report(run.path, status="finished")
        write_card(run.path)
        record_size(run)
    run.mark_latest()
    return run


class Trials(Several):
    """The trials of a search, one child each."""

    def __init__(self, run: Run, loaded: LoadedConfig, prepared: Prepared, device: Device) -> None:
        self.loaded, self.prepared, self.device = loaded, prepared, device
        self.search = search_of(loaded.config)
        self.stage = searched_stage(loaded.tree.keys, self.search.stage)
        self.metric = self.search.metric or loaded.config.training.best_metric or prepared.task.headline
        schemas: Schemas = {(): STAGE_CONFIGS[self.stage], ("task",): type(loaded.config.task)}
        whole = {name for name in self.search.space if takes_whole_numbers(tuple(name.split(".")), schemas)}
        higher = metric(self.metric).better == "higher"
        options = {"seed": loaded.config.seed, "higher": higher, "owner": run.manifest["owner"], "whole": whole}
        self.study = Study(run.path, self.search, loaded.name, **options)
        self.study.join(_sameness(loaded, prepared))
        self._trial: Trial | None = None
        self._failures = 0

    def plan(self, run: Run, finished: Sequence[Run]) -> Iterator[Child]:
        """Those that are there already, unfinished ones too; then new ones, while there is time."""
        for trial in self.study.own():
            yield self._begin(trial)
            self._end(trial, finished[-1])
        while self._has_time(finished) and (new := self.study.ask()) is not None:
            yield self._begin(new)
            self._end(new, finished[-1])

    def _begin(self, trial: Trial) -> Child:
        self._trial = trial
        told = ", ".join(f"{name}={_shown(value)}" for name, value in trial.values.items())
        return Child(trial.name, f"{trial.name}: {told}", self._loaded(trial.values, test=False))

    def _loaded(self, values: Mapping[str, Any], *, test: bool = True) -> LoadedConfig:
        """The config of a trial; without `test` its test rows are set aside."""
        made = self.loaded.varied(values)
        config = made.config
        training = config.training.model_copy(update={"best_metric": self.search.metric or config.training.best_metric})
        evaluation = (
            config.evaluation if test else config.evaluation.model_copy(update={"test": False, "robustness": []})
        )
        model = config.model
        if "model.name" not in values:
            model = model.model_copy(update={"revision": self.prepared.config.model.revision})
        return made.having(training=training, evaluation=evaluation, model=model)

    def work(self, run: Run, child: Child, *, inexact: bool) -> None:
        """Train a trial. One that fails is left as failed; the search fails where several do so in a row."""
        trial = self._trial
        assert trial is not None
        hooks = [Prune(partial(self.study.behind, trial))]
        try:
            WORK[self.stage](run, child, device=self.device, inexact=inexact, hooks=hooks)
        except LmfitError as error:
            self._failures += 1
            if isinstance(error, InputError | Interrupted) or error.__cause__ or self._failures >= MOST_FAILURES:
                raise
            console.warn(f"{child.name} failed: {error.args[0]}")
        else:
            self._failures = 0

    def _end(self, trial: Trial, run: Run) -> None:
        """Tell the study what became of a trial, if it does not know yet. A finished one needs no checkpoints."""
        if run.status == "finished":
            rmtree(run.path / "checkpoints", ignore_errors=True)
        if trial.done:
            return
        if run.status != "finished":
            self.study.tell(trial, "failed")
        elif str(run.manifest["stopped"]).startswith(PRUNED):
            self.study.tell(trial, "pruned")
        else:
            value = run.metrics["validation"][self.metric]["value"]
            self.study.tell(trial, "failed" if value is None else "finished", value)

    def _has_time(self, finished: Sequence[Run]) -> bool:
        """Whether a trial that takes as long as they did on average would end within the budget."""
        if self.search.budget is None or not finished:
            return True
        spent = sum(sum(run.manifest.get("timing", {}).values()) for run in finished)
        enough = spent + spent / len(finished) <= seconds(self.search.budget)
        if not enough:
            console.say(f"budget: {shown_seconds(spent)} of {self.search.budget} spent; no trial begins any more")
        return enough

    def summarise(self, run: Run, children: Sequence[Run]) -> dict[str, Any]:
        """The best trial's model, log and answers become the run's own, and its test rows are looked at, once.

        Where a run that shares the study has a better one, the best of this run's is kept, and no test row looked at.
        """
        own, best = self.study.best(own=True), self.study.best(own=False)
        if own is None or best is None:
            raise LmfitError("no trial was trained to its end", where=str(run.path), fix="search again: --overwrite")
        if not best["own"]:
            console.warn(
                f"{best['name']} of another run is better; model/ is that of {own['name']}, best.yaml of the best"
            )
        child = next(one for one in children if one.path.name == own["name"])
        adopt(run, child)
        write_text(run.path / "best.yaml", self._about(best) + finetune.repeatable(self._loaded(best["values"])).dump())
        facts = self._scores(run, child, self._loaded(own["values"], test=best["own"]))
        by_name = {one.path.name: one for one in children}
        history = [t | _cost(by_name.get(t["name"])) for t in self.study.history()]
        listed = [told(one, self.metric) for one in children]
        chosen = {"by": "trials", "chosen": own["name"], "chosen_by": self.metric, "children": listed}
        found = {"metric": self.metric, "best": best, "trials": history, "importance": self.study.importances()}
        return facts | {"several": chosen, "search": found}

    def _scores(self, run: Run, child: Run, loaded: LoadedConfig) -> dict[str, Any]:
        """The scores of a trial's model on all that its config wants scored; facts for run.json."""
        predictor = load_predictor(child, device=str(self.device.torch_device))
        predictor.quick = not loaded.config.evaluation.operating_points
        calibration = child.manifest["calibration"]
        return score_run(run, prepare(loaded.config), predictor, judge_of(loaded.config), calibration)

    def _about(self, best: Mapping[str, Any]) -> str:
        count = len(self.study.history())
        return f"# The best of {count} trials by validation {self.metric} ({best['value']:.4f}, {best['name']}).\n"


def _sameness(loaded: LoadedConfig, prepared: Prepared) -> dict[str, Any]:
    """What must be equal for trials to be compared: settings and the content of the data."""
    settings = {key: value for key, value in flat(settings_of(loaded)).items() if key not in NOT_COMPARED}
    return settings | {f"content of {name}": facts["sha256"] for name, facts in prepared.fingerprints.items()}


def _cost(run: Run | None) -> dict[str, Any]:
    """Seconds and steps of a trial of this run."""
    if run is None:
        return {"seconds": None, "steps": None}
    manifest = run.manifest
    return {"seconds": round(sum(manifest["timing"].values()), 3), "steps": manifest["steps"]}


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
