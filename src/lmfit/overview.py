"""What `lmfit runs` shows, and the remarks that it writes. Nothing heavy is imported."""

from collections.abc import Mapping, Sequence
from time import localtime, strftime
from typing import Any

from lmfit.conditions import Facts, parse_condition, refuse_unknown
from lmfit.errors import ConfigError, InputError
from lmfit.runs import CHILDREN, Run, find_run, list_children, list_runs

_COLUMNS = ("name", "stage", "status", "task", "model", "score", "spread", "seed", "tags", "created", "note")


def run_rows(
    sort: str | None = None, *, names: Sequence[str] = (), where: Sequence[str] = (), children: bool = False
) -> list[dict[str, Any]]:
    """One mapping per run, newest first, or best first by a metric; children behind their parents, where not sorted.

    names: only these runs. where: only those that meet every condition (lmfit.conditions). Raises ConfigError.
    """
    conditions = [parse_condition(word) for word in where]
    runs = [find_run(name) for name in dict.fromkeys(names)] if names else list_runs()
    runs.sort(key=lambda run: -run.manifest.get("created", 0))
    families = [one for run in runs for one in (run, *list_children(run))] if children or where else runs
    refuse_unknown(conditions, [Facts(run) for run in families])
    facts = [Facts(run) for run in (families if children else runs)]
    rows = [_row(one.run, sort) for one in facts if all(condition.holds(one) for condition in conditions)]
    if sort is None:
        return rows
    from lmfit.evaluation.names import metric

    if not sort.startswith(("test.", "validation.")):
        raise ConfigError(f"cannot sort by `{sort}`", where="--sort", fix="name the split too, e.g. test.f1")
    sign = 1 if metric(sort.partition(".")[2]).better == "lower" else -1
    return sorted(rows, key=lambda row: (row["value"] is None, sign * (row["value"] or 0)))


def children_that_meet(where: Sequence[str], names: Sequence[str] = ()) -> list[str]:
    """The names of the children that meet every condition."""
    return [row["name"] for row in run_rows(names=names, where=where, children=True) if f"/{CHILDREN}/" in row["name"]]


def annotate(names: Sequence[str], note: str | None, tags: Sequence[str], untag: Sequence[str]) -> None:
    """Write a note and tags to the named runs. Raises InputError where none is named, or a tag to take is not there."""
    if not names:
        raise InputError("--note and --tag need a run to write to", fix="lmfit runs RUN --note TEXT")
    for run in [find_run(name) for name in dict.fromkeys(names)]:
        before = run.manifest.get("tags", [])
        if missing := [tag for tag in untag if tag not in before]:
            fix = f"it has {', '.join(before) or 'none'}"
            raise InputError(f"the run `{run.path}` has no tag `{missing[0]}`", where="--untag", fix=fix)
        kept = [tag for tag in dict.fromkeys([*before, *tags]) if tag not in untag]
        run.record(tags=kept, note=run.manifest.get("note") if note is None else note or None)


def run_table(rows: Sequence[Mapping[str, Any]], found_none: str = "") -> list[str]:
    """Aligned lines; a column that is empty for all rows is left out. found_none: what to say where there is no row."""
    if not rows:
        return [found_none or "no runs yet; start with: lmfit init quickstart -o quickstart.yaml"]
    cells = [_cells(row) for row in rows]
    columns = [name for name in _COLUMNS if any(cell[name] for cell in cells)]
    widths = {name: max(len(cell[name]) for cell in cells) for name in columns}
    return ["  ".join(f"{cell[name]:<{widths[name]}}" for name in columns).rstrip() for cell in cells]


def _row(run: Run, sort: str | None) -> dict[str, Any]:
    manifest = run.manifest
    headline = manifest.get("headline") or {}
    shown = sort or (f"{headline['split']}.{headline['metric']}" if headline else "")
    split, _, name = shown.partition(".")
    try:
        entry = run.metrics.get(split, {}).get(name, {}) if shown else {}
    except InputError:
        entry = {}
    return {
        "name": _name(run),
        "stage": manifest.get("stage"),
        "status": run.status,
        "task": manifest.get("task"),
        "metric": shown or None,
        "value": entry.get("value"),
        "low": entry.get("low"),
        "high": entry.get("high"),
        "spread": entry.get("spread"),
        "model": manifest.get("model", {}).get("name"),
        "seed": manifest.get("seeds") or manifest.get("seed"),
        "tags": manifest.get("tags", []),
        "note": manifest.get("note"),
        "created": manifest.get("created"),
    }


def _name(run: Run) -> str:
    path = run.path.resolve()
    return "/".join(path.parts[-3:]) if path.parent.name == CHILDREN else path.name


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """The row as text."""
    seeds = row["seed"] if isinstance(row["seed"], list) else [row["seed"]]
    texts = {name: str(row.get(name) or "").replace("\n", " ") for name in _COLUMNS}
    return texts | {
        "score": _score(row),
        "spread": _spread(row["spread"]),
        "seed": f"seed {','.join(map(str, seeds))}" if seeds != [None] else "",
        "tags": " ".join(f"#{tag}" for tag in row["tags"]),
        "created": strftime("%Y-%m-%d %H:%M", localtime(row["created"])) if row["created"] else "",
    }


def _score(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return ""
    interval = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['metric']} {row['value']:.3f}{interval}"


def _spread(spread: Mapping[str, Any] | None) -> str:
    if not spread or spread["sd"] is None:
        return ""
    over = spread["over"]
    return f"sd {spread['sd']:.3f} over {spread[f'n_{over}']} {over}"
