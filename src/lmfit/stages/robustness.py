"""Score a model on the rows of a split as users might have written them, beside its scores on the rows themselves."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

from lmfit import console
from lmfit.catalog import PERTURBATIONS
from lmfit.data.batching import key
from lmfit.data.example import Example, Examples
from lmfit.data.sources import Source, Splits
from lmfit.errors import ConfigError
from lmfit.evaluation.report.worst import how_wrong
from lmfit.evaluation.robustness.drops import Trial, drops
from lmfit.evaluation.robustness.perturbation import Perturbation
from lmfit.evaluation.scores import Scores
from lmfit.inference.predictor import Predictor
from lmfit.stages.judge import Judge
from lmfit.stages.recall import recalled
from lmfit.tasks.base import Stats, Task

EXAMPLES = 3
_CHUNK = 512


@dataclass(frozen=True)
class Subject:
    """What is perturbed: a split, and what the model answered on it (scores, and the file of its predictions).

    own: the data that the model was trained and first judged on; read where a perturbation looks at it.
    """

    predictor: Predictor
    split: Source
    clean: Scores
    answers: Path
    own: Callable[[], Splits]


def chosen_perturbations(names: Sequence[str], task: Task) -> list[Perturbation]:
    """The variants of these names, in order. Raises ConfigError for one that means nothing for the task."""
    found = []
    for name in dict.fromkeys(names):
        variants: Sequence[Perturbation] = PERTURBATIONS.load(name)
        for one in variants:
            if one.kinds and task.kind not in one.kinds:
                what = f"the perturbation `{name}` means nothing for {task.kind.replace('_', '-')} data"
                raise ConfigError(what, where="evaluation.robustness", fix=f"it is for {', '.join(one.kinds)}")
            found.append(one)
    return found


def with_robustness(subject: Subject, names: Sequence[str], judge: Judge) -> Scores:
    """The clean scores with the table "robustness": a row for each perturbation."""
    if not names or not subject.clean.units.count:
        return subject.clean
    asked = chosen_perturbations(names, subject.predictor.task)
    trials = [_tried(subject, one, judge) for one in _fitted(asked, subject)]
    rows = drops(subject.clean, trials, judge.resamples, judge.seed)
    return replace(subject.clean, tables={**subject.clean.tables, "robustness": rows})


def _fitted(perturbations: Sequence[Perturbation], subject: Subject) -> list[Perturbation]:
    if not any(one.needs_training for one in perturbations):
        return list(perturbations)
    own = subject.own()
    held = [subject.split, *(split for split in (own.validation, own.test) if split is not None)]
    return [one.fitted(own.train, chain.from_iterable(held)) if one.needs_training else one for one in perturbations]


@dataclass(frozen=True)
class Perturbed:
    """The examples of a split, perturbed; each by itself, keyed by (seed, name, row), so that any order is the same."""

    split: Examples
    perturbation: Perturbation
    seed: int

    def __iter__(self) -> Iterator[Example]:
        return (after for _, after in self.pairs())

    def pairs(self) -> Iterator[tuple[Example, Example]]:
        """(before, after) of each example."""
        for row, example in enumerate(self.split):
            random = Random(key(self.seed, self.perturbation.name, row))
            yield example, self.perturbation.change(example, random)


def _tried(subject: Subject, perturbation: Perturbation, judge: Judge) -> Trial:
    """One perturbation, first as the model reads it, then, where it reads anything otherwise, as it answers."""
    predictor = subject.predictor
    about = (perturbation.name, perturbation.about, perturbation.inapplicable, perturbation.remark)
    trial = Trial(*about)
    perturbed = Perturbed(subject.split, perturbation, judge.seed)
    pairs = perturbed.pairs()
    while chunk := list(islice(pairs, _CHUNK)):
        trial.rows += len(chunk)
        trial.fitting += sum(perturbation.fits(before) for before, _ in chunk)
        changed = [(before, after) for before, after in chunk if before != after]
        trial.changed += len(changed)
        trial.read_otherwise += _read_otherwise(predictor, changed)
    if trial.read_otherwise:
        worst = _Worst(predictor.task, subject, texts=judge.texts)
        answered = console.progress(predictor.stream(perturbed), total=trial.rows, what=f"evaluating {trial.name}")
        trial.scores = replace(judge, resamples=0).scores_of(predictor.task, worst.watch(answered))
        trial.examples = worst.examples
    return trial


def _read_otherwise(predictor: Predictor, pairs: Sequence[tuple[Example, Example]]) -> int:
    """How many of these pairs differ in what the model is given."""
    sides = ([pair[side] for pair in pairs] for side in (0, 1))
    before, after = (list(predictor.task.encode(side, predictor.framer, Stats())) for side in sides)
    inputs = ([[list(row.tokens["input_ids"]) for row in one.rows] for one in side] for side in (before, after))
    return sum(a != b for a, b in zip(*inputs, strict=True))


class _Worst:
    """The changed rows whose answers became most wrong, as pairs of prediction rows, found while answers stream by."""

    def __init__(self, task: Task, subject: Subject, *, texts: bool) -> None:
        self._task, self._subject, self._texts = task, subject, texts
        self._heap: list[tuple[float, int, dict[str, Any]]] = []

    @property
    def examples(self) -> list[dict[str, Any]]:
        """{"before", "after"} of each, the worst first."""
        return [pair for _, _, pair in sorted(self._heap, key=lambda one: one[:2], reverse=True)]

    def watch(self, answered: Iterable[tuple[Example, Any]]) -> Iterator[tuple[Example, Any]]:
        """The pairs, as they are."""
        clean = recalled(self._task, self._subject.split, self._subject.answers)
        for number, (before, after) in enumerate(zip(clean, answered, strict=True)):
            if self._texts and before[0] != after[0]:
                self._weigh(number, *map(self._row, (before, after)))
            yield after

    def _weigh(self, number: int, before: dict[str, Any], after: dict[str, Any]) -> None:
        entry = (how_wrong(after) - how_wrong(before), -number, {"before": before, "after": after})
        heapq.heappush(self._heap, entry) if len(self._heap) < EXAMPLES else heapq.heappushpop(self._heap, entry)

    def _row(self, pair: tuple[Example, Any]) -> dict[str, Any]:
        example, prediction = pair
        return {**prediction.row(), "gold": self._task.gold(example), "origin": str(example.origin)}
