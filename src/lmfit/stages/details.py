"""What stands beside the scores of a split: calibration, operating points, costs and slices."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lmfit.config.evaluation import EvaluationConfig
from lmfit.data.example import Example
from lmfit.errors import ConfigError, suggestion
from lmfit.evaluation.calibration import calibration_scores, honest_ece, reliability, tempered
from lmfit.evaluation.costs import cost_table
from lmfit.evaluation.operating import operating_point
from lmfit.evaluation.outcomes import Outcomes
from lmfit.evaluation.scores import Scores, entry
from lmfit.evaluation.slices import score_slices
from lmfit.stages.robustness import chosen_perturbations
from lmfit.stages.seen import NOT_COLUMNS, Seen
from lmfit.tasks.base import Task


@dataclass(frozen=True)
class Details:
    """How the details are computed. temperature: what the model's logits were divided by, if they were.

    validation: the outcomes that thresholds are chosen on.
    """

    settings: EvaluationConfig
    seed: int
    temperature: float | None = None
    validation: Outcomes | None = None

    def added(self, scores: Scores, seen: Seen, baselines: Mapping[str, Seen]) -> Scores:
        """The scores with `ece`, `brier`, operating points and costs among the metrics and tables."""
        outcomes = seen.outcomes()
        if outcomes is None:
            return scores
        found = [self._operating(outcomes), self._costs(outcomes, baselines), self._calibration(outcomes)]
        metrics, tables = dict(scores.metrics), dict(scores.tables)
        for more, table in found:
            metrics |= more
            tables |= table
        return replace(scores, metrics=metrics, tables=tables)

    def slices(self, seen: Seen) -> dict[str, Any] | None:
        """Scores of each slice that the settings ask for; None where they ask for none."""
        columns = seen.columns()
        if not columns or not seen.rows:
            return None
        return score_slices(columns, seen.scorer(self.seed), resamples=self.settings.resamples, seed=self.seed)

    def _calibration(self, outcomes: Outcomes) -> tuple[dict[str, Any], dict[str, Any]]:
        if outcomes.probabilities is None:
            return {}, {}
        honest = honest_ece(outcomes, self.seed)
        table: dict[str, Any] = {"bins": reliability(outcomes), "temperature": self.temperature, "honest_ece": honest}
        if self.temperature is not None:
            undone = partial(tempered, temperature=1 / self.temperature, several=outcomes.several)
            table["before"] = self._probable(outcomes.with_probabilities(undone))
        return self._probable(outcomes), {"calibration": table}

    def _probable(self, outcomes: Outcomes) -> dict[str, Any]:
        found = calibration_scores(outcomes, self.settings.resamples, self.seed)
        return {name: entry(name, one, n) for name, (one, n) in found.items()}

    def _operating(self, outcomes: Outcomes) -> tuple[dict[str, Any], dict[str, Any]]:
        points = self.settings.operating_points
        if not points or self.validation is None or outcomes.probabilities is None:
            return {}, {}
        options = {"resamples": self.settings.resamples, "seed": self.seed}
        found = [
            operating_point(self.validation, outcomes, point.label, point.false_alarm_rate, **options)
            for point in points
        ]
        return {name: one for point in found for name, one in point["held"].items()}, {"operating_points": found}

    def _costs(self, outcomes: Outcomes, baselines: Mapping[str, Seen]) -> tuple[dict[str, Any], dict[str, Any]]:
        if not self.settings.costs:
            return {}, {}
        beside = {name: found for name, seen in baselines.items() if (found := seen.outcomes()) is not None}
        options = {"resamples": self.settings.resamples, "seed": self.seed}
        table = cost_table(outcomes, beside, self.settings.costs, **options)
        metrics = {"cost": table["predicted"]}
        return metrics | ({"cost.cheapest": table["cheapest"]} if "cheapest" in table else {}), {"costs": table}


def check_details(settings: EvaluationConfig, task: Task, first: Example | None, *, validation: bool) -> None:
    """Raises ConfigError for an operating point, cost, slice or perturbation that this task or data cannot have."""
    chosen_perturbations(settings.robustness, task)
    if settings.operating_points:
        _check_kind(task, "operating_points", ("single_label", "multi_label"))
        if not validation:
            fix = "set data.validation={split: 0.1}, or take the key out"
            what = "operating points need validation data: thresholds are chosen on it"
            raise ConfigError(what, where="evaluation.operating_points", fix=fix)
    if settings.costs:
        _check_kind(task, "costs", ("single_label",))
    labels = [("operating_points", point.label) for point in settings.operating_points]
    labels += [("costs", name) for gold, row in settings.costs.items() for name in (gold, *row)]
    for key, label in labels:
        if label not in task.labels:
            what = f"no label `{label}` in the training data"
            raise ConfigError(what, where=f"evaluation.{key}", fix=suggestion(label, task.labels))
    for by in settings.slices:
        known = [*(first.columns if first else ()), *NOT_COLUMNS]
        if first is not None and by not in known and not (by == "document" and first.document is not None):
            what = f"no column `{by}` to slice by"
            raise ConfigError(what, where="evaluation.slices", fix=f"{suggestion(by, known)} ({', '.join(known)})")


def _check_kind(task: Task, key: str, kinds: tuple[str, ...]) -> None:
    if task.kind not in kinds:
        what = f"{key} mean nothing for {task.kind.replace('_', '-')} data"
        raise ConfigError(what, where=f"evaluation.{key}", fix="take the key out")
