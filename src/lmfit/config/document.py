"""What the schema says, as a commented config, a reference page and a JSON Schema.

`python -m lmfit.config.document [FILE]` writes the reference (docs/configuration.md).
"""

import sys
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from lmfit.catalog import TASK_SETTINGS
from lmfit.config.expect import expected, is_section, members
from lmfit.config.layers import SHORT_FORMS, long_form
from lmfit.config.names import listed
from lmfit.config.nodes import Path as KeyPath
from lmfit.config.nodes import Place, dotted, from_plain, plain
from lmfit.config.schema import STAGE_CONFIGS
from lmfit.config.search import SEARCH, Range, SearchConfig, searched, searched_stage
from lmfit.config.section import Section
from lmfit.config.spaces import gathered
from lmfit.config.stage import stage_of
from lmfit.config.yaml import inline

_INTRODUCTION = """\
Every key of a config file. This page is written by `python -m lmfit.config.document`.

- A key that is left out has its default. An unknown key, a wrong value or a contradiction is an error with its line.
- `extends: base.yaml` lays a file on another one: mappings merge, lists and single values replace.
- `${NAME}` and `${NAME:-default}` stand for environment variables, `$${` for a literal `${`.
- `key.path=value` after the file's name on the command line replaces a key; `null` restores its default.
- `task`, `model` and `data` may be a name alone: `task: token-classification`."""


def commented_yaml(config: Mapping[str, object] | None = None) -> str:
    """A config with every key: those of `config` set, the others as `#key: default`; above each its sentence.

    Which stage it is for, its keys tell.
    """
    given: Any = plain(gathered(long_form(from_plain(config or {}, Place("config"))), []))
    stage = stage_of(given)
    blocks = []
    for name, field in _ordered(searched(searched_stage(given)) if stage == SEARCH else STAGE_CONFIGS[stage]):
        kind = _task_class(given) if name == "task" else field.annotation
        lines = _section(name, kind, given.get(name)) if is_section(kind) else [_setting(name, field, given)]
        blocks.append("\n".join([_comment(field), *lines]))
    return "\n\n".join(blocks) + "\n"


def _ordered(section: type[Section]) -> list[tuple[str, FieldInfo]]:
    """The fields of a section, its name first."""
    return sorted(section.model_fields.items(), key=lambda item: item[0] != "name")


def _task_class(given: Mapping[str, Any]) -> type[Section]:
    name = (given.get("task") or {}).get("name")
    settings: type[Section] = TASK_SETTINGS.load(name) if name else Section
    return settings


def _comment(field: FieldInfo) -> str:
    return f"# {field.description}" + (" Required." if field.is_required() else "")


def _section(name: str, kind: Any, given: Mapping[str, Any] | None) -> list[str]:
    lines = [f"{name}:" if given else f"#{name}:"]
    for key, field in _ordered(kind):
        lines += [f"  {_comment(field)}", f"  {_setting(key, field, given or {})}"]
    return lines


def _setting(name: str, field: FieldInfo, given: Mapping[str, Any]) -> str:
    """The key with the value given, or its default behind a `#`."""
    return f"{name}: {inline(given[name])}" if name in given else f"#{name}: {inline(_default(field))}"


def _default(field: FieldInfo) -> Any:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return default.model_dump() if isinstance(default, Section) else default


def reference_markdown() -> str:
    """The page that lists every key of every stage with what it takes, its default and its sentence."""
    parts = ["# Configuration", _INTRODUCTION]
    for stage, root in STAGE_CONFIGS.items():
        parts += [f"## `lmfit {stage}`", _table(root)]
        places: dict[type[Section], list[str]] = {}
        for path, section in _sections((), root):
            places.setdefault(section, []).append(f"`{dotted(path)}`")
        for section, paths in places.items():
            parts += [f"### {listed(paths, 'and')}", cleandoc(str(section.__doc__)), _table(section)]
    about = "The config of the stage whose runs are the trials, with one more section."
    sentence = cleandoc(str(SearchConfig.__doc__))
    parts += [f"## `lmfit {SEARCH}`", about, f"### `{SEARCH}`", sentence, _table(SearchConfig)]
    parts += [f"### `{SEARCH}.space.KEY`", cleandoc(str(Range.__doc__)), _table(Range)]
    for task in TASK_SETTINGS:
        settings = TASK_SETTINGS.load(task)
        parts += [f"## `task: {task}`", cleandoc(str(settings.__doc__)), _table(settings)]
    return "\n\n".join(parts) + "\n"


def _sections(path: KeyPath, section: type[Section]) -> Iterator[tuple[KeyPath, type[Section]]]:
    """The sections below a section, each with its path."""
    for name, field in _ordered(section):
        items = [(f"{name}[n]", item) for kind in members(field.annotation) for item in _items(kind)]
        for key, kind in [*((name, kind) for kind in members(field.annotation)), *items]:
            if is_section(kind) and kind.model_fields:
                yield (*path, key), kind
                yield from _sections((*path, key), kind)


def _items(kind: Any) -> tuple[Any, ...]:
    """The types of a list's items."""
    return members(get_args(kind)[0]) if get_origin(kind) is list else ()


def _table(section: type[Section]) -> str:
    rows = ["| Key | Takes | Default | Meaning |", "|---|---|---|---|"]
    for name, field in _ordered(section):
        takes = "a name or a mapping" if name in SHORT_FORMS else expected(field.annotation, field.metadata)
        default = "" if is_section(field.annotation) else f"`{inline(_default(field))}`"
        rows.append(f"| `{name}` | {takes} | {'required' if field.is_required() else default} | {field.description} |")
    return "\n".join(rows)


def json_schema(stage: str = "finetune") -> dict[str, Any]:
    """JSON Schema of a stage's config file for editors: short forms, `extends` and the settings of each task."""
    schema = STAGE_CONFIGS[stage].model_json_schema()
    definitions, properties = schema["$defs"], schema["properties"]
    tasks = []
    for task in TASK_SETTINGS:
        settings = TASK_SETTINGS.load(task).model_json_schema()
        definitions.update(settings.pop("$defs", {}))
        definitions[settings["title"]] = settings | {"required": ["name"]}
        tasks.append({"$ref": f"#/$defs/{settings['title']}"})
    if "task" in properties:
        properties["task"] = {
            "description": properties["task"]["description"],
            "anyOf": [{"enum": list(TASK_SETTINGS)}, *tasks],
        }
    for name in SHORT_FORMS[1:]:
        section = properties[name]
        properties[name] = {
            "description": section.get("description"),
            "anyOf": [{"type": "string"}, {"$ref": section["$ref"]}],
        }
    properties["extends"] = {"type": "string", "description": "A config file that this one is laid on."}
    del schema["required"]  # a parent, or a named data set, may bring them
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/configuration.md").write_text(
        reference_markdown(), encoding="utf-8"
    )
