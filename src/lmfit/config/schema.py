"""The typed tree behind the config of each stage: every key with its type, default and a sentence. No torch here."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from lmfit.catalog import TRACKERS
from lmfit.config.choice import OneOf
from lmfit.config.data import DataConfig, FoldsConfig
from lmfit.config.evaluation import EvaluationConfig
from lmfit.config.model import ModelConfig
from lmfit.config.section import Section, TaskSettings
from lmfit.config.training import DeviceConfig, TrainingConfig

__all__ = ["SEARCH", "STAGE_CONFIGS", "FinetuneConfig", "TaskSettings"]

SEARCH = "search"
"""The stage whose config is another stage's with one more section (lmfit.config.search)."""


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
        fixed = "model.lora" if self.model.lora else "model.freeze" if self.model.freeze not in ("none", 0) else ""
        if self.training.adversarial is not None and fixed:
            raise ValueError(f"training.adversarial moves embeddings along their gradient; {fixed} leaves them none")
        return self

    @model_validator(mode="after")
    def _fitting_head(self) -> "FinetuneConfig":
        if self.task.name and self.model.head not in self.task.heads:
            raise ValueError(f"model.head: {self.model.head} is none of {self.task.name}: {', '.join(self.task.heads)}")
        if self.task.name and self.model.pooling is not None and not self.task.pools:
            raise ValueError(f"model.pooling: {self.task.name} answers for each word; nothing is pooled")
        if self.model.head == "crf":
            self._fitting_crf()
        return self

    def _fitting_crf(self) -> None:
        """A CRF has one loss: the likelihood of the tags of the words."""
        wrong = [
            f"task.{name}: {getattr(self.task, name)}"
            for name, value in _WITH_CRF.items()
            if getattr(self.task, name, value) != value
        ]
        wrong += [] if self.training.r_drop is None else ["training.r_drop"]
        if wrong:
            raise ValueError(f"model.head: crf is trained by the likelihood of whole sentences, without {wrong[0]}")

    @property
    def trackers(self) -> list[str]:
        """The trackers that `tracking` names, each once."""
        named = self.tracking if isinstance(self.tracking, list) else [self.tracking]
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def cross_validated(self) -> bool:
        """Whether the run is made of folds."""
        return isinstance(self.data.validation, FoldsConfig) and self.data.validation.fold is None


_WITH_CRF = {"loss": "cross_entropy", "label_smoothing": 0.0, "class_weights": "none", "label_subwords": "first"}


STAGES: Mapping[str, str] = {
    "finetune": "lmfit.config.schema:FinetuneConfig",
    "pretrain": "lmfit.config.pretraining:PretrainConfig",
    "transfer": "lmfit.config.transfer:TransferConfig",
    "compress": "lmfit.config.compression:CompressConfig",
}


class StageConfigs(Mapping[str, type[Section]]):
    """The config of each stage, made when it is asked for: a class of settings takes a while to build."""

    def __getitem__(self, stage: str) -> type[Section]:
        module, _, name = STAGES[stage].partition(":")
        found: type[Section] = getattr(import_module(module), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(STAGES)

    def __len__(self) -> int:
        return len(STAGES)


STAGE_CONFIGS = StageConfigs()
