"""The `evaluation:` section."""

from typing import Annotated, Literal

from pydantic import Field

from lmfit.catalog import PERTURBATIONS
from lmfit.config.choice import OneOf
from lmfit.config.section import Section


class OperatingPoint(Section):
    """How many false alarms one label may give."""

    label: str
    """The label that is looked for."""
    false_alarm_rate: float = Field(gt=0, lt=1)
    """Share of the rows without it that may be flagged; the threshold for it is chosen on validation data."""


class EvaluationConfig(Section):
    """How scores are computed and reported."""

    test: bool = True
    """Score the test rows; false: they are set aside and nobody looks at them (as in the trials of a search)."""
    resamples: int = Field(default=1000, ge=100)
    """Bootstrap resamples behind each 95 % interval."""
    slices: list[str] = Field(default_factory=list)
    """Score parts of the data too: by each value of an input column, by length, language (script) or source."""
    operating_points: list[OperatingPoint] = Field(default_factory=list)
    """Recall of a label at a false-alarm rate, e.g. [{label: NEGATIVE, false_alarm_rate: 0.05}]."""
    costs: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Cost of mistakes: {gold: {predicted: cost}}; what is not named costs 1, a right answer 0. Single-label texts."""
    robustness: list[Annotated[str, OneOf(PERTURBATIONS)]] = Field(default_factory=list)
    """Score the test rows changed, too, and the drop: names of `lmfit list perturbations`, e.g. [case, typos]."""
    calibration: Literal["auto", "none"] = "auto"
    """auto: logits are divided by a temperature fitted on validation data where that makes its labels likelier."""
    texts: bool = True
    """Whether users' texts may appear in the report and in predictions/."""
    language: Literal["en", "zh"] = "en"
    """Language of report.html."""
