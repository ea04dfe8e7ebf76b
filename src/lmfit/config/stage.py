"""Which stage a config is for, told by its keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from lmfit.config.layers import read_layers
from lmfit.config.nodes import Mistake, plain
from lmfit.config.schema import STAGE_CONFIGS
from lmfit.config.search import SEARCH


def stage_of(config: Mapping[str, object]) -> str:
    """The first stage whose config has all the top-level keys of this one; `finetune` where none has."""
    if SEARCH in config:
        return SEARCH
    stages = (stage for stage, root in STAGE_CONFIGS.items() if config.keys() <= root.model_fields.keys())
    return next(stages, "finetune")


def keys_of(file: Path) -> dict[str, object]:
    """What a file and its parents say."""
    mistakes: list[Mistake] = []
    return cast(dict[str, object], plain(read_layers(file, mistakes)))
