"""Load a config: file or mapping, parents, overrides, variables, named data sets; then check everything at once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lmfit.catalog import DATASETS, TASK_SETTINGS
from lmfit.config.contradictions import contradictions
from lmfit.config.expect import found
from lmfit.config.keys import Schemas, exists, unknown_key
from lmfit.config.layers import Override, apply, long_form, read_layers, read_overrides
from lmfit.config.named import lay_on_data_set, without_data_set
from lmfit.config.names import closest
from lmfit.config.nodes import Mistake, Node, find, plain, put, refuse, scalars
from lmfit.config.nodes import Path as KeyPath
from lmfit.config.problems import retell
from lmfit.config.schema import STAGE_CONFIGS, FinetuneConfig, Section
from lmfit.config.variables import escape, expand
from lmfit.config.yaml import dump

__all__ = ["LoadedConfig", "dump", "load_config"]


@dataclass(frozen=True)
class LoadedConfig:
    """A checked config. name: what the run is called if `output` does not say."""

    stage: str
    name: str
    config: FinetuneConfig
    tree: Node

    def resolved(self) -> dict[str, Any]:
        """Everything, defaults included, as it is written to config.yaml: secrets stay `${NAME}`."""
        sections = {name: getattr(self.config, name) for name in type(self.config).model_fields}
        values = {name: _named_first(v) if isinstance(v, Section) else v for name, v in sections.items()}
        values["data"] = without_data_set(values["data"])
        secrets = {path: node.safe for path, node in scalars(self.tree) if node.safe is not None}
        written: dict[str, Any] = _written(values, (), secrets)
        return written

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


def load_config(stage: str, source: Path | str | Mapping[str, object], overrides: Sequence[str] = ()) -> LoadedConfig:
    """The config of a stage from a file (or mapping) and `key.path=value` overrides.

    Raises ConfigError with every mistake found, each with its line.
    """
    source = source if isinstance(source, Mapping) else Path(source)
    mistakes: list[Mistake] = []
    given = read_overrides(overrides, mistakes)
    tree = apply(long_form(read_layers(source, mistakes)), given, mistakes)
    tree = expand(tree, os.environ, mistakes)
    tree = _with_data_set(tree, given, mistakes, complete=_is_of_run(source))
    config = _checked(tree, stage, given, mistakes)
    refuse(mistakes)
    assert config is not None
    return LoadedConfig(stage, _run_name(source), config, tree)


def _run_name(source: Path | Mapping[str, object]) -> str:
    if isinstance(source, Mapping):
        return "run"
    return source.resolve().parent.name if _is_of_run(source) else source.stem


def _is_of_run(source: Path | Mapping[str, object]) -> bool:
    """Whether the source is the resolved config in a run folder."""
    return isinstance(source, Path) and source.name == "config.yaml" and (source.parent / "run.json").is_file()


def _with_data_set(tree: Node, given: Sequence[Override], mistakes: list[Mistake], *, complete: bool) -> Node:
    """The config with its named data set below the data section; overrides replace whole keys there too.

    complete: a run's config holds everything of a user's own data set and does not need its file again.
    """
    whole = any(override.path == ("data",) for override in given)
    name = find(tree, ("data", "name"))
    full = tree
    if not complete or whole or (name is not None and name.value in DATASETS):
        full = lay_on_data_set(tree, mistakes)
    for override in given:
        if override.path == ("data", "name"):
            _refuse_other_name(override, tree, mistakes)
        elif override.path[0] == "data" and len(override.path) > 1:
            full = put(full, override.path, find(tree, override.path))
    return full


def _refuse_other_name(override: Override, tree: Node, mistakes: list[Mistake]) -> None:
    """`data.name=NAME` on a config with training files would name one data set and read another."""
    files, kind = find(tree, ("data", "train")), find(tree, ("data", "format"))
    if files and files.value is not None and not (kind and kind.value == "hub"):
        what = f"data.name: the config reads {found(files)} (data.train), whatever the name"
        fix = f"to use another data set replace the section: data={override.node.value}"
        mistakes.append(Mistake(override.node.start, what, fix, override.path))


def _checked(tree: Node, stage: str, given: Sequence[Override], mistakes: list[Mistake]) -> FinetuneConfig | None:
    """The typed config, or None and entries in `mistakes`."""
    root = STAGE_CONFIGS[stage]
    settings = _task_settings(tree, mistakes)
    schemas: Schemas = {(): root, ("task",): settings}
    values = {name: plain(node) for name, node in tree.keys.items()}
    task, errors = _validated(settings, values.get("task"), ("task",))
    config, more = _validated(root, values | {"task": task or Section()}, ())
    told = {mistake.path for mistake in mistakes if mistake.path}
    retold = [m for m in retell([*errors, *more], tree, schemas) if m.path not in told]
    mistakes += [*retold, *_unknown_removals(given, schemas)]
    mistakes += contradictions(tree, schemas, mistakes)
    return config if isinstance(config, root) else None


def _validated(schema: type[Section], values: object, path: KeyPath) -> tuple[Section | None, list[ErrorDetails]]:
    try:
        return schema.model_validate(values), []
    except ValidationError as error:
        return None, [{**details, "loc": (*path, *details["loc"])} for details in error.errors(include_url=False)]


class _AnySettings(Section):
    """Stands for the settings of a task that is not known; nothing in them is checked."""

    model_config = ConfigDict(extra="allow")


def _task_settings(tree: Node, mistakes: list[Mistake]) -> type[Section]:
    """The settings class of the config's task; an open one and an entry in `mistakes` where the task is unclear."""
    task, name = tree.keys.get("task"), find(tree, ("task", "name"))
    known = ", ".join(TASK_SETTINGS)
    if name is not None and isinstance(name.value, str) and name.value in TASK_SETTINGS:
        settings: type[Section] = TASK_SETTINGS.load(name.value)
        return settings
    if name is not None:
        shown = name.safe or str(name.value)
        near = closest(shown, TASK_SETTINGS)
        what, fix = f"task: there is no task `{shown}`", f"did you mean `{near}`?" if near else f"known: {known}"
        mistakes.append(Mistake(name.place, what, fix, ("task",)))
    elif task is None or isinstance(task.value, dict):
        place = (task or tree).place
        mistakes.append(
            Mistake(place, "task: is missing" + (" its name" if task else ""), f"one of: {known}", ("task",))
        )
    else:
        what = f"task: expected a name or a mapping, found {found(task)}"
        mistakes.append(Mistake(task.place, what, f"one of: {known}", ("task",)))
    return _AnySettings


def _unknown_removals(given: Sequence[Override], schemas: Schemas) -> list[Mistake]:
    """`key=null` for keys that do not exist: nothing is left in the config that would tell."""
    mistakes = []
    for override in given:
        prefixes = [override.path[:end] for end in range(1, len(override.path) + 1)]
        unknown = next((path for path in prefixes if not exists(path, schemas)), None)
        if override.value is None and unknown:
            mistakes.append(Mistake(override.node.start, *unknown_key(unknown, schemas), unknown))
    return mistakes
