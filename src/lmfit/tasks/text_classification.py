"""A label, several labels or a number for a text or a pair of texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from sys import intern
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import expit, logit, softmax

from lmfit.catalog import TASK_SETTINGS
from lmfit.config.tasks import TextClassificationSettings
from lmfit.data.collate import IGNORED, Batch
from lmfit.data.example import Example
from lmfit.data.framing import Framer
from lmfit.errors import ConfigError, DataError
from lmfit.evaluation.metrics import score_labels, score_multi_label, score_numbers
from lmfit.evaluation.names import Kind
from lmfit.evaluation.outcomes import UNKNOWN, Gathering, Outcome
from lmfit.evaluation.scores import Scores
from lmfit.evaluation.thresholds import tune_thresholds
from lmfit.tasks.base import Encoded, Stats, Task, lead, weigh_labels
from lmfit.tasks.labels import Problem, names_of, natural_order, number_of, refuse_numbers, spread_of, survey
from lmfit.tasks.predictions import LabelPrediction, NumberPrediction
from lmfit.tasks.text_rows import text_rows

if TYPE_CHECKING:
    import torch

    from lmfit.tasks.tensors import Tensors

_MODEL_PROBLEM: dict[Problem, str] = {
    "single_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}


_USED_BY: dict[str, tuple[Problem, ...]] = {
    "loss": ("single_label",),
    "label_smoothing": ("single_label",),
    "class_weights": ("single_label", "multi_label"),
    "thresholds": ("multi_label",),
}


class TextClassification(Task):
    """Classify whole texts. The answer of a text cut into windows is the mean of their logits."""

    name = "text-classification"
    example_kind: ClassVar[Literal["words", "text"]] = "text"
    auto_class = "AutoModelForSequenceClassification"

    def __init__(
        self,
        settings: TextClassificationSettings,
        problem: Problem,
        labels: list[str],
        weights: list[float] | None = None,
        thresholds: list[float] | None = None,
        pairs: bool | None = None,
        units: tuple[float, float] | None = None,
    ) -> None:
        self.settings = settings
        self.problem = problem
        self.labels = labels
        self.pairs = pairs
        self.units = units
        self.thresholds = thresholds or [0.5 if settings.thresholds == "tuned" else settings.thresholds] * len(labels)
        self._ids = {label: i for i, label in enumerate(labels)}
        self._weights = weights

    @classmethod
    def learn(cls, settings: TextClassificationSettings, words: str, train: Iterable[Example]) -> Self:
        """Labels of the training data in natural order. Raises DataError where labels and problem do not fit."""
        problem, counts, pairs, lists = survey(settings.problem, train)
        if not counts:
            raise DataError("no labels in the training data", fix="say which column holds them: data.columns.label")
        _refuse_unused(settings, problem)
        if problem == "regression":
            units, told = spread_of(train)
            task = cls(settings, "regression", ["value"], pairs=pairs, units=units)
            task.remarks = [told]
            return task
        labels = sorted(counts, key=natural_order)
        if problem == "single_label":
            refuse_numbers(labels, settings)
            if len(labels) == 1:
                fix = (
                    "a classifier needs at least two; check data.columns.label, and data.limit: it takes the first rows"
                )
                raise DataError(f"every training row has the label `{labels[0]}`", fix=fix)
        task = cls(settings, problem, labels, weigh_labels(settings, labels, counts), pairs=pairs)
        if settings.problem == "auto" and lists:
            told = "one label in each row's list, read as a single label" if problem == "single_label" else "several"
            task.remarks = [f"labels: {told} (task.problem)"]
        return task

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The task as stored with a model."""
        settings = TASK_SETTINGS.load(cls.name)(**state["settings"])
        units = tuple(state["units"]) if "units" in state else None
        made = {"thresholds": state["thresholds"], "pairs": state.get("pairs"), "units": units}
        return cls(settings, state["problem"], list(state["labels"]), **made)

    def state(self) -> dict[str, Any]:
        """Settings, kind of problem, labels, decision thresholds, whether texts come in pairs, units of numbers."""
        units = {} if self.units is None else {"units": list(self.units)}
        return units | {
            "settings": self.settings.model_dump(),
            "problem": self.problem,
            "labels": self.labels,
            "thresholds": self.thresholds,
            "pairs": self.pairs,
        }

    def model_settings(self) -> dict[str, Any]:
        """Labels, and the problem in the words of transformers, so that its pipeline applies the right function."""
        return super().model_settings() | {"problem_type": _MODEL_PROBLEM[self.problem]}

    @classmethod
    def foreign_state(cls, architecture: str, labels: list[str], config: Any) -> dict[str, Any] | None:
        """Labels and problem of any ...ForSequenceClassification model."""
        if not architecture.endswith("ForSequenceClassification"):
            return None
        named = {told: ours for ours, told in _MODEL_PROBLEM.items()}
        problem = named.get(config.problem_type, "regression" if len(labels) == 1 else "single_label")
        return {"labels": labels, "problem": problem, "thresholds": None}

    @property
    def kind(self) -> Kind:
        """The kind of problem."""
        return self.problem

    def tokenise(self, examples: Sequence[Example], framer: Framer) -> tuple[list[list[int]], list[list[int]]]:
        """Token ids of the first texts, and of the second ones where there are any."""
        pairs = [example.text_pair for example in examples if example.text_pair is not None]
        return framer.encode_texts([example.text for example in examples]), framer.encode_texts(pairs)

    def encode(
        self, examples: Sequence[Example], framer: Framer, stats: Stats, tokens: Any = None
    ) -> Iterator[Encoded]:
        """Texts to token ids; a pair fills both segments; texts over the length become windows of equal weight."""
        first, second = tokens or self.tokenise(examples, framer)
        seconds = iter(second)
        for example, ids in zip(examples, first, strict=True):
            if self.pairs not in (None, example.text_pair is not None):
                raise _wrong_sides(example, self.pairs)
            other = None if example.text_pair is None else next(seconds)
            yield Encoded(example, text_rows(example, ids, other, self._target(example), framer, stats))

    def _target(self, example: Example) -> Any:
        if self.problem == "regression":
            return float("nan") if example.label is None else number_of(example)
        if self.problem == "single_label":
            return IGNORED if example.label is None else self._ids.get(names_of(example, "single_label")[0], IGNORED)
        held = example.label if isinstance(example.label, tuple) else ()
        return np.isin(self.labels, held).astype(np.float64)

    def targets(self, batch: "Tensors") -> float:
        """Texts (a window of a text counts as its share), each weighing as its row and its label do."""
        return float(self._row_weights(batch, batch["weight"].double()).sum())

    def _row_weights(self, batch: "Tensors", weights: "torch.Tensor") -> "torch.Tensor":
        """(B,), in the type of the rows' weights (B,)."""
        if self.problem == "single_label" and self._weights is not None:
            weights = weights * weights.new_tensor(self._weights)[batch["target"].long()]
        return weights

    def classes(self, batch: "Tensors") -> "torch.Tensor | None":
        """The gold label of each row, for single-label problems."""
        return batch["target"].long() if self.problem == "single_label" else None

    def loss(self, logits: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
        """Summed over texts; logits (B, C)."""
        from lmfit.tasks.text_losses import losses

        weights = None if self._weights is None else logits.new_tensor(self._weights)
        each = losses(self.problem, logits, batch["target"], self.settings, weights)
        return (batch["weight"] * each).sum() / self.square

    def divergence(self, first: "torch.Tensor", second: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
        """Summed over texts, each weighing as its label does; logits (B, C) twice."""
        from lmfit.tasks.text_losses import divergences

        return self._weighed(divergences(self.problem, first, second), batch)

    def soft_loss(
        self, logits: "torch.Tensor", teacher: "torch.Tensor", batch: "Tensors", temperature: float
    ) -> "torch.Tensor":
        """Summed over texts, each weighing as its label does; logits (B, C) twice."""
        from lmfit.tasks.text_losses import soft_losses

        return self._weighed(soft_losses(self.problem, logits, teacher, temperature), batch)

    def _weighed(self, each: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
        return (self._row_weights(batch, batch["weight"].to(each.dtype)) * each).sum() / self.square

    def answers(self, logits: np.ndarray, batch: Batch) -> list[np.ndarray]:
        """Per row its logits (C,)."""
        return list(logits)

    def decode(self, encoded: Encoded, answers: Sequence[np.ndarray]) -> LabelPrediction | NumberPrediction:
        """The mean of the windows' logits, as probabilities: softmax, sigmoid, or the number itself."""
        example = encoded.example
        logits = _mean(answers)
        if self.problem == "regression":
            return NumberPrediction(example.text, example.text_pair, float(logits[0]))
        if self.problem == "multi_label":
            return self._prediction(example, expit(logits))
        return self._prediction(example, softmax(logits))

    def margin(self, answers: Sequence[np.ndarray]) -> float:
        """Half the lead of the best label; the least distance of a logit to its threshold; 0 for numbers."""
        if self.problem == "regression":
            return 0.0
        logits = _mean(answers)
        if self.problem == "multi_label":
            return float(np.abs(logits - logit(self.thresholds)).min())
        return float(lead(logits[None])[0] / 2)

    def decisions(self, answers: Sequence[np.ndarray]) -> np.ndarray | None:
        """The best label, or whether each label is given; None for regression."""
        if self.problem == "regression":
            return None
        logits = _mean(answers)
        return logits > logit(self.thresholds) if self.problem == "multi_label" else np.array([logits.argmax()])

    def _prediction(self, example: Example, probabilities: np.ndarray) -> LabelPrediction:
        scores = dict(zip(self.labels, map(float, probabilities), strict=True))
        if self.problem == "single_label":
            best = max(scores, key=scores.__getitem__)
            return LabelPrediction(example.text, example.text_pair, best, scores[best], scores)
        chosen = [name for name, limit in zip(self.labels, self.thresholds, strict=True) if scores[name] > limit]
        score = min((scores[name] for name in chosen), default=1 - max(scores.values()))
        return LabelPrediction(example.text, example.text_pair, chosen, score, scores)

    def recall(self, example: Example, row: Mapping[str, Any]) -> LabelPrediction | NumberPrediction:
        """Label, score and scores, or the number, of a row."""
        if self.problem == "regression":
            return NumberPrediction(example.text, example.text_pair, row["label"])
        return LabelPrediction(example.text, example.text_pair, row["label"], row["score"], row["scores"])

    def score(self, pairs: Iterable[tuple[Example, Any]], *, resamples: int, seed: int) -> Scores:
        """Metrics of the kind of problem."""
        gold: list[Any] = []
        predicted: list[Any] = []
        documents: list[str | None] = []
        for example, prediction in pairs:
            answer = self.gold(example)
            gold.append(intern(answer) if type(answer) is str else answer)
            predicted.append(prediction.label)
            documents.append(example.document)
        options: dict[str, Any] = {"documents": documents, "resamples": resamples, "seed": seed}
        if self.problem == "regression":
            return score_numbers(gold, predicted, **options)
        if self.problem == "multi_label":
            return score_multi_label(gold, predicted, self.labels, **options)
        return score_labels(gold, predicted, self.labels, **options)

    def tune(self, pairs: Iterable[tuple[Example, Any]]) -> None:
        """Multi-label: the thresholds that give each label its best F1 on validation data."""
        if self.problem != "multi_label" or self.settings.thresholds != "tuned":
            return
        gathered = Gathering(self.labels)
        for example, prediction in pairs:
            gathered.append(self.outcome(example, prediction))
        found = gathered.joined(None, "rows")
        if found is not None:
            self.thresholds = [float(t) for t in tune_thresholds(found.certain, found.gold)]

    def from_baseline(self, example: Example, predicted: Any) -> LabelPrediction | NumberPrediction:
        """A baseline's label, labels or number as a prediction."""
        if self.problem == "regression":
            return NumberPrediction(example.text, example.text_pair, float(predicted))
        label = list(predicted) if self.problem == "multi_label" else str(predicted)
        return LabelPrediction(example.text, example.text_pair, label, 1.0, {})

    def outcome(self, example: Example, prediction: Any) -> Outcome | None:
        """One item: its class, or whether it has each of the labels; None for regression."""
        if self.problem == "regression":
            return None
        made = np.array([[prediction.scores[name] for name in self.labels]]) if prediction.scores else None
        if self.problem == "multi_label":
            gold, predicted = (np.isin(self.labels, has)[None] for has in (self.gold(example), prediction.label))
        else:
            answers = (self.gold(example), prediction.label)
            gold, predicted = (np.array([self._ids.get(label, UNKNOWN)]) for label in answers)
        return Outcome(gold, predicted, made)

    def gold(self, example: Example) -> Any:
        """The gold label, labels or number."""
        if self.problem == "regression":
            return number_of(example)
        names = names_of(example, self.problem)
        return names if self.problem == "multi_label" else names[0]

    def label_counts(self, example: Example) -> Iterable[str]:
        """The names of the labels; nothing for regression."""
        return () if self.problem == "regression" or example.label is None else names_of(example, self.problem)


def _refuse_unused(settings: TextClassificationSettings, problem: Problem) -> None:
    """Raises ConfigError for a setting that this kind of problem has no use for."""
    default = TextClassificationSettings()
    for key, problems in _USED_BY.items():
        if problem not in problems and getattr(settings, key) != getattr(default, key):
            fix = "take the key out, or correct task.problem"
            raise ConfigError(f"{key} means nothing for {problem} data", where=f"task.{key}", fix=fix)


def _mean(answers: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of the windows' logits, (C,)."""
    logits: np.ndarray = np.stack(answers).mean(axis=0, dtype=np.float64)
    return logits


def _wrong_sides(example: Example, pairs: bool | None) -> DataError:
    found = "one text" if example.text_pair is None else "a pair of texts"
    fix = "name the second text: data.columns.text_pair (predict: --pair-column)" if pairs else "give one text a row"
    what = f"the model was trained on {'pairs' if pairs else 'single texts'}, found {found}"
    return DataError(what, where=str(example.origin), fix=fix)
