"""Settings of each task (the `task:` section). No torch here; the code that uses them lives in lmfit.tasks."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from lmfit.config.schema import TaskSettings


class ClassificationLoss(TaskSettings):
    """How the loss of a classification task is formed."""

    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    """Cross entropy, or focal loss (Lin et al. 2017), which weighs down what is already right."""
    focal_gamma: float = Field(default=2.0, ge=0)
    """Exponent of the focal loss; 0 is cross entropy."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target probability spread evenly over all labels."""
    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    """Weight of each label in the loss: none, balanced (inverse to its frequency), or a mapping label -> weight."""

    @field_validator("class_weights")
    @classmethod
    def _not_negative(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(weight < 0 for weight in value.values()):
            raise ValueError("a weight cannot be negative")
        return value

    @model_validator(mode="after")
    def _focal_or_smoothed(self) -> "ClassificationLoss":
        if self.loss == "focal" and self.label_smoothing > 0:
            raise ValueError("loss: focal and label_smoothing exclude each other; set label_smoothing to 0")
        return self


class TokenClassificationSettings(ClassificationLoss):
    """One label per word: named entities, parts of speech, chunks."""

    heads: ClassVar[tuple[str, ...]] = ("linear", "crf")

    name: Literal["token-classification"] = "token-classification"
    """The task."""
    label_subwords: Literal["first", "all"] = "first"
    """Which subwords of a word carry its label in training: the first one, or all of them."""
    decoding: Literal["argmax", "constrained"] = "argmax"
    """argmax: the best tag of each word, as other loaders of the model answer; constrained: the best valid sequence."""


class TextClassificationSettings(ClassificationLoss):
    """One label, several labels or a number for a text or a pair of texts."""

    heads: ClassVar[tuple[str, ...]] = ("linear", "mlp")
    pools: ClassVar[bool] = True

    name: Literal["text-classification"] = "text-classification"
    """The task."""
    problem: Literal["auto", "single_label", "multi_label", "regression"] = "auto"
    """What a label is; auto: several where any row has a list of none or several."""
    thresholds: Literal["tuned"] | float = "tuned"
    """Multi-label: a label is predicted above this probability; tuned: chosen per label on the validation split."""

    @field_validator("thresholds")
    @classmethod
    def _probability(cls, value: Any) -> Any:
        if isinstance(value, float | int) and not 0 <= value <= 1:
            raise ValueError("a threshold is a probability, between 0 and 1")
        return value
