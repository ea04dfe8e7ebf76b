"""`--where 'training.epochs>=3'`: conditions on runs, by dotted paths into run.json, metrics.json and config.yaml."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lmfit.errors import ConfigError, InputError, suggestion
from lmfit.runs import Run

_CONDITION = re.compile(r"\s*([^\s=!<>]+)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", re.DOTALL)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


class Facts:
    """What conditions can ask of a run; config.yaml is read only where a path is not found before it."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def find(self, path: str) -> list[Any]:
        """The values at a path: of run.json, else of metrics.json, else of the config; nothing where there is none."""
        return next((found for part in self._parts() if (found := _dig(part, path))), [])

    def paths(self) -> Iterator[str]:
        """Every path that leads to a value."""
        for part in self._parts():
            yield from _paths(part)

    def _parts(self) -> Iterator[Mapping[str, Any]]:
        yield self.run.manifest | {"name": self.run.path.name, "status": self.run.status}
        yield self._metrics
        yield self._config

    @cached_property
    def _metrics(self) -> Mapping[str, Any]:
        try:
            return self.run.metrics
        except InputError:
            return {}

    @cached_property
    def _config(self) -> Mapping[str, Any]:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            loaded = yaml.load(self.run.config.read_bytes(), loader)
        except (InputError, yaml.YAMLError):
            return {}
        return loaded if isinstance(loaded, Mapping) else {}


@dataclass(frozen=True)
class Condition:
    """`path sign value`: a mapping counts as its name or value, a list as each of its items."""

    text: str
    path: str
    sign: str
    value: str

    def holds(self, facts: Facts) -> bool:
        """Whether a run meets it. A run without the key meets `!=` alone."""
        found = facts.find(self.path)
        if self.sign in ("=", "!="):
            return any(_equal(one, self.value) for one in found) == (self.sign == "=")
        bound = float(self.value)
        return any(_ORDERS[self.sign](one, bound) for one in found if isinstance(one, int | float))


def parse_condition(word: str) -> Condition:
    """Read a `--where` option. Raises ConfigError for one that cannot be read."""
    match = _CONDITION.fullmatch(word)
    if not match:
        fix = "write e.g. --where 'seed=3' or --where 'training.epochs>=3'"
        raise ConfigError(f"cannot read the condition `{word}`", where="--where", fix=fix)
    condition = Condition(word, *match.groups())
    if condition.sign not in ("=", "!=") and _number(condition.value) is None:
        raise ConfigError(f"`{word}`: {condition.sign} compares with a number", where="--where")
    return condition


def refuse_unknown(conditions: Sequence[Condition], facts: Sequence[Facts]) -> None:
    """Raises ConfigError for a path that no run has: a slip would quietly hide every run."""
    for condition in conditions:
        if facts and not any(one.find(condition.path) for one in facts):
            known = sorted({path for one in facts[:20] for path in one.paths()} | {"tags", "note"})
            if condition.path not in known:
                near = suggestion(condition.path, known)
                fix = near if near.startswith("did") else "a path into run.json, metrics.json or config.yaml"
                raise ConfigError(f"no run has a value at `{condition.path}`", where="--where", fix=fix)


def _dig(value: Any, path: str) -> list[Any]:
    """The values under a dotted path, whose parts may hold dots themselves (token.accuracy)."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            if path == name or path.startswith(f"{name}."):
                found = _dig(child, path[len(name) + 1 :]) if path != name else _values(child)
                if found:
                    return found
    return []


def _values(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [value[name] for name in ("name", "value") if name in value][:1]
    return value if isinstance(value, list) else [] if value is None else [value]


def _paths(value: Any, before: str = "") -> Iterator[str]:
    for name, child in value.items():
        if isinstance(child, Mapping):
            yield from _paths(child, f"{before}{name}.")
        yield f"{before}{name}"


def _equal(found: Any, text: str) -> bool:
    if isinstance(found, bool):
        return text.lower() == str(found).lower()
    if isinstance(found, int | float):
        return _number(text) == found
    return str(found) == text


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
