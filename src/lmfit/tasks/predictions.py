"""Typed predictions, and the rows that `lmfit predict` writes of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from lmfit.data.example import Example


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled span: offsets count code points, half-open, in the text as read."""

    start: int
    end: int
    label: str
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class TagPrediction:
    """Token classification: entities (for plain tags: every word), and the tag of each word.

    probabilities (words, labels) of a model's answer; zeros for a word that the model has not seen.
    """

    text: str
    entities: list[Entity]
    tags: list[str]
    probabilities: np.ndarray | None = field(default=None, compare=False, repr=False)

    def row(self) -> dict[str, Any]:
        """The prediction as a JSON-able mapping."""
        return {"text": self.text, "entities": [asdict(entity) for entity in self.entities]}

    def labelling(self, example: Example) -> Example:
        """The example that was answered, with these tags."""
        return replace(example, tags=list(self.tags))

    def bare(self) -> "TagPrediction":
        """No more than what scores need."""
        return TagPrediction("", [], self.tags)


@dataclass(frozen=True, slots=True)
class LabelPrediction:
    """Text classification: the label (labels for multi-label), its probability, and all probabilities by name."""

    text: str
    text_pair: str | None
    label: str | list[str]
    score: float
    scores: Mapping[str, float]

    def row(self) -> dict[str, Any]:
        """The prediction as a JSON-able mapping."""
        pair = {} if self.text_pair is None else {"text_pair": self.text_pair}
        return {"text": self.text, **pair, "label": self.label, "score": self.score, "scores": dict(self.scores)}

    def labelling(self, example: Example) -> Example:
        """The example that was answered, with this label."""
        return replace(example, label=tuple(self.label) if isinstance(self.label, list) else self.label)

    def bare(self) -> "LabelPrediction":
        """No more than what scores need."""
        return replace(self, text="", text_pair=None, scores={})


@dataclass(frozen=True, slots=True)
class NumberPrediction:
    """Regression: the predicted number."""

    text: str
    text_pair: str | None
    label: float

    def row(self) -> dict[str, Any]:
        """The prediction as a JSON-able mapping."""
        pair = {} if self.text_pair is None else {"text_pair": self.text_pair}
        return {"text": self.text, **pair, "label": self.label}

    def labelling(self, example: Example) -> Example:
        """The example that was answered, with this number."""
        return replace(example, label=self.label)

    def bare(self) -> "NumberPrediction":
        """No more than what scores need."""
        return replace(self, text="", text_pair=None)


Prediction = TagPrediction | LabelPrediction | NumberPrediction
