"""Pruned encoders in lmfit: loaded through their config, saved so that transformers loads them, too."""

import shutil
from pathlib import Path
from typing import Any

from lmfit.models import modeling_pruned
from lmfit.models.modeling_pruned import CONFIG_KEY, PARTS, layers_of, pruned, widths_of

_NEURONS = ("intermediate_size", "hidden_dim")


def class_for(kind: Any, config: Any) -> Any:
    """What loads a model of this config: `kind` (an auto class), or the class of its pruned form."""
    if getattr(config, CONFIG_KEY, None) is None:
        return kind
    return pruned(kind._model_mapping[type(config)])


def note_widths(model: Any) -> None:
    """Write the widths of the layers into the model's config: where all are alike in its own words, else as a list."""
    config, widths = model.config, widths_of(model)
    config.num_hidden_layers = len(layers_of(model))
    alike = {part: len(set(widths[part])) == 1 for part in PARTS}
    if all(alike.values()) and widths["heads"][0] == config.num_attention_heads and widths["neurons"][0]:
        for name in _NEURONS:
            if hasattr(config, name):
                setattr(config, name, widths["neurons"][0])
        for name in (CONFIG_KEY, "auto_map"):
            vars(config).pop(name, None)
        model.__class__ = _plain(type(model))
        return
    setattr(config, CONFIG_KEY, widths)
    model.__class__ = pruned(_plain(type(model)))


def _plain(kind: type) -> type:
    """The class of transformers' own below a pruned one."""
    return kind.__mro__[1] if kind.__module__ == modeling_pruned.__name__ else kind


def write_code(folder: Path, model: Any) -> None:
    """Put the code that loads a pruned model beside it, and its name into the config; to be called before saving."""
    if getattr(model.config, CONFIG_KEY, None) is None:
        return
    module, name = Path(modeling_pruned.__file__), type(model).__name__
    model.config.auto_map = {f"AutoModel{name[name.index('For') :]}": f"{module.stem}.{name}"}
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(module, folder / module.name)
