"""A source of a transfer as a config of `lmfit finetune`, read and prepared."""

from dataclasses import dataclass
from typing import Any

from lmfit.config.layers import SOURCES
from lmfit.config.load import LoadedConfig
from lmfit.config.model import ModelConfig
from lmfit.config.nodes import find
from lmfit.config.schema import FinetuneConfig
from lmfit.config.transfer import TransferConfig
from lmfit.stages.prepare import Prepared, prepare

_SECTIONS = ("training", "device", "evaluation", "seed")


@dataclass(frozen=True)
class TrainedSource:
    """A source that is trained as a child run."""

    name: str
    loaded: LoadedConfig
    prepared: Prepared


def prepared_source(loaded: LoadedConfig, number: int) -> TrainedSource:
    """A source as a config of `lmfit finetune`, prepared; its model is that of the target until the one before is."""
    config, path = loaded.config, (*SOURCES, number)
    assert isinstance(config, TransferConfig)
    source = config.transfer.sources[number]
    sections: dict[str, Any] = {name: getattr(config, name) for name in _SECTIONS}
    sections |= {"training": source.training.on(config.training), "seed": config.target_seeds[0], "data": source.data}
    evaluation = config.evaluation.model_copy(
        update={"slices": [], "operating_points": [], "costs": {}, "robustness": []}
    )
    sections |= {"task": source.task or config.task, "model": config.model, "evaluation": evaluation}
    tree = find(loaded.tree, path) or loaded.tree
    own = LoadedConfig("finetune", f"source-{number + 1}", FinetuneConfig(**sections), tree)
    with own.located():
        return TrainedSource(own.name, own, prepare(own.config))


def renewed(source: TrainedSource, model: ModelConfig) -> LoadedConfig:
    """The source's config with the model that it goes on from."""
    return source.loaded.having(model=model)


def following(path: str, base: ModelConfig) -> ModelConfig:
    """A run of the chain as the model of the next one; labels that only the earlier one has may be lost."""
    return base.model_copy(update={"name": path, "revision": None, "drop_labels": True})
