"""The door between a task and everything else: encode, collate, loss, decode, score in one place per task.

Only what training calls (targets, classes, loss, divergence) works on tensors; a model in ONNX answers without torch.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

import numpy as np

from lmfit.config.tasks import ClassificationLoss
from lmfit.data.collate import Batch, pad
from lmfit.data.example import Example, Origin
from lmfit.data.findings import SHOWN_PLACES
from lmfit.data.framing import Framer
from lmfit.data.rows import Row
from lmfit.errors import ConfigError, suggestion
from lmfit.evaluation.names import HEADLINE, Kind
from lmfit.evaluation.outcomes import Outcome

if TYPE_CHECKING:
    import torch

    from lmfit.tasks.tensors import Tensors

T = TypeVar("T")

MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
UNKNOWN_EXAMPLES = 10


@dataclass
class Stats:
    """What encoding did to the data, for the ledger. Counts are in `counts`; lists keep the first few cases.

    first: the words or texts concerned; places: where they stand.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, origin: Origin, word: str = "") -> None:
        """Count one case of `what`, and keep its place and its word where they are among the first (and new)."""
        self.counts[what] += 1
        for kept, case, most in ((self.places, str(origin), SHOWN_PLACES), (self.first, word, UNKNOWN_EXAMPLES)):
            cases = kept.setdefault(what, [])
            if case and len(cases) < most and case not in cases:
                cases.append(case)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {"counts": dict(self.counts), "first": self.first, "places": self.places}


@dataclass(frozen=True)
class Encoded:
    """The model inputs of one example: usually one row, several where it was cut into windows."""

    example: Example
    rows: list[Row]


