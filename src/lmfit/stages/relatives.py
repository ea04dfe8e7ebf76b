"""Everything that was compressed from one parent: size, latency and score of each, and which of them none beats."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lmfit.errors import InputError
from lmfit.evaluation.names import metric
from lmfit.inference.certified import CERTIFICATE
from lmfit.runs import CHILDREN, Run, read_json

_MOVED_AWAY = re.compile(r"\.old-\d+")
_ALIKE = ("machine", "split")


def relatives(made: Run, parent: Run) -> list[dict[str, Any]]:
    """The parent, then all runs beside it and beside `made` that were compressed from it and measured alike.

    Alike: on this machine and these threads, scored on as many rows of the same split. front: whether no other one is
    at least as small, as fast and as good, and better in one of the three.
    """
    own = read_json(made.path / CERTIFICATE, "compressed run")
    found = [_of_parent(parent, own), _told(made.path.resolve().name, made, own, own=True)]
    for name, run, certificate in _candidates(made, parent):
        if _comparable(certificate, own):
            found.append(_told(name, run, certificate, own=False))
    higher = not own["metric"] or metric(own["metric"]["metric"]).better == "higher"
    return [one | {"front": _unbeaten(one, found, 1 if higher else -1)} for one in found]


def _candidates(made: Run, parent: Run) -> Iterator[tuple[str, Run, dict[str, Any]]]:
    """Name, run and certificate of the other finished runs nearby, by name, their children behind them."""
    homes = {made.path.resolve().parent, parent.path.resolve().parent}
    paths = sorted({path for home in homes for path in home.glob(f"*/{CERTIFICATE}")})
    paths += sorted({path for home in homes for path in home.glob(f"*/{CHILDREN}/*/{CERTIFICATE}")})
    for path in paths:
        run, home = Run(path.parent), path.parent.parent
        names = [path.parent.name] if home.name != CHILDREN else [home.parent.name, path.parent.name]
        if path.parent.is_symlink() or run.path == made.path.resolve() or any(map(_MOVED_AWAY.search, names)):
            continue
        try:
            if run.manifest["status"] == "finished":
                yield "/".join(names), run, read_json(path, "compressed run")
        except (InputError, KeyError):
            continue


def _comparable(certificate: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    try:
        return (
            certificate["parent"]["sha256"] == own["parent"]["sha256"]
            and all(certificate[name] == own[name] for name in _ALIKE)
            and _rows(certificate) == _rows(own)
        )
    except (KeyError, TypeError):
        return False


def _rows(certificate: Mapping[str, Any]) -> tuple[str, int] | None:
    """The metric, and how many items it was measured on."""
    found = certificate["metric"]
    return (found["metric"], found["parent"]["n"]) if found else None


def _of_parent(parent: Run, certificate: Mapping[str, Any]) -> dict[str, Any]:
    measured = certificate["metric"] or {}
    return {
        "name": parent.path.resolve().name,
        "kind": "parent",
        "how": [],
        "bytes": certificate["size"]["parent_bytes"],
        "latency_ratio": 1.0,
        "score": measured.get("parent"),
    }


def _told(name: str, run: Run, certificate: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    manifest, measured = run.manifest, certificate["metric"] or {}
    quantization = manifest.get("quantization")
    return {
        "name": name,
        "kind": "own" if own else "other",
        "how": [*manifest.get("compression", {}), *([quantization] if quantization else [])],
        "bytes": certificate["size"]["child_bytes"],
        "latency_ratio": certificate["speed"]["latency_ratio"],
        "latency_ratio_between": certificate["speed"].get("latency_ratio_between"),
        "score": measured.get("child"),
    }


def _unbeaten(one: Mapping[str, Any], found: Sequence[Mapping[str, Any]], sign: int) -> bool:
    """Whether `one` is on the Pareto front."""
    mine = _worth(one, sign)
    return not any(
        all(a >= b for a, b in zip(theirs, mine, strict=True)) and theirs != mine
        for theirs in (_worth(other, sign) for other in found)
    )


def _worth(one: Mapping[str, Any], sign: int) -> tuple[float, float, float]:
    """Smallness, speed and score, more being better."""
    value = (one["score"] or {}).get("value")
    return -one["bytes"], one["latency_ratio"], float("-inf") if value is None else sign * value
