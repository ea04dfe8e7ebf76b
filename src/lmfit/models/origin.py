"""Which model of the Hub a model comes from, and under what licence, as far as that is known."""

from pathlib import Path

from lmfit.catalog import MODELS
from lmfit.models.load import ModelSource
from lmfit.runs import Run

_UNKNOWN: dict[str, str | None] = {"base": None, "license": None}


def origin(source: ModelSource) -> dict[str, str | None]:
    """{"base": Hub id, "license": the Hub's name for it}; None for what is not known, as for local folders.

    A run that goes on from another one has its parent's origin.
    """
    if source.kind == "hub":
        return _UNKNOWN | {"base": source.where}
    if source.kind == "run":
        held = Run(Path(source.where).parent).manifest.get("model", {})
        return {name: held.get(name) for name in _UNKNOWN}
    if source.name in MODELS:
        return {name: getattr(MODELS.load(source.name), name, None) for name in _UNKNOWN}
    return _UNKNOWN