class Task(ABC):
    """One kind of learning problem. A subclass is one file in lmfit/tasks and one line in catalog.py."""

    name: ClassVar[str]
    example_kind: ClassVar[Literal["words", "text"]]
    auto_class: ClassVar[str]
    """Which transformers class holds the model with its head, e.g. AutoModelForTokenClassification."""
    padding: ClassVar[Mapping[str, int]] = {}
    pipeline_options: ClassVar[str] = ""
    """What the transformers pipeline of this task's name is given besides the model, as Python text."""

    settings: Any
    labels: list[str]
    remarks: Sequence[str] = ()
    """What was decided on the training data and should be said."""
    units: tuple[float, float] | None = None
    """Mean and standard deviation of the numbers that are learnt; None where answers are classes."""

    @property
    def square(self) -> float:
        """What a squared error is divided by: it counts in standard deviations of the labels."""
        return 1.0 if self.units is None else self.units[1] ** 2

    @classmethod
    @abstractmethod
    def learn(cls, settings: Any, words: str, train: Iterable[Example]) -> Self:
        """A task that has seen the training examples once: its labels, their weights, how text becomes words."""

    @classmethod
    @abstractmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The task from `state()`, as stored with a model."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that prediction needs besides weights and tokenizer; JSON-able."""

    @classmethod
    @abstractmethod
    def foreign_state(cls, architecture: str, labels: list[str], config: Any) -> dict[str, Any] | None:
        """State (without settings) for a model of others; None where its architecture is another task's."""

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """The kind of prediction: decides metrics and baselines."""

    @property
    def headline(self) -> str:
        """The metric that the first line of a result shows, and that decides which weights are best."""
        return HEADLINE[self.kind]

    def model_settings(self) -> dict[str, Any]:
        """Keyword arguments for the model's config: labels by name, so that any loader shows them."""
        return {
            "num_labels": len(self.labels),
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: i for i, label in enumerate(self.labels)},
        }

    def attach(self, model: "torch.nn.Module") -> None:  # noqa: B027
        """Take what loss and decoding need of the model besides its logits; nothing by default."""

    def attach_head(self, arrays: Mapping[str, np.ndarray]) -> None:  # noqa: B027
        """The same of a model in ONNX, from its head's tensors by name; nothing by default."""

    @abstractmethod
    def tokenise(self, examples: Sequence[Example], framer: Framer) -> Any:
        """The token ids of examples: the slow part of `encode`, which can run ahead of it in a thread."""

    @abstractmethod
    def encode(
        self, examples: Sequence[Example], framer: Framer, stats: Stats, tokens: Any = None
    ) -> Iterator[Encoded]:
        """Model inputs of each example, in order; `tokens`: what `tokenise` gave, where that is done already.

        Raises DataError where overflow is `error` and one is too long.
        """

    def collate(self, rows: Sequence[Row], framer: Framer, length: int = 0) -> Batch:
        """Padded arrays of some rows: token arrays (B, L), L the longest row or `length`; values (B, ...)."""
        return pad(rows, {"input_ids": framer.pad_id, **self.padding}, length)

    @abstractmethod
    def targets(self, batch: "Tensors") -> float:
        """How many (weighted) targets the batch holds: what the summed loss is divided by."""

    def classes(self, batch: "Tensors") -> "torch.Tensor | None":
        """The single class of each row, (B,), where the task has one; else None."""
        return None

    @abstractmethod
    def loss(self, logits: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
        """The summed loss over the batch's targets, shape ()."""

    def divergence(self, first: "torch.Tensor", second: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
        """How far two logits for one batch differ, summed over its targets as the loss is, shape ().

        Raises ConfigError where the task does not say (training.r_drop needs it).
        """
        what = f"{self.name} does not say how far two answers differ"
        raise ConfigError(what, where="training.r_drop", fix="training.r_drop=null")

    def soft_loss(
        self, logits: "torch.Tensor", teacher: "torch.Tensor", batch: "Tensors", temperature: float
    ) -> "torch.Tensor":
        """How far logits are from a teacher's, summed over the batch's targets as the loss is, shape ().

        Raises ConfigError where the task does not say (distillation needs it).
        """
        raise ConfigError(f"{self.name} does not say how a teacher is followed", where="compression.distill")

    @abstractmethod
    def answers(self, logits: np.ndarray, batch: Batch) -> list[np.ndarray]:
        """What `decode` needs of each row's logits, as float32 arrays, one per row."""

    @abstractmethod
    def decode(self, encoded: Encoded, answers: Sequence[np.ndarray]) -> Any:
        """The prediction for an example from the answers of its rows."""

    @abstractmethod
    def margin(self, answers: Sequence[np.ndarray]) -> float:
        """How much an answer may change, at most, without changing the decision; 0 where every change counts."""

    def logits_in(self, answers: Sequence[np.ndarray]) -> np.ndarray:
        """The logits among an example's answers, (N, C)."""
        return np.stack(answers)

    def decisions(self, answers: Sequence[np.ndarray]) -> np.ndarray | None:
        """What an example's answers decide, item by item, so that two models can be compared; None for numbers."""
        return None

    @abstractmethod
    def recall(self, example: Example, row: Mapping[str, Any]) -> Any:
        """The prediction that `row` of a predictions file holds, for the example that it is about."""

    @abstractmethod
    def score(self, pairs: Iterable[tuple[Example, Any]], *, resamples: int, seed: int) -> Any:
        """Metrics with intervals and tables (lmfit.evaluation.metrics.Scores) of predictions against gold labels."""

    @abstractmethod
    def from_baseline(self, example: Example, predicted: Any) -> Any:
        """A baseline's answer as a prediction of this task."""

    def tune(self, pairs: Iterable[tuple[Example, Any]]) -> None:  # noqa: B027
        """Choose what is chosen on validation data (decision thresholds); nothing by default."""

    def outcome(self, example: Example, prediction: Any) -> Outcome | None:
        """Gold, predicted and probable classes of a labelled example; None where answers are no classes."""
        return None

    @abstractmethod
    def gold(self, example: Example) -> Any:
        """The gold answer in the form of a prediction row, JSON-able."""

    @abstractmethod
    def label_counts(self, example: Example) -> Iterable[str]:
        """The labels of an example, for the ledger."""


def lead(logits: np.ndarray) -> np.ndarray:
    """The largest logit less the next: (N, C) to (N,); infinite for a single class."""
    if logits.shape[1] == 1:
        return np.full(len(logits), np.inf)
    best = np.partition(logits, -2, axis=1)
    margins: np.ndarray = best[:, -1] - best[:, -2]
    return margins


def model_inputs(batch: Mapping[str, T]) -> dict[str, T]:
    """The part of a batch that models take."""
    return {name: batch[name] for name in MODEL_INPUTS if name in batch}


def weigh_labels(settings: ClassificationLoss, labels: Sequence[str], counts: Mapping[str, int]) -> list[float] | None:
    """Weight of each label, None where all weigh alike. balanced: N / (C * n_label), as in scikit-learn.

    Raises ConfigError where a weight is given to a label that does not exist.
    """
    if settings.class_weights == "none":
        return None
    if settings.class_weights == "balanced":
        total = sum(counts[label] for label in labels)
        return [total / (len(labels) * counts[label]) if counts[label] else 1.0 for label in labels]
    for name in settings.class_weights:
        if name not in labels:
            raise ConfigError(
                f"no label `{name}` in the training data", where="task.class_weights", fix=suggestion(name, labels)
            )
    return [settings.class_weights.get(label, 1.0) for label in labels]
