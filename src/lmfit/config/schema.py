"""The typed tree behind the config of each stage: every key with its type, default and a sentence. No torch here."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from lmfit.catalog import TRACKERS
from lmfit.config.choice import OneOf
from lmfit.config.compression import CompressionConfig
from lmfit.config.data import DataConfig, FoldsConfig
from lmfit.config.evaluation import EvaluationConfig
from lmfit.config.model import ModelConfig
from lmfit.config.pretraining import (
    CorpusConfig,
    PretrainEvaluationConfig,
    PretrainingConfig,
    PretrainModelConfig,
    PretrainTrainingConfig,
    TokenizerConfig,
)
from lmfit.config.section import Section, TaskSettings
from lmfit.config.training import DeviceConfig, TrainingConfig
from lmfit.config.transfer import TransferSettings

__all__ = ["STAGE_CONFIGS", "FinetuneConfig", "TaskSettings", "TransferConfig"]

REPEATS = 3


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


class CompressConfig(FinetuneConfig):
    """The config of `lmfit compress`: that of the run that is compressed, and how."""

    compression: CompressionConfig = CompressionConfig()
    """What is done to the model."""


class PretrainConfig(Section):
    """The whole config of `lmfit pretrain`."""

    model: PretrainModelConfig = PretrainModelConfig()
    """A new model's architecture and size, or the name of one to go on with."""
    data: CorpusConfig
    """The raw text."""
    pretraining: PretrainingConfig = PretrainingConfig()
    """What is learnt from it."""
    training: PretrainTrainingConfig = PretrainTrainingConfig()
    """The training loop."""
    device: DeviceConfig = DeviceConfig()
    """The machine."""
    evaluation: PretrainEvaluationConfig = PretrainEvaluationConfig()
    """Scores and report."""
    output: str | None = None
    """Run folder; null: runs/<config name>, then -2, -3."""
    seed: int = Field(default=13, ge=0, lt=2**32)
    """Seed of everything random."""

    @model_validator(mode="after")
    def _fitting(self) -> "PretrainConfig":
        causal = "clm" in self.pretraining.weights
        if self.model.name is None and causal != (self.model.architecture == "gpt2"):
            kind = "a decoder: model.architecture: gpt2" if causal else "an encoder, which gpt2 is not"
            raise ValueError(f"{'clm' if causal else 'mlm'} needs {kind}")
        if self.pretraining.pair and self.model.name is None and self.model.architecture != "bert":
            raise ValueError(f"{self.pretraining.pair} needs model.architecture: bert, which has a head for it")
        tokenizer = self.pretraining.tokenizer
        if self.model.name is not None and tokenizer != TokenizerConfig(name=tokenizer.name):
            raise ValueError("pretraining.tokenizer says how one is trained; model.name brings its own")
        if causal and self.model.name is None and tokenizer.name is None and tokenizer.kind != "bpe":
            raise ValueError("clm takes pretraining.tokenizer.kind: bpe, which can write any text")
        if self.pretraining.batch_ramp and "epoch" in (self.training.evaluate_every, self.training.checkpoint_every):
            raise ValueError("with pretraining.batch_ramp evaluate_every and checkpoint_every are steps or shares")
        return self


class TransferConfig(FinetuneConfig):
    """The whole config of `lmfit transfer`: a target as for `lmfit finetune`, and what it is learnt after."""

    transfer: TransferSettings
    """What is learnt before the target, and how it carries over."""
    seeds: list[int] | None = None
    """Seeds of the target's trainings, with transfer and without alike; null: seed, seed + 1, seed + 2."""

    @field_validator("seeds")
    @classmethod
    def _several(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and (not value or len(set(value)) < len(value)):
            raise ValueError("expected at least one seed, all different")
        if value is not None and not all(0 <= seed < 2**32 for seed in value):
            raise ValueError("a seed is a whole number from 0 to 4294967295")
        return value

    @model_validator(mode="after")
    def _no_folds(self) -> "TransferConfig":
        if self.cross_validated:
            raise ValueError("transfer is measured on a split of its own; give data.validation a file or {split: 0.1}")
        return self

    @property
    def target_seeds(self) -> list[int]:
        """The seeds of the target's trainings."""
        return self.seeds or [(self.seed + i) % 2**32 for i in range(REPEATS)]


STAGE_CONFIGS: dict[str, type[Section]] = {
    "finetune": FinetuneConfig,
    "pretrain": PretrainConfig,
    "transfer": TransferConfig,
    "compress": CompressConfig,
}
"""The config of each stage."""
