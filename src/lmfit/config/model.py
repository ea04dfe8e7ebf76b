"""The `model:` section."""

from typing import Any, Literal

from pydantic import field_validator

from lmfit.config.section import Section


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
