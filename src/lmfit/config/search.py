"""The `search:` section, and the config of a search: that of the stage whose runs are its trials, with the section."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import Field, create_model, field_validator, model_validator

from lmfit.config.durations import seconds
from lmfit.config.schema import SEARCH, STAGE_CONFIGS
from lmfit.config.section import Section

DEFAULT_TRIALS = 20
STAGES = ("finetune", "pretrain", "transfer")
"""The stages whose settings can be searched; each has its way of training a trial in lmfit.stages.searched."""
_STAGE_OF_SECTION = {"pretraining": "pretrain", "transfer": "transfer"}


class Range(Section):
    """Numbers between two ends, both included; whole numbers for a key that takes nothing else."""

    log: list[float] | None = Field(default=None, min_length=2, max_length=2)
    """Lowest and highest value, even on a logarithmic scale: [1.0e-5, 5.0e-4]."""
    uniform: list[float] | None = Field(default=None, min_length=2, max_length=2)
    """Lowest and highest value, even on a linear scale: [0.0, 0.2]."""
    step: float | None = Field(default=None, gt=0)
    """uniform: only the lowest value and those whole steps above it."""

    @property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value."""
        low, high = self.log or self.uniform or (0.0, 0.0)
        return low, high

    @model_validator(mode="after")
    def _one_scale(self) -> "Range":
        if (self.log is None) == (self.uniform is None):
            raise ValueError("a range has one scale: {log: [low, high]} or {uniform: [low, high]}")
        low, high = self.ends
        if low >= high:
            raise ValueError(f"the range is empty: {low:g} is not below {high:g}")
        if self.log is not None and low <= 0:
            raise ValueError("a logarithmic range lies above 0")
        if self.step is not None and (self.log is not None or self.step > high - low):
            raise ValueError("step belongs to a uniform range that is wider than it")
        return self


class SearchConfig(Section):
    """A search for the settings with the best validation score. Trials are runs in RUN/children, without the test rows;
    the best one alone keeps its model.

    Keys with a dot may stand here as well as in `space`: `search: {training.learning_rate: {log: [1.0e-5, 5.0e-4]}}`.
    """

    space: dict[str, list[Any] | Range] = Field(min_length=1)
    """Key -> values to choose from, or {log: [low, high]}, or {uniform: [low, high], step: 0.1}."""
    trials: int | None = Field(default=None, ge=1)
    """How many trials, over all machines; null: 20, or as many as the budget allows."""
    budget: str | None = None
    """Wall-clock time of all trials of this run, e.g. 30m: none begins that would most likely end later."""
    sampler: Literal["tpe", "random"] = "tpe"
    """How values are chosen: tpe (by what earlier trials scored; the first 10 are random) or random."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """Which trials end early: below the median of others at the same evaluation, by Hyperband's brackets, or none."""
    metric: str | None = None
    """Trials are compared by it, on validation data; null: training.best_metric, else headline (pretraining: loss)."""
    storage: str | None = None
    """Where Optuna keeps the trials, e.g. postgresql://HOST/DB for many machines at once; null: RUN/study.db."""
    study: str | None = None
    """The search's name in the storage; machines with the same name work together; null: the name of the config."""
    stage: str | None = None
    """Which stage's runs the trials are; null: known by the sections (finetune where there is none of another's)."""

    @property
    def most_trials(self) -> int | None:
        """How many trials there may be; None where only the budget decides."""
        return DEFAULT_TRIALS if self.trials is None and self.budget is None else self.trials

    @field_validator("budget")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            seconds(value)
        return value

    @field_validator("stage")
    @classmethod
    def _trains(cls, value: str | None) -> str | None:
        if value is not None and value not in STAGES:
            raise ValueError(f"trials of `{value}` cannot be trained; known: {', '.join(STAGES)}")
        return value


def searched_stage(sections: Mapping[str, Any], named: Any = None) -> str:
    """The stage whose runs are the trials of a config with these sections; `named`: its search.stage."""
    if named in STAGE_CONFIGS:
        return str(named)
    return next((stage for section, stage in _STAGE_OF_SECTION.items() if section in sections), "finetune")


@cache
def searched(stage: str) -> type[Section]:
    """The config of a search whose trials are runs of `stage`."""
    about = "Which settings to try, how long, and how to choose them."
    base = STAGE_CONFIGS[stage]
    return create_model(f"Searched{base.__name__}", __base__=base, search=(SearchConfig, Field(description=about)))


def search_of(config: Section) -> SearchConfig:
    """The search section of a config that `searched` describes."""
    found: SearchConfig = getattr(config, SEARCH)
    return found
