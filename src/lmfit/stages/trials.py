"""The trials of a search: asked for, trained, told; what becomes of the best one."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from shutil import rmtree
from typing import Any

from lmfit import console
from lmfit.config.durations import seconds, shown_seconds
from lmfit.config.load import LoadedConfig
from lmfit.config.nodes import Path
from lmfit.config.schema import STAGE_CONFIGS
from lmfit.config.search import searched_stage
from lmfit.config.section import Section
from lmfit.config.spaces import takes_whole_numbers
from lmfit.durable import write_text
from lmfit.errors import ConfigError, InputError, Interrupted, LmfitError
from lmfit.evaluation.comparison.settings import flat
from lmfit.evaluation.names import metric
from lmfit.runs import CHILDREN, Run
from lmfit.stages.resuming import FREE_OF_SEVERAL, settings_of
from lmfit.stages.searched import Searched
from lmfit.stages.several import Child, Several, adopt, told
from lmfit.stages.study import Study, Trial
from lmfit.training.pruning import PRUNED, Prune

FREE = (*FREE_OF_SEVERAL, "search.trials", "search.budget")
NOT_COMPARED = (*FREE, "search.storage", "search.study")
MOST_FAILURES, MOST_PASSED_OVER = 3, 20


class Trials(Several):
    """The trials of a search, one child each, after the children that it rests on."""

    def __init__(self, run: Run, searched: Searched) -> None:
        self.run, self.searched, self.search, loaded = run, searched, searched.search, searched.loaded
        self.stage, self.metric = searched_stage(loaded.tree.keys, self.search.stage), searched.metric
        schemas: dict[Path, type[Section]] = {(): STAGE_CONFIGS[self.stage]}
        if hasattr(loaded.config, "task"):
            schemas[("task",)] = type(loaded.config.task)
        whole = {name for name in self.search.space if takes_whole_numbers(tuple(name.split(".")), schemas)}
        higher = metric(self.metric).better == "higher"
        options = {"seed": loaded.config.seed, "higher": higher, "owner": run.manifest["owner"], "whole": whole}
        self.study = Study(run.path, self.search, loaded.name, **options)
        self.study.join(_sameness(loaded, searched))
        self._trial: Trial | None = None
        self._failures = self._passed_over = 0

    def plan(self, run: Run, finished: Sequence[Run]) -> Iterator[Child]:
        """Those that are there already, unfinished ones too; then new ones, while there is time."""
        for trial in self.study.own():
            yield from self._children(trial, finished)
        while self._has_time() and (new := self.study.ask()) is not None:
            yield from self._children(new, finished)

    def _children(self, trial: Trial, finished: Sequence[Run]) -> Iterator[Child]:
        """The runs that a trial takes, up to one that fails; then the study is told."""
        self._trial, before = trial, len(finished)
        own = self.folder(trial.name)
        whole = own.is_finished
        for each in self._runs(trial, own, finished):
            yield each
            if not finished[-1].is_finished:
                break
        if not whole and (own.path / "run.json").is_file():
            spent = sum(_seconds(one) for one in finished[before:-1])
            own.record(seconds_of_sources=round(spent, 3))
        self._end(trial, own)

    def _runs(self, trial: Trial, own: Run, finished: Sequence[Run]) -> Iterator[Child]:
        """What is to be trained for a trial; nothing where its values do not go together."""
        values = ", ".join(f"{name}={_shown(value)}" for name, value in trial.values.items())
        try:
            child = Child(trial.name, f"{trial.name}: {values}", self.searched.made(trial.values, test=False))
            yield from [child] if own.is_finished else self.searched.children(self.run, child, finished)
        except ConfigError as error:
            self._pass_over(f"{trial.name} ({values})", error)

    def _pass_over(self, name: str, error: ConfigError) -> None:
        """Say why a trial cannot be trained. Raises its error where nothing else has come for long."""
        self._passed_over += 1
        if self._passed_over >= MOST_PASSED_OVER:
            raise error
        console.warn(f"{name} cannot be trained: {error.args[0]}")

    def folder(self, name: str) -> Run:
        """The run of a trial."""
        return Run(self.run.path / CHILDREN / name)

    def finished(self, run: Run) -> list[Run]:
        """The runs of the trials that came to an end, in their order."""
        found = [self.folder(trial.name) for trial in self.study.own()]
        return [one for one in found if one.is_finished]

    def work(self, run: Run, child: Child, *, inexact: bool) -> None:
        """Train a trial. One that fails or cannot be trained is left; the search fails where several fail in a row."""
        trial = self._trial
        assert trial is not None
        hooks = [Prune(partial(self.study.behind, trial))] if child.name == trial.name else []
        try:
            self.searched.work(run, child, inexact=inexact, hooks=hooks)
        except ConfigError as error:
            self._pass_over(child.name, error)
        except LmfitError as error:
            self._failures += 1
            if isinstance(error, InputError | Interrupted) or error.__cause__ or self._failures >= MOST_FAILURES:
                raise
            console.warn(f"{child.name} failed: {error.args[0]}")
        else:
            self._failures = self._passed_over = 0

    def _end(self, trial: Trial, run: Run) -> None:
        """Tell the study what became of a trial, if it does not know yet; then drop what is not needed any more."""
        if not trial.done:
            if not run.is_finished:
                self.study.tell(trial, "failed")
            elif str(run.manifest["stopped"]).startswith(PRUNED):
                self.study.tell(trial, "pruned")
            else:
                value = run.metrics["validation"][self.metric]["value"]
                self.study.tell(trial, "failed" if value is None else "finished", value)
        self._tidy()

    def _tidy(self) -> None:
        """Finished trials need no checkpoints, and those that are not the best no model."""
        best = self.study.best(own=True)
        for run in self.finished(self.run):
            rmtree(run.path / "checkpoints", ignore_errors=True)
            if best is not None and run.path.name != best["name"] and run.model.is_dir():
                run.record(dropped=f"a better trial was found: {best['name']}")
                rmtree(run.model, ignore_errors=True)
        if best is not None:
            self.searched.tidy(self.run, self.folder(best["name"]))

    def _has_time(self) -> bool:
        """Whether a trial that takes as long as they did on average would end within the budget."""
        finished = self.finished(self.run)
        if self.search.budget is None or not finished:
            return True
        spent = sum(map(_seconds, finished))
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
        again = self.searched.made(best["values"], test=True).having(output=None)
        write_text(run.path / "best.yaml", self._about(best) + again.dump())
        facts = self.searched.score(run, child, self.searched.made(own["values"], test=best["own"]))
        by_name = {one.path.name: one for one in children}
        history = [t | _cost(by_name.get(t["name"])) for t in self.study.history()]
        listed = [told(one, self.metric) for one in children]
        chosen = {"by": "trials", "chosen": own["name"], "chosen_by": self.metric, "children": listed}
        found = {"stage": self.stage, "metric": self.metric, "best": best, "trials": history}
        return facts | {"several": chosen, "search": found | {"importance": self.study.importances()}}

    def _about(self, best: Mapping[str, Any]) -> str:
        count = len(self.study.history())
        return f"# The best of {count} trials by validation {self.metric} ({best['value']:.4f}, {best['name']}).\n"


def _sameness(loaded: LoadedConfig[Any], searched: Searched) -> dict[str, Any]:
    """What must be equal for trials to be compared: settings and the content of the data."""
    settings = {key: value for key, value in flat(settings_of(loaded)).items() if key not in NOT_COMPARED}
    return settings | {f"content of {name}": facts["sha256"] for name, facts in searched.fingerprints.items()}


def _seconds(run: Run) -> float:
    """What a trial took, with the sources that were trained for it."""
    manifest = run.manifest
    return float(sum(manifest.get("timing", {}).values()) + manifest.get("seconds_of_sources", 0.0))


def _cost(run: Run | None) -> dict[str, Any]:
    """Seconds and steps of a trial of this run."""
    if run is None:
        return {"seconds": None, "steps": None}
    return {"seconds": round(_seconds(run), 3), "steps": run.manifest["steps"]}


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
