"""Load a config: file or mapping, parents, overrides, variables, named data sets; then check everything at once."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, overload

from typing_extensions import TypeVar

from lmfit.catalog import DATASETS
from lmfit.config.check import checked
from lmfit.config.expect import found
from lmfit.config.layers import SOURCES, Override, apply, long_form, read_layers, read_overrides
from lmfit.config.locate import located
from lmfit.config.named import lay_on_data_set, without_data_set
from lmfit.config.nodes import Mistake, Node, change_items, find, merge, put, refuse, scalars
from lmfit.config.nodes import Path as KeyPath
from lmfit.config.schema import FinetuneConfig
from lmfit.config.section import Section
from lmfit.config.variables import escape, expand
from lmfit.config.yaml import dump
from lmfit.runs import Run

__all__ = ["LoadedConfig", "dump", "load_config", "load_run_config"]


_MODELS = (("model", "name"), ("distill", "student"))
Stage = TypeVar("Stage", bound=Section, default=FinetuneConfig)
"""The class of a stage's config; `LoadedConfig` alone is one of fine-tuning."""


@dataclass(frozen=True)
class LoadedConfig(Generic[Stage]):
    """A checked config. name: what the run is called if `output` does not say."""

    stage: str
    name: str
    config: Stage
    tree: Node

    def having(self, **sections: Any) -> "LoadedConfig[Stage]":
        """The same config with other values at its top level."""
        return replace(self, config=self.config.model_copy(update=sections))

    def varied(self, values: Mapping[str, Any]) -> "LoadedConfig[Any]":
        """The config of a trial: this one without its search, with `values` by dotted key.

        Raises ConfigError where they do not go together.
        """
        from lmfit.config.search import search_of, searched_stage
        from lmfit.config.spaces import with_values

        mistakes: list[Mistake] = []
        stage = searched_stage(self.tree.keys, search_of(self.config).stage)
        tree = with_values(self.tree, values, mistakes)
        config = checked(tree, stage, (), mistakes)
        refuse(mistakes)
        assert config is not None
        return LoadedConfig(stage, self.name, config, tree)

    def resolved(self) -> dict[str, Any]:
        """Everything, defaults included, as it is written to config.yaml: secrets stay `${NAME}`."""
        sections = {name: getattr(self.config, name) for name in type(self.config).model_fields}
        values = {name: _named_first(v) if isinstance(v, Section) else v for name, v in sections.items()}
        values["data"] = without_data_set(values["data"])
        for item in values.get("transfer", {}).get("sources", ()):
            if item["data"] is not None:
                item["data"] = without_data_set(item["data"])
        if values.get("seeds") is not None:
            del values["seed"]
        secrets = {path: node.safe for path, node in scalars(self.tree) if node.safe is not None}
        written: dict[str, Any] = _written(values, (), secrets)
        return written

    @property
    def models(self) -> list[str]:
        """Names of all models that are read, as in model.name: folders, runs, others."""
        named = [node.value for path, node in scalars(self.tree) if path[-2:] in _MODELS]
        return [name for name in named if isinstance(name, str)]

    def located(self) -> AbstractContextManager[None]:
        """Errors raised inside the block about a key get the line of that key."""
        return located(self.tree)

    def dump(self) -> str:
        """The resolved config as YAML text that loads to the same config."""
        return dump(self.resolved())


def _named_first(section: Section) -> dict[str, Any]:
    return dict(sorted(section.model_dump().items(), key=lambda item: item[0] != "name"))


def _written(value: Any, path: KeyPath, secrets: Mapping[KeyPath, str]) -> Any:
    if isinstance(value, dict):
        return {name: _written(child, (*path, name), secrets) for name, child in value.items()}
    if isinstance(value, list):
        return [_written(child, (*path, index), secrets) for index, child in enumerate(value)]
    return secrets.get(path, escape(value)) if isinstance(value, str) else value


