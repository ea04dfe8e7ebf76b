"""Keys of the `compression:` section about making a model smaller: prune, distill, trim_vocabulary, joint."""

from typing import Literal

from pydantic import Field, model_validator

from lmfit.config.section import Section

Share = Field(gt=0, lt=1)
LEARNT = ("gates", "movement")
"""Scores of units that a joint training learns beside the weights."""


class TrimConfig(Section):
    """Which tokens stay besides those of training and validation text, single characters and special tokens."""

    reserve: int = Field(default=3000, ge=0)
    """How many of the most frequent tokens stay whether the task's text has them or not."""


class PruneConfig(Section):
    """Which share of heads and feed-forward neurons goes; one target, here or in compression.targets."""

    pattern: Literal["structured", "unstructured", "2:4"] = "structured"
    """structured: whole heads and neurons; the others set weights to zero, for research: no faster on a CPU."""
    sparsity: float | None = Field(default=None, gt=0, lt=1)
    """Share of the layers' weights to remove."""
    size: str | None = None
    """Most that all weights may take in fp32, such as 40 MB."""
    latency_ratio: float | None = Field(default=None, gt=1)
    """How many times as fast as unpruned, in the form that is shipped, as measured here for single structures."""
    layers: int | None = Field(default=None, ge=1)
    """How many layers stay; those go first without which the loss is least. Alone, or beside a target for the rest."""
    scores: Literal["reconstruction", "fisher", "magnitude", "gates", "movement"] = "reconstruction"
    """How units are judged: reconstruction (others take over), fisher, magnitude; learnt in joint: gates, movement."""
    refit: bool = True
    """Fit what is left to the parent's answers, layer by layer, by least squares."""
    rows: int = Field(default=512, ge=1)
    """Training rows that scores and fit are computed on."""
    length: int | None = Field(default=None, ge=1)
    """Tokens of the text that latency is measured with; null: the median of the training rows."""

    @model_validator(mode="after")
    def _one_target(self) -> "PruneConfig":
        given = [name for name in ("sparsity", "size", "latency_ratio") if getattr(self, name) is not None]
        if self.pattern == "2:4" and self.sparsity not in (None, 0.5):
            raise ValueError("of 2:4 half of the weights go: sparsity 0.5")
        if self.pattern != "structured" and {"size", "latency_ratio"} & set(given):
            raise ValueError(f"{self.pattern} takes sparsity alone as its target")
        if len(given) > 1 or (self.pattern == "unstructured" and not given):
            raise ValueError("give one target: sparsity, size or latency_ratio")
        return self


class JointConfig(Section):
    """All of it in one training: shares of its steps, and weights."""

    dense: float = Field(default=0.0, ge=0, lt=1)
    """Share of the steps that only distil."""
    ramp: float = Field(default=0.3, gt=0, lt=1)
    """Share in which the budget of heads and neurons falls to the target; of cuts the first stands at its beginning."""
    cuts: int = Field(default=4, ge=1)
    """In how many cuts it falls; where the scores are learnt (gates, movement) there is one, at the end of the ramp."""
    quantize: float = Field(default=0.3, ge=0, lt=1)
    """Share, at the end, that is trained under the rounding of the int8 model; nothing where none is made."""
    quant_weight: float = Field(default=1.0, ge=0)
    """Weight of the distance between logits with and without rounding."""


class DistillConfig(Section):
    """How a student follows the run, its teacher."""

    student: str | None = None
    """A model, as in model.name; null: the teacher itself with fewer layers, or as pruning left it."""
    text: list[str] = Field(default_factory=list)
    """Files of texts without labels (one a line, csv, jsonl, ...) to learn from as well; the run labels them."""
    layers: int | list[int] | None = None
    """Layers of a student made of the teacher: how many (evenly spaced, the last one among them), or which, from 0."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Weight of the teacher's answers; the labels' loss weighs 1 - alpha."""
    temperature: float = Field(default=2.0, gt=0)
    """Softens both answers before they are compared."""
    hidden: float = Field(default=0.0, ge=0)
    """Weight of the mean squared error between hidden states, the student's projected to the teacher's width."""
    relations: float = Field(default=0.0, ge=0)
    """Weight of the divergence between the last layers' query, key and value relations (MiniLM v2)."""

    @model_validator(mode="after")
    def _one_student(self) -> "DistillConfig":
        if self.student is not None and self.layers is not None:
            raise ValueError("give student or layers: layers are those of a student made of the teacher")
        return self
