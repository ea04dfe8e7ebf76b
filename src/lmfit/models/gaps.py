"""Weights of a model and what its config says it has: where they do not fit each other."""

import re
from collections.abc import Iterable
from typing import Any

from lmfit import console
from lmfit.errors import InputError
from lmfit.models.freeze import encoder_of


def refuse_gaps(where: str, name: str, new: set[str]) -> None:
    """To be trained, a model may lack its head, and a pooler (masked language models have none); else it is damaged."""
    if gaps := sorted(new):
        raise InputError(
            f"{len(gaps)} weights of `{name}` are missing or of another size: {', '.join(gaps[:3])}",
            where=where,
            fix="the download or the copy may be incomplete; get the model again",
        )


def refuse_excess(where: str, name: str, model: Any, unexpected: Iterable[str]) -> None:
    """Raises InputError for weights of layers that the config does not have; warns of others inside the encoder.

    Heads of other tasks and poolers are left aside without a word.
    """
    encoder, prefix = encoder_of(model), f"{model.base_model_prefix}."
    inside = {part for part, _ in encoder.named_children()}
    left = [one.removeprefix(prefix) for one in unexpected]
    left = [one for one in left if one.partition(".")[0] in inside and "pooler" not in one]
    known = {_pattern(one) for one in encoder.state_dict()}
    layers = [one for one in left if _pattern(one) in known and _pattern(one) != one]
    if layers:
        what = f"`{name}` holds {len(layers)} weights of layers that its config.json does not have: {_shown(layers)}"
        fix = "correct the number of layers in config.json, or get the model again"
        raise InputError(what, where=where, fix=fix)
    others = [one for one in left if not one.endswith(_BUFFERS)]
    if others:
        console.warn(f"model: {len(others)} weights of `{name}` have no place in its encoder: {_shown(others)}")


_BUFFERS = ("position_ids", "token_type_ids", "inv_freq", "attn.bias", "masked_bias")
"""What older versions of transformers saved and newer ones compute."""


def _pattern(name: str) -> str:
    """`layer.11.output.bias` -> `layer.*.output.bias`."""
    return re.sub(r"(?<=\.)\d+(?=\.)|^\d+(?=\.)", "*", name)


def _shown(names: list[str]) -> str:
    """The first few patterns of names."""
    patterns = sorted({_pattern(name) for name in names})
    return ", ".join(patterns[:3]) + (", ..." if len(patterns) > 3 else "")
