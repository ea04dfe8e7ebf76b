"""Names that YAML may use, kept as "module:attribute" and imported on first use."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from lmfit.errors import ConfigError, InputError, suggestion


class Registry(Mapping[str, str]):
    """A table of names of one kind. Plug-ins add to it by the entry-point group `lmfit.plugins`.

    A plug-in's entry point is called once with this module's `register` function:
    `def plug_in(register): register("task", "my-task", "my_package.task:MyTask")`.
    """

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._own = dict(entries)

    @property
    def shipped(self) -> frozenset[str]:
        """The names of lmfit's own, without those of plug-ins."""
        return frozenset(self._own)

    def __getitem__(self, name: str) -> str:
        return (self._own | _plugged(self.kind))[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._own | _plugged(self.kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own | _plugged(self.kind))

    def __len__(self) -> int:
        return len(self._own | _plugged(self.kind))

    def load(self, name: str) -> Any:
        """Import and return what `name` stands for. Raises ConfigError for an unknown name."""
        if name not in self:
            raise ConfigError(f"unknown {self.kind} `{name}`", fix=suggestion(name, list(self)))
        module, _, attribute = self[name].partition(":")
        return getattr(import_module(module), attribute)


_plugins: dict[str, dict[str, str]] | None = None


def _plugged(kind: str) -> dict[str, str]:
    """Entries that installed plug-ins add to the tables, gathered once."""
    global _plugins  # noqa: PLW0603
    if _plugins is None:
        _plugins = {}
        for point in entry_points(group="lmfit.plugins"):
            try:
                point.load()(register)
            except Exception as error:
                _plugins = None
                what = f"the plug-in `{point.name}` cannot be loaded: {type(error).__name__}: {error}"
                raise InputError(
                    what, where=point.value, fix="update or uninstall the package it comes with"
                ) from error
    return _plugins.get(kind, {})


def register(kind: str, name: str, target: str) -> None:
    """Add `name` -> "module:attribute" to the table of `kind` (called by plug-ins)."""
    if _plugins is not None:
        _plugins.setdefault(kind, {})[name] = target
