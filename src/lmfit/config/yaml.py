"""YAML 1.2 (core schema) with lines: text -> Node tree, and plain objects -> text that reads back the same."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lmfit.config.names import closest
from lmfit.config.nodes import Mistake, Node, Place, Scalar, writable
from lmfit.config.syntax import syntax_error
from lmfit.errors import ConfigError

_TAG = "tag:yaml.org,2002:"
_TYPES = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}"),
    "float": re.compile(
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
}
_BASES = {"0o": 8, "0x": 16}
_MOST_VALUES = 100_000
_DEEPEST = 50


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's parser without its YAML 1.1 types: every unquoted scalar has the tag `unquoted`."""

    yaml_implicit_resolvers: dict[str | None, Any] = {None: [("unquoted", re.compile(".*", re.DOTALL))]}


def read_text(path: Path) -> str:
    """The text of a config file. Raises ConfigError if it is absent (with near names), a folder, or not UTF-8."""
    if os.path.isdir(path):
        inside = [p.name for p in sorted(path.glob("*.yaml"))]
        fix = f"name a file in it: {', '.join(inside[:10])}" if inside else "name a YAML file"
        raise ConfigError(f"`{path}` is a folder, not a config file", where=str(path), fix=fix)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"there is no file `{path}`", fix=_near_files(path)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError("the file is not UTF-8", where=f"{path}:{line}", fix="save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"cannot read `{path}`: {error.strerror}", where=str(path)) from None


def _near_files(path: Path) -> str:
    if not os.path.isdir(path.parent):
        return f"there is no folder `{path.parent}` either; paths are relative to the working folder, {Path.cwd()}"
    names = [p.name for p in sorted(path.parent.iterdir()) if p.suffix in (".yaml", ".yml")]
    near = closest(path.name, names) or closest(f"{path.name}.yaml", names)
    if near:
        return f"did you mean `{path.parent / near}`?"
    return f"configs there: {', '.join(names[:10])}" if names else "`lmfit init` writes a config to start from"


def parse(text: str, file: str, mistakes: list[Mistake]) -> Node:
    """The tree of a YAML text; repeated keys and unusable keys or tags are added to `mistakes`.

    Raises ConfigError (file:line:column) if the text is no YAML.
    """
    try:
        _refuse_deep(text, file)
        root = yaml.compose(text, Loader=_Loader)
        if root is None:
            return Node(None, Place(file, 1), Place(file, 1), unquoted=True)
        return _Reader(file, mistakes).node(root, None)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        if "nesting depth" in str(error):  # PyYAML from 6.0.4 on
            raise _too_deep(file) from None
        raise syntax_error(error, text, file) from None


def _too_deep(file: str) -> ConfigError:
    return ConfigError("lists or mappings are nested too deeply", where=file)


def _refuse_deep(text: str, file: str) -> None:
    """Raise ConfigError for nesting that the recursive composer could not survive."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _too_deep(file)


def resolve(text: str) -> Scalar:
    """What an unquoted scalar means by YAML 1.2's core schema (numbers with leading zeros stay text)."""
    for kind, pattern in _TYPES.items():
        if pattern.fullmatch(text):
            return _construct(kind, text)
    return text


def _construct(kind: str, text: str) -> Scalar:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, _BASES.get(text[:2], 10))
    if kind == "float":
        return float(re.sub(r"\.(?=inf|nan)", "", text, flags=re.IGNORECASE))
    return text


class _Reader:
    """Turns PyYAML's nodes into ours; aliases become copies of what they name."""

    def __init__(self, file: str, mistakes: list[Mistake]) -> None:
        self.file = file
        self.mistakes = mistakes
        self.open: set[int] = set()
        self.count = 0

    def node(self, raw: yaml.Node, key: Place | None) -> Node:
        start = Place(self.file, raw.start_mark.line + 1)
        self.count += 1
        if id(raw) in self.open:
            raise ConfigError("an alias names the value that it stands in", where=str(start))
        if self.count > _MOST_VALUES:
            raise ConfigError(f"more than {_MOST_VALUES:,} values; aliases of aliases multiply", where=str(start))
        self.open.add(id(raw))
        node = self._built(raw, start, key or start)
        self.open.discard(id(raw))
        return node

    def _built(self, raw: yaml.Node, start: Place, key: Place) -> Node:
        kind = raw.tag.removeprefix(_TAG)
        if isinstance(raw, yaml.ScalarNode):
            return self._scalar(raw, kind, start, key)
        if kind not in ("map", "seq"):
            self.mistakes.append(Mistake(start, f"the tag `{raw.tag}` is not supported", "remove it"))
        if isinstance(raw, yaml.MappingNode):
            return Node(self._mapping(raw), start, key)
        return Node([self.node(item, None) for item in raw.value], start, key)

    def _scalar(self, raw: yaml.ScalarNode, kind: str, start: Place, key: Place) -> Node:
        if raw.style in ("|", ">") and not raw.value:
            self.mistakes.append(
                Mistake(
                    start,
                    f"`{raw.style}` begins a block of text that is empty",
                    f"write '{raw.style}' in quotes for the sign itself",
                )
            )
        if not writable(raw.value):
            what = f"{raw.value!a} holds a NUL or half a surrogate pair"
            self.mistakes.append(Mistake(start, what, "take it out"))
            return Node(ascii(raw.value), start, key)
        if kind == "unquoted":
            return Node(resolve(raw.value), start, key, unquoted=True)
        if kind == "str":
            return Node(raw.value, start, key)
        if kind not in _TYPES or not _TYPES[kind].fullmatch(raw.value):
            self.mistakes.append(Mistake(start, f"`{raw.tag} {raw.value}` is not supported", "remove the tag"))
            return Node(raw.value, start, key)
        return Node(_construct(kind, raw.value), start, key)

    def _mapping(self, raw: yaml.MappingNode) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for raw_key, raw_value in raw.value:
            key = Place(self.file, raw_key.start_mark.line + 1)
            name = raw_key.value
            if not isinstance(raw_key, yaml.ScalarNode) or not name:
                self.mistakes.append(Mistake(key, "a key must be a name", "quote values that begin with { or ["))
            elif name == "<<":
                fix = "write the keys out, or put the shared ones into a file and name it by `extends:`"
                self.mistakes.append(Mistake(key, "`<<` (merge) is not part of YAML 1.2", fix))
            elif name in entries:
                what = f"`{name}` is given twice in the same place, in lines {entries[name].key.line} and {key.line}"
                self.mistakes.append(Mistake(key, what, "keep one of them"))
            else:
                entries[name] = self.node(raw_value, key)
        return entries


class _Dumper(yaml.SafeDumper):
    """Writes text in quotes wherever YAML 1.2 or an environment variable could change it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = "${" in text or not text.isprintable() or not isinstance(resolve(text), str)
    return dumper.represent_scalar(f"{_TAG}str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _text)


def inline(value: object) -> str:
    """A value as YAML on one line."""
    text: str = yaml.dump(
        [value], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=True
    )
    return text[1:-2]


def dump(config: Mapping[str, object]) -> str:
    """YAML text that reads back as `config`: a block for each section, one line for each key."""
    lines = []
    for name, value in config.items():
        if isinstance(value, dict) and value:
            lines += [f"{inline(name)}:", *(f"  {inline(key)}: {inline(child)}" for key, child in value.items())]
        else:
            lines.append(f"{inline(name)}: {inline(value)}")
    return "\n".join(lines) + "\n"
