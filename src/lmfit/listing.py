"""What `lmfit list` shows. Nothing heavy is imported."""

from lmfit.catalog import (
    DATASETS,
    FORMAT_ABOUTS,
    FORMATS,
    MODELS,
    PERTURBATIONS,
    SUFFIXES,
    TASKS,
    TRACKER_ABOUTS,
    TRACKERS,
)
from lmfit.errors import ConfigError, suggestion


def listing(kind: str | None) -> dict[str, dict[str, str]]:
    """kind -> name -> a sentence; all kinds where `kind` is None. Raises ConfigError for an unknown kind."""
    kinds = {
        "tasks": lambda: dict.fromkeys(sorted(TASKS), ""),
        "models": lambda: {name: MODELS.load(name).about for name in sorted(MODELS)},
        "datasets": lambda: {name: DATASETS.load(name)["about"] for name in sorted(DATASETS)},
        "formats": _formats,
        "metrics": _metrics,
        "perturbations": _perturbations,
        "trackers": lambda: {name: TRACKER_ABOUTS.get(name, "of a plug-in") for name in sorted(TRACKERS)},
        "starters": _starters,
    }
    if kind is not None and kind not in kinds:
        raise ConfigError(f"nothing called `{kind}` can be listed", fix=suggestion(kind, list(kinds)))
    return {name: make() for name, make in kinds.items() if kind in (None, name)}


def _formats() -> dict[str, str]:
    """A sentence and the suffixes that a format is known by."""
    told = {}
    for name in sorted(FORMATS):
        suffixes = ", ".join(sorted(suffix for suffix, form in SUFFIXES.items() if form == name))
        told[name] = FORMAT_ABOUTS.get(name, "of a plug-in") + (f" ({suffixes})" if suffixes else "")
    return told


def _metrics() -> dict[str, str]:
    from lmfit.evaluation.names import METRICS

    return {name: f"({metric.better} is better) {metric.sentence}" for name, metric in METRICS.items()}


def _perturbations() -> dict[str, str]:
    return {name: "; ".join(one.about for one in PERTURBATIONS.load(name)) for name in sorted(PERTURBATIONS)}


def _starters() -> dict[str, str]:
    from lmfit.config.starters import abouts

    return abouts()
