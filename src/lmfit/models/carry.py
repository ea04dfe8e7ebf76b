"""What a model has learnt on a source, made the start of a target: a model folder that any loader reads."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lmfit.durable import publish
from lmfit.errors import ConfigError
from lmfit.models.freeze import embeddings_of, encoder_of, layers_of
from lmfit.models.load import ModelSource, load_config, load_encoder, load_model, load_tokenizer, quiet_transformers
from lmfit.models.plain import LMFIT_KEY

_SHAPE = ("model_type", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size")
_TOKENS = ("model", "normalizer", "added_tokens")


def refuse_other_encoder(source: ModelSource, base: ModelSource) -> None:
    """Raises ConfigError where encoder or tokenizer of a source are not of the kind that the target begins with."""
    ours, theirs = _shape(load_config(base)), _shape(load_config(source))
    other = [f"{name} {theirs[name]}, not {ours[name]}" for name in _SHAPE if theirs[name] != ours[name]]
    tokens = [json.loads(load_tokenizer(one).backend_tokenizer.to_str()) for one in (base, source)]
    if any(tokens[0][part] != tokens[1][part] for part in _TOKENS):
        other.append("another tokenizer")
    if other:
        what = f"the encoder of `{source.name}` is not of the kind of `{base.name}` (model.name): {'; '.join(other)}"
        fix = "set model.name to the model that the source was trained from; the control begins with it"
        raise ConfigError(what, where="transfer.sources", fix=fix)


def _shape(config: Any) -> dict[str, Any]:
    """What must be equal; `none` for what an architecture does not name."""
    return {name: getattr(config, name, "none") for name in _SHAPE}


def write_untrained(folder: Path, source: ModelSource) -> None:
    """Write an encoder with random weights (of torch's RNG), for trainings that are to begin alike; appears whole."""
    model, _ = load_model(source, "AutoModel", {})
    _write(folder, model, source)


def write_start(
    folder: Path,
    source: ModelSource,
    base: ModelSource,
    auto_class: str,
    *,
    labels: Sequence[str] | None,
    layers: Literal["all"] | int,
) -> None:
    """Write the start of a target's training; appears whole.

    labels: the names of the rows of the source's head, which is kept; None: the encoder alone, whose layers above the
    first `layers` are those of `base`.
    """
    model = _encoder(source, base, auto_class, layers) if labels is None else _with_head(source, auto_class, labels)
    if hasattr(model.config, LMFIT_KEY):
        delattr(model.config, LMFIT_KEY)
    _write(folder, model, base)


def _write(folder: Path, model: Any, tokens: ModelSource) -> None:
    temporary = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    with quiet_transformers():
        model.save_pretrained(temporary)
        load_tokenizer(tokens).save_pretrained(temporary)
    publish(temporary, folder)


def _with_head(source: ModelSource, auto_class: str, labels: Sequence[str]) -> Any:
    model, _ = load_model(source, auto_class, {})
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: i for i, label in enumerate(labels)}
    return model


def _encoder(source: ModelSource, base: ModelSource, auto_class: str, layers: Literal["all"] | int) -> Any:
    """The encoder of `base` as the target's class has it, with the weights of `source` as far as they carry over."""
    encoder: Any = encoder_of(load_model(base, auto_class, {"num_labels": 2})[0])
    learnt, missing = load_encoder(source)
    carried = {name: tensor for name, tensor in learnt.state_dict().items() if name not in missing}
    if layers != "all":
        below = _names_below(encoder, layers)
        carried = {name: tensor for name, tensor in carried.items() if name in below}
    encoder.load_state_dict({name: carried[name] for name in encoder.state_dict() if name in carried}, strict=False)
    return encoder


def _names_below(encoder: Any, count: int) -> set[str]:
    """The names of the weights of the embeddings and the first `count` layers."""
    chosen = [embeddings_of(encoder), *layers_of(encoder)[:count]]
    return {
        f"{path}.{name}"
        for path, module in encoder.named_modules()
        if any(module is one for one in chosen)
        for name in module.state_dict()
    }
