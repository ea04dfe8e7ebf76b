"""What `lmfit list` and `lmfit runs` show. Nothing heavy is imported."""

from typing import Any

from lmfit.catalog import DATASETS, FORMAT_ABOUTS, FORMATS, MODELS, SUFFIXES, TASKS
from lmfit.errors import ConfigError, InputError, suggestion
from lmfit.runs import list_runs


def listing(kind: str | None) -> dict[str, dict[str, str]]:
    """kind -> name -> a sentence; all kinds where `kind` is None. Raises ConfigError for an unknown kind."""
    kinds = {
        "tasks": lambda: dict.fromkeys(sorted(TASKS), ""),
        "models": lambda: {name: MODELS.load(name).about for name in sorted(MODELS)},
        "datasets": lambda: {name: DATASETS.load(name)["about"] for name in sorted(DATASETS)},
        "formats": _formats,
        "metrics": _metrics,
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


def _starters() -> dict[str, str]:
    from lmfit.config.starters import abouts

    return abouts()


def run_rows(sort: str | None) -> list[dict[str, Any]]:
    """One mapping per run: name, stage, status, headline metric; newest first, or best first by a metric."""
    rows = [_row(run, sort) for run in list_runs()]
    if sort is None:
        return sorted(rows, key=lambda row: -(row["created"] or 0))
    from lmfit.evaluation.names import metric

    if not sort.startswith(("test.", "validation.")):
        raise ConfigError(f"cannot sort by `{sort}`", where="--sort", fix="name the split too, e.g. test.f1")
    sign = 1 if metric(sort.partition(".")[2]).better == "lower" else -1
    return sorted(rows, key=lambda row: (row["value"] is None, sign * (row["value"] or 0)))


def _row(run: Any, sort: str | None) -> dict[str, Any]:
    manifest = run.manifest
    headline = manifest.get("headline") or {}
    shown = sort or (f"{headline['split']}.{headline['metric']}" if headline else "")
    split, _, name = shown.partition(".")
    try:
        entry = run.metrics.get(split, {}).get(name, {}) if shown else {}
    except InputError:
        entry = {}
    return {
        "name": run.path.name,
        "stage": manifest.get("stage"),
        "status": run.status,
        "metric": shown or None,
        "value": entry.get("value"),
        "low": entry.get("low"),
        "high": entry.get("high"),
        "model": manifest.get("model", {}).get("name"),
        "created": manifest.get("created"),
    }


def run_table(rows: list[dict[str, Any]], sort: str | None) -> list[str]:
    """Aligned lines."""
    if not rows:
        return ["no runs yet; start with: lmfit init quickstart -o quickstart.yaml"]
    width = max(len(row["name"]) for row in rows)
    return [
        f"{row['name']:<{width}}  {row['stage'] or '-':<9} {row['status']:<12} {_score(row)}".rstrip() for row in rows
    ]


def _score(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return ""
    interval = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['metric']} {row['value']:.3f}{interval}"
