"""The typed tree behind the config of each stage: every key with its type, default and a sentence. No torch here."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from lmfit.catalog import TRACKERS
from lmfit.config.choice import OneOf
from lmfit.config.compression import CompressionConfig
from lmfit.config.data import DataConfig, FoldsConfig
from lmfit.config.evaluation import EvaluationConfig
from lmfit.config.model import ModelConfig
from lmfit.config.section import Section
from lmfit.config.training import DeviceConfig, TrainingConfig


class TaskSettings(Section):
    """The `task:` section; each task's settings extend it (lmfit.config.tasks)."""

    name: str
    """The task, of `lmfit list tasks`."""


class FinetuneConfig(Section):
    """The whole config of `lmfit finetune`."""

    task: TaskSettings
    """A task's name, or a mapping with its name and settings."""
    model: ModelConfig = ModelConfig()
    """A model's name, or a mapping with its name and settings."""
    data: DataConfig
    """A data set's name, or a mapping that says where the data is."""
    training: TrainingConfig = TrainingConfig()
    """The training loop."""
    device: DeviceConfig = DeviceConfig()
    """The machine."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """Scores and report."""
    tracking: Annotated[list[Annotated[str, OneOf(TRACKERS)]] | str | None, OneOf(TRACKERS)] = None
    """Where the numbers of training go too: tensorboard (RUN/tensorboard), mlflow (MLFLOW_TRACKING_URI), or a list."""
    output: str | None = None
    """Run folder; null: runs/<config name>, then -2, -3."""
    seed: int = Field(default=13, ge=0, lt=2**32)
    """Seed of everything random."""
    seeds: list[int] | None = None
    """Train once with each of these seeds, e.g. [1, 2, 3], and report mean, spread and an interval that holds both."""

    @field_validator("seeds")
    @classmethod
    def _several(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and (len(value) < 2 or len(set(value)) < len(value)):
            raise ValueError("expected at least two seeds, all different; for a single one write seed: 1")
        if value is not None and not all(0 <= seed < 2**32 for seed in value):
            raise ValueError("a seed is a whole number from 0 to 4294967295")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "FinetuneConfig":
        if self.seeds is not None and "seed" in self.model_fields_set:
            raise ValueError("seed and seeds exclude each other; keep one")
        if self.seeds is not None and self.cross_validated:
            raise ValueError("seeds and data.validation.folds cannot be combined; measure one of them at a time")
        if self.training.adversarial is not None and self.model.freeze not in ("none", 0):
            raise ValueError(
                "training.adversarial moves embeddings along their gradient; model.freeze leaves them none"
            )
        return self

    @property
    def trackers(self) -> list[str]:
        """The trackers that `tracking` names, each once."""
        named = self.tracking if isinstance(self.tracking, list) else [self.tracking]
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def cross_validated(self) -> bool:
        """Whether the run is made of folds."""
        return isinstance(self.data.validation, FoldsConfig) and self.data.validation.fold is None


class CompressConfig(FinetuneConfig):
    """The config of `lmfit compress`: that of the run that is compressed, and how."""

    compression: CompressionConfig = CompressionConfig()
    """What is done to the model."""


STAGE_CONFIGS: dict[str, type[FinetuneConfig]] = {"finetune": FinetuneConfig, "compress": CompressConfig}
"""The config of each stage."""
