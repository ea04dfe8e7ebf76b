"""The trials of a search as Optuna keeps them: asked for, reported, told; the same ones after a crash."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit.config.search import Range, SearchConfig
from lmfit.data.batching import key
from lmfit.errors import ConfigError, MissingExtra

FILE = "study.db"
_OWNER, _SEARCH = "lmfit run", "lmfit search"
_FEWEST_FOR_IMPORTANCE = 4
_STATES = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


@dataclass(frozen=True)
class Trial:
    """A trial by its number in the study, with its values by key. done: whether its score is known already."""

    number: int
    values: Mapping[str, Any]
    done: bool = False

    @property
    def name(self) -> str:
        """Of its run folder."""
        return f"trial-{self.number:04d}"


def require_optuna() -> Any:
    """The module, silenced. Raises MissingExtra where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise MissingExtra("lmfit search", "search") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class Study:
    """The study of one run.

    folder: of the run; owner: names the run among those that share a storage; whole: keys that take whole numbers;
    sameness: what must be equal for trials to belong to one search.
    """

    def __init__(
        self, folder: Path, config: SearchConfig, name: str, *, seed: int, higher: bool, owner: str, whole: set[str]
    ) -> None:
        self.config, self.seed, self.owner, self.whole = config, seed, owner, whole
        self.optuna = require_optuna()
        storage = config.storage or f"sqlite:///{(folder / FILE).resolve()}"
        direction = "maximize" if higher else "minimize"
        try:
            self._study = self.optuna.create_study(
                storage=storage,
                study_name=config.study or name,
                direction=direction,
                pruner=self._pruner(),
                load_if_exists=True,
            )
        except Exception as error:  # each database has errors of its own
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            where = "search.storage" if config.storage else str(folder / FILE)
            raise ConfigError(f"the storage of the trials cannot be used: {first}", where=where) from error

    def _pruner(self) -> Any:
        made = {"median": "MedianPruner", "hyperband": "HyperbandPruner", "none": "NopPruner"}
        options = {"min_resource": 1} if self.config.pruner == "hyperband" else {}
        return getattr(self.optuna.pruners, made[self.config.pruner])(**options)

    def join(self, sameness: Mapping[str, Any]) -> None:
        """Take part in the study. Raises ConfigError where it is a search of other settings."""
        told = json.loads(json.dumps(sameness))
        held = self._study.user_attrs.get(_SEARCH)
        if held is None:
            self._study.set_user_attr(_SEARCH, told)
        elif held != told:
            other = next(name for name in {**held, **told} if held.get(name) != told.get(name))
            what = f"the study `{self._study.study_name}` in this storage is another search: its {other} differs"
            raise ConfigError(what, where="search.study", fix="name yours: search.study=NAME")

    def own(self) -> list[Trial]:
        """The trials of this run so far that did not fail, in their order."""
        return [
            self._trial(t) for t in self._all() if t.user_attrs.get(_OWNER) == self.owner and t.state.name != "FAIL"
        ]

    def ask(self) -> Trial | None:
        """A new trial; None where there are as many as wanted."""
        if self.config.most_trials is not None and len(self._all()) >= self.config.most_trials:
            return None
        asked = self._study.ask()
        asked.set_user_attr(_OWNER, self.owner)
        return self._trial(self._frozen(asked.number))

    def _trial(self, frozen: Any) -> Trial:
        """With values for each key: where some are missing (a new trial, a crash) they are drawn now."""
        if len(frozen.params) < len(self.config.space):
            self._draw(self._live(frozen.number))
            frozen = self._frozen(frozen.number)
        values = {name: self._value(name, frozen.params[name]) for name in self.config.space}
        return Trial(frozen.number, values, frozen.state.name in ("COMPLETE", "PRUNED"))

    def _draw(self, trial: Any) -> None:
        """Values that hang on nothing but seed, number, and the scores of earlier trials."""
        sampler = {"tpe": "TPESampler", "random": "RandomSampler"}[self.config.sampler]
        seed = key(self.seed, "sampler", trial.number) % 2**32
        self._study.sampler = getattr(self.optuna.samplers, sampler)(seed=seed)
        for name, choice in self.config.space.items():
            if isinstance(choice, list):
                trial.suggest_categorical(name, _choices(choice))
            elif name in self.whole:
                low, high = map(int, choice.ends)
                trial.suggest_int(name, low, high, log=choice.log is not None, step=int(choice.step or 1))
            else:
                trial.suggest_float(name, *choice.ends, log=choice.log is not None, step=choice.step)

    def _value(self, name: str, value: Any) -> Any:
        choice = self.config.space[name]
        return value if isinstance(choice, Range) else choice[_choices(choice).index(value)]

    def behind(self, trial: Trial, evaluation: int, value: float) -> str:
        """Keep the score of an evaluation; why to stop there, or nothing."""
        live = self._live(trial.number)
        if evaluation not in self._frozen(trial.number).intermediate_values:
            live.report(value, evaluation)
        return f"{value:.4f} at evaluation {evaluation} ({self.config.pruner})" if live.should_prune() else ""

    def tell(self, trial: Trial, state: str, value: float | None = None) -> None:
        """How a trial ended: `finished` with its score, `pruned` or `failed`."""
        names = {told: name for name, told in _STATES.items()}
        self._study.tell(trial.number, value, state=self.optuna.trial.TrialState[names[state]], skip_if_finished=True)

    def history(self) -> list[dict[str, Any]]:
        """All trials of the study by number: state, score (of a pruned one its last), values, whether of this run."""
        return [
            {
                "number": t.number,
                "name": f"trial-{t.number:04d}",
                "state": _STATES.get(t.state.name, "waiting"),
                "value": _score(t),
                "values": {name: self._value(name, value) for name, value in t.params.items()},
                "own": t.user_attrs.get(_OWNER) == self.owner,
            }
            for t in self._all()
        ]

    def best(self, *, own: bool) -> dict[str, Any] | None:
        """The finished trial with the best score, of equal ones the first; of this run's alone, or of all."""
        found = [t for t in self.history() if t["state"] == "finished" and (t["own"] or not own)]
        sign = 1 if self._study.direction.name == "MAXIMIZE" else -1
        return max(found, key=lambda t: sign * t["value"], default=None)

    def importances(self) -> dict[str, float]:
        """Share of the scores' variance that each key explains (fANOVA, Hutter et al. 2014), largest first.

        Nothing where fewer than 4 trials are finished, or their scores are equal.
        """
        finished = [t for t in self._all() if t.state.name == "COMPLETE"]
        if len(finished) < _FEWEST_FOR_IMPORTANCE or len({t.value for t in finished}) == 1:
            return {}
        evaluator = self.optuna.importance.FanovaImportanceEvaluator(seed=self.seed)
        found = self.optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}

    def _all(self) -> list[Any]:
        found: list[Any] = self._study.get_trials(deepcopy=False)
        return found

    def _frozen(self, number: int) -> Any:
        return next(trial for trial in self._all() if trial.number == number)

    def _live(self, number: int) -> Any:
        """A trial that values and scores can be given to, also one that another process began."""
        return self.optuna.trial.Trial(self._study, self._frozen(number)._trial_id)


def _choices(values: list[Any]) -> list[Any]:
    """The values as Optuna takes them: lists and mappings as JSON text."""
    plain = all(value is None or isinstance(value, str | int | float | bool) for value in values)
    return values if plain else [json.dumps(value, sort_keys=True) for value in values]


def _score(trial: Any) -> float | None:
    if trial.state.name == "COMPLETE":
        return float(trial.value)
    reported = trial.intermediate_values
    return float(reported[max(reported)]) if reported else None