@overload
def load_config(
    stage: Literal["finetune"],
    source: Path | str | Mapping[str, object],
    overrides: Sequence[str] = (),
    *,
    base: Path | None = None,
) -> LoadedConfig: ...
@overload
def load_config(
    stage: str, source: Path | str | Mapping[str, object], overrides: Sequence[str] = (), *, base: Path | None = None
) -> LoadedConfig[Any]: ...
def load_config(
    stage: str, source: Path | str | Mapping[str, object], overrides: Sequence[str] = (), *, base: Path | None = None
) -> LoadedConfig[Any]:
    """The config of a stage from a file (or mapping) and `key.path=value` overrides.

    base: the config.yaml of a run, on which all of it is laid, but for what was done to that run's model.
    Raises ConfigError with every mistake found, each with its line.
    """
    source = source if isinstance(source, Mapping) else Path(source)
    mistakes: list[Mistake] = []
    given = read_overrides(overrides, mistakes)
    tree = long_form(read_layers(source, mistakes))
    if base is not None:
        tree, source = merge(put(long_form(read_layers(base, mistakes)), ("compression",), None), tree), base
    tree = apply(tree, [o for o in given if not _inside_data(o)], mistakes)
    _refuse_other_name(given, tree, mistakes)
    if not _is_complete(source, tree, given):
        tree = lay_on_data_set(tree, mistakes)
    tree = change_items(tree, SOURCES, lambda item: _laid(source, item, given, mistakes))
    tree = apply(tree, [o for o in given if _inside_data(o)], mistakes)
    tree = expand(tree, os.environ, mistakes)
    config = checked(tree, stage, given, mistakes)
    refuse(mistakes)
    assert config is not None
    return LoadedConfig(stage, _run_name(source), config, tree)


def load_run_config(run: Run, overrides: Sequence[str] = ()) -> LoadedConfig:
    """The config that a run was made with, whatever its stage. Raises InputError where it has none."""
    return load_config(str(run.manifest.get("stage", "finetune")), run.config, overrides)


def _run_name(source: Path | Mapping[str, object]) -> str:
    if isinstance(source, Mapping):
        return "run"
    return source.resolve().parent.name if _is_of_run(source) else source.stem


def _is_of_run(source: Path | Mapping[str, object]) -> bool:
    """Whether the source is the resolved config in a run folder."""
    return isinstance(source, Path) and source.name == "config.yaml" and (source.parent / "run.json").is_file()


def _is_complete(source: Path | Mapping[str, object], tree: Node, given: Sequence[Override]) -> bool:
    """Whether the data section is that of a run, which holds all keys of a user's own data set already."""
    name = find(tree, ("data", "name"))
    packaged = name is not None and name.value in DATASETS
    return _is_of_run(source) and not packaged and not any(override.path == ("data",) for override in given)


def _laid(source: Path | Mapping[str, object], item: Node, given: Sequence[Override], mistakes: list[Mistake]) -> Node:
    """A source of a transfer with the keys of its named data set."""
    renewed = any(override.path[:1] == SOURCES[:1] for override in given)
    return item if _is_complete(source, item, ()) and not renewed else lay_on_data_set(item, mistakes)


def _inside_data(override: Override) -> bool:
    """Whether an override is about how the data is read, not about which data set is meant."""
    return override.path[0] == "data" and len(override.path) > 1 and override.path[1] not in ("name", "format")


def _refuse_other_name(given: Sequence[Override], tree: Node, mistakes: list[Mistake]) -> None:
    """`data.name=NAME` on a config with training files would name one data set and read another."""
    files, kind = find(tree, ("data", "train")), find(tree, ("data", "format"))
    if files is None or files.value is None or (kind is not None and kind.value == "hub"):
        return
    for override in given:
        if override.path == ("data", "name"):
            what = f"data.name: the config reads {found(files)} (data.train), whatever the name"
            fix = f"to use another data set replace the section: data={override.node.value}"
            mistakes.append(Mistake(override.node.start, what, fix, override.path))
