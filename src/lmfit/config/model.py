"""The `model:` section."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from lmfit.config.section import Section


class LoraConfig(Section):
    """Low-rank adapters (LoRA, Hu et al. 2022): W + (alpha / rank) B A, of which only A, B and the head are trained."""

    rank: int = Field(default=8, ge=1)
    """Rank of the adapters: rows of A, columns of B."""
    alpha: float = Field(default=16.0, gt=0)
    """Their share in the sum is alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before A."""
    target_modules: list[str] | None = Field(default=None, min_length=1)
    """Ends of names of the linear modules that are adapted, e.g. [query, value]; null: all those of the layers."""
    merge: bool = True
    """model/ is an ordinary model; false: the adapter and the head alone, for peft, lmfit and the same base model."""


class ModelConfig(Section):
    """The pretrained model to start from."""

    name: str = "minilm-l6"
    """A path, a run folder (keeps going from it), a name of `lmfit list models`, or a Hub id."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model; null: its main branch. The commit used is written to run.json."""
    trust_remote_code: bool = False
    """Run Python code that comes with a Hub model. Off: such models are refused."""
    freeze: Literal["none", "embeddings", "encoder"] | int = "none"
    """What is not trained: none, embeddings, encoder (all but the head), or n: embeddings and first n layers."""
    lora: LoraConfig | None = None
    """Train low-rank adapters in place of the encoder's weights, e.g. {rank: 8}; null: the weights themselves."""
    head: Literal["linear", "mlp", "crf"] = "linear"
    """linear; mlp: with a hidden layer (texts); crf: tags are chosen together, as a sequence (words)."""
    pooling: Literal["cls", "mean", "attention"] | None = None
    """What of a text its head sees: first token, mean, learnt weights; null: as the architecture has it."""
    head_init: Literal["auto", "random", "class_means"] = "auto"
    """Start of a head, or of a trained head's rows for new labels: random, class_means, auto (means where it can)."""
    drop_labels: bool = False
    """Whether labels that a run knows and the training data lacks may be lost; else that is an error."""
    on_unknown: Literal["stop", "allow"] = "stop"
    """What to do when more than 10 % of the words become unknown tokens."""

    @field_validator("freeze")
    @classmethod
    def _layers(cls, value: Any) -> Any:
        if isinstance(value, int) and value < 0:
            raise ValueError("the number of frozen layers cannot be negative")
        return value

    @model_validator(mode="after")
    def _something_adapted(self) -> "ModelConfig":
        if self.lora is not None and self.freeze == "encoder":
            raise ValueError("lora adapts the encoder, and freeze: encoder leaves nothing of it to train; keep one")
        if self.lora is not None and not self.lora.merge and (self.head != "linear" or self.pooling):
            raise ValueError("an adapter alone (lora.merge: false) holds a plain head only; take out head and pooling")
        return self
