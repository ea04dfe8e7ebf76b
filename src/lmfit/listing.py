"""What `lmfit list` shows. Nothing heavy is imported."""

from lmfit.catalog import DATASETS, FORMATS, MODELS, TASKS
from lmfit.errors import ConfigError, suggestion


def listing(kind: str | None) -> dict[str, dict[str, str]]:
    """kind -> name -> a sentence; all kinds where `kind` is None. Raises ConfigError for an unknown kind."""
    kinds = {
        "tasks": lambda: dict.fromkeys(sorted(TASKS), ""),
        "models": lambda: {name: MODELS.load(name).about for name in sorted(MODELS)},
        "datasets": lambda: {name: DATASETS.load(name)["about"] for name in sorted(DATASETS)},
        "formats": lambda: dict.fromkeys(sorted(FORMATS), ""),
        "metrics": _metrics,
        "starters": _starters,
    }
    if kind is not None and kind not in kinds:
        raise ConfigError(f"nothing called `{kind}` can be listed", fix=suggestion(kind, list(kinds)))
    return {name: make() for name, make in kinds.items() if kind in (None, name)}


def _metrics() -> dict[str, str]:
    from lmfit.evaluation.names import METRICS

    return {name: f"({metric.better} is better) {metric.sentence}" for name, metric in METRICS.items()}


def _starters() -> dict[str, str]:
    from lmfit.config.starters import abouts

    return abouts()
