"""The `transfer:` section: what is learnt before the target, how it carries over, and how the gain is measured."""

from typing import Any, Literal

from pydantic import (
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from lmfit.config.data import DataConfig, FoldsConfig
from lmfit.config.model import ModelConfig
from lmfit.config.schema import FinetuneConfig
from lmfit.config.section import Section, TaskSettings
from lmfit.config.training import TrainingConfig

REPEATS = 3

_LENGTH = {"epochs", "max_steps", "budget"}
_OF_SOURCE = {"name", "revision", "trust_remote_code"}
_SIZE = {"batch_size", "batch_tokens"}

Size = Literal["all"] | int


class TrainingOverrides(TrainingConfig):
    """Keys of `training` that are different here; all others are those of the `training` section."""

    def on(self, base: TrainingConfig) -> TrainingConfig:
        """The settings of `base` with these in their place; of keys that exclude each other the one given here."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        hidden = {name for group in (_LENGTH, _SIZE) if group & given.keys() for name in group}
        kept = {name: getattr(base, name) for name in base.model_fields_set - hidden}
        return TrainingConfig(**kept | given)

    @model_serializer(mode="wrap")
    def _loadable(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what was given."""
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


class SourceConfig(Section):
    """A source: data to learn from first, or a model that has learnt already."""

    model: ModelConfig | None = None
    """A run folder, a model folder or a Hub id, instead of data: it has learnt already. The first source only."""
    task: SerializeAsAny[TaskSettings] | None = None
    """The source's task, a name or a mapping; null: that of the target."""
    data: DataConfig | None = None
    """The source's data, a name or a mapping as the `data` section."""
    training: TrainingOverrides = TrainingOverrides()
    """Keys of `training` that are different for this source."""

    @model_validator(mode="after")
    def _data_or_model(self) -> "SourceConfig":
        if (self.model is None) == (self.data is None):
            raise ValueError("a source has either data to learn from, or a model that has learnt already")
        if self.model is not None and (self.task is not None or self.training.model_fields_set):
            raise ValueError("a source with a model is not trained; task and training belong to sources with data")
        if self.model is not None and self.model != ModelConfig(**self.model.model_dump(include=_OF_SOURCE)):
            raise ValueError("of a source's model say name, revision and trust_remote_code")
        if self.data is not None and isinstance(self.data.validation, FoldsConfig):
            raise ValueError("a source is trained once; give its data.validation a file or {split: 0.1}, not folds")
        return self


class TransferSettings(Section):
    """What carries over from which sources, and how the target goes on from there."""

    sources: list[SourceConfig] = Field(min_length=1)
    """What is learnt before the target, one after the other: each {data, task, training}, the first also {model}."""
    mode: Literal["chain", "joint"] = "chain"
    """chain: the sources, then the target; joint: all at once, with a shared encoder and a head each."""
    weights: list[float] | None = None
    """joint: how many rows of each source join an epoch, for each row of the target, e.g. [0.5]; null: 1 each."""
    control: bool = True
    """Train the target without transfer, too; false, for mode: joint: one training with `seed`, and no proof."""
    layers: Literal["all"] | int = "all"
    """What carries over: the whole encoder, or its embeddings and first n layers; the rest is that of `model`."""
    head: Literal["auto", "keep", "new"] = "auto"
    """The head: keep the rows of labels that the target has too (after label_map), new; auto: keep where it can."""
    label_map: dict[str, str] = Field(default_factory=dict)
    """Labels of the last source by the target's name for them, e.g. {1: positive}; entities: their types."""
    freeze: Literal["none", "embeddings", "encoder"] | int | None = None
    """What of the transferred model is not trained on the target, as model.freeze; null: as model.freeze says."""
    training: TrainingOverrides = TrainingOverrides()
    """Keys of `training` that are different after transfer, e.g. {layer_decay: 0.9}; the control is without them."""
    sizes: list[Size] = ["all"]
    """Training rows of the learning curve, e.g. [16, 64, 256, all]: nested draws, equal with and without transfer."""

    @field_validator("sizes")
    @classmethod
    def _rising(cls, value: list[Any]) -> list[Any]:
        numbers = [size for size in value if size != "all"]
        if (
            any(size < 2 for size in numbers)
            or sorted(set(numbers)) != numbers
            or value[len(numbers) :] not in ([], ["all"])
        ):
            raise ValueError("expected rising numbers of rows (from 2), `all` last, e.g. [16, 64, 256, all]")
        return value

    @field_validator("layers", "freeze")
    @classmethod
    def _layers(cls, value: Any) -> Any:
        if isinstance(value, int) and value < 0:
            raise ValueError("a number of layers cannot be negative")
        return value

    @model_validator(mode="after")
    def _one_after_the_other(self) -> "TransferSettings":
        if self.mode == "joint":
            return self._at_once()
        if self.weights is not None or not self.control:
            raise ValueError("weights, and control: false, belong to mode: joint; a chain is measured by its control")
        if any(source.model is not None for source in self.sources[1:]):
            raise ValueError("only the first source can be a model; those after it go on from it")
        if self.head == "new" and self.label_map:
            raise ValueError("label_map says which rows of the head are kept; head: new keeps none")
        if self.layers != "all" and (self.head == "keep" or self.label_map):
            raise ValueError("a head goes with the layers below it: it carries over with layers: all only")
        return self

    def _at_once(self) -> "TransferSettings":
        """What a joint training cannot have."""
        if any(source.model is not None or source.training.model_fields_set for source in self.sources):
            raise ValueError("mode: joint trains all at once: its sources have data, and no training of their own")
        if self.layers != "all" or self.head != "auto" or self.label_map:
            raise ValueError("mode: joint carries nothing over; take layers, head and label_map out")
        if self.weights is not None and (len(self.weights) != len(self.sources) or min(self.weights) <= 0):
            raise ValueError("weights: one number above 0 for each source")
        if not self.control and self.sizes != ["all"]:
            raise ValueError("control: false trains once, on all rows; take sizes out")
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
        if self.transfer.mode == "joint" and self.training.sharding == "full":
            raise ValueError("transfer.mode: joint was not tried with training.sharding: full; keep one of them")
        if not self.transfer.control and self.seeds is not None:
            raise ValueError("transfer.control: false trains once, with seed; take seeds out")
        return self

    @property
    def target_seeds(self) -> list[int]:
        """The seeds of the target's trainings."""
        return self.seeds or [(self.seed + i) % 2**32 for i in range(REPEATS)]
