"""The layers of a config: the file, the parent it extends, short forms, overrides."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lmfit.config.nodes import Mistake, Node, Place, change_items, find, from_plain, merge, put, refuse
from lmfit.config.variables import expand
from lmfit.config.yaml import parse, read_text
from lmfit.errors import ConfigError

SHORT_FORMS = ("task", "model", "data")
SOURCES = ("transfer", "sources")
"""The list whose items hold the same three sections."""
_SIGN = re.compile(r"[^\w ~]")
_COMMENT = re.compile(r"[^'\"\[{].*\s#.*")


def read_layers(source: Path | Mapping[str, object], mistakes: list[Mistake]) -> Node:
    """The mapping in a file (or given from Python) laid on the parents named by `extends`."""
    if isinstance(source, Mapping):
        tree = from_plain(source, Place("the config given from Python"))
        return _with_parent(tree, Path(), (), mistakes)
    return _read_file(source, (), mistakes)


def _read_file(path: Path, children: tuple[Path, ...], mistakes: list[Mistake]) -> Node:
    tree = parse(read_text(path), str(path), mistakes)
    if not isinstance(tree.value, dict):
        refuse(mistakes)
        what = "the file is empty" if tree.value is None else "a config is a mapping of keys, not " + _kind(tree)
        fix = "write `key: value` lines (an ASCII colon and a blank); `lmfit init` writes a config to start from"
        raise ConfigError(what, where=str(tree.start), fix=fix)
    return _with_parent(tree, path, children, mistakes)


def _kind(node: Node) -> str:
    return "a list" if isinstance(node.value, list) else "one value"


def _with_parent(tree: Node, path: Path, children: tuple[Path, ...], mistakes: list[Mistake]) -> Node:
    named = tree.keys.get("extends")
    tree = put(tree, ("extends",), None)
    if named is None:
        return tree
    unset: list[Mistake] = []
    named = expand(named, os.environ, unset, ("extends",))
    if unset or not isinstance(named.value, str):
        fix = "a config has one parent at most"
        mistakes += unset or [Mistake(named.place, "extends: expected the name of one file", fix)]
        return tree
    parent = path.parent / named.value
    chain = (*children, path)
    if parent.resolve() in [child.resolve() for child in chain]:
        circle = " > ".join(str(child) for child in (*chain, parent))
        raise ConfigError("the files extend each other in a circle", where=str(named.start), fix=circle)
    try:
        return merge(_read_file(parent, chain, mistakes), tree)
    except ConfigError as error:
        problems = [p if p.where else replace(p, where=f"{named.start} (extends)") for p in error.problems]
        raise ConfigError.of(problems) from None


def long_form(tree: Node) -> Node:
    """`task: NAME`, `model: NAME` and `data: NAME` written out as mappings with a name."""
    return change_items(_long_form(tree), SOURCES, _long_form)


def _long_form(tree: Node) -> Node:
    for section in SHORT_FORMS:
        node = tree.keys.get(section)
        if node is not None and isinstance(node.value, str):
            tree = put(tree, (section,), replace(node, value={"name": replace(node, key=node.key)}))
    return tree


@dataclass(frozen=True, slots=True)
class Override:
    """`key.path=value`: the value replaces the whole key; null removes the key, so that its default holds."""

    path: tuple[str, ...]
    node: Node

    @property
    def value(self) -> Node | None:
        """What to put in place, None to remove the key."""
        return None if self.node.value is None else self.node


def read_overrides(words: Sequence[str], mistakes: list[Mistake]) -> list[Override]:
    """The overrides that can be read; for the others an entry in `mistakes`."""
    overrides: list[Override] = []
    for word in words:
        place = Place(f"override {word}")
        key, equals, text = word.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(path):
            mistakes.append(Mistake(place, f"cannot read `{word}`", "write key.path=value, e.g. training.epochs=5"))
        elif not text.strip(" "):
            mistakes.append(Mistake(place, f"{key}: no value after `=`", f"`{key}=null` restores the default"))
        elif path == ("extends",):
            mistakes.append(Mistake(place, "extends: only a file can name its parent", "write it into the file"))
        else:
            overrides += _read_override(path, text, place, mistakes)
    return _without_hidden(overrides, mistakes)


def _read_override(path: tuple[str, ...], text: str, place: Place, mistakes: list[Mistake]) -> list[Override]:
    """The override in a list, or an empty list and an entry in `mistakes`. A single sign, as in `=|`, is itself."""
    unreadable: list[Mistake] = []
    if _SIGN.fullmatch(text):
        return [Override(path, Node(text, place, place))]
    if _COMMENT.fullmatch(text):
        mistakes.append(
            Mistake(place, f"{'.'.join(path)}: ` #` begins a comment in YAML", "put quotes around the value")
        )
        return []
    try:
        node = parse(text, place.file, unreadable)
    except ConfigError as error:
        fix = error.problems[0].fix
        unreadable.append(Mistake(place, f"{'.'.join(path)}: the value is not valid YAML", fix))
    if unreadable:
        mistakes += [replace(mistake, place=place) for mistake in unreadable]
        return []
    return [Override(path, _moved(node, place))]


def _moved(node: Node, place: Place) -> Node:
    """The node with every part at `place`: an override has no lines."""
    value = node.value
    if isinstance(value, dict):
        value = {name: _moved(child, place) for name, child in value.items()}
    elif isinstance(value, list):
        value = [_moved(child, place) for child in value]
    return replace(node, value=value, start=place, key=place)


def _without_hidden(overrides: list[Override], mistakes: list[Mistake]) -> list[Override]:
    """Refuse an override that a later one would replace: nothing given is silently ignored."""
    kept: list[Override] = []
    for number, override in enumerate(overrides):
        hiding = [later for later in overrides[number + 1 :] if later.path == override.path[: len(later.path)]]
        if hiding:
            what = f"{'.'.join(override.path)}: replaced by the {hiding[0].node.start} after it"
            mistakes.append(Mistake(override.node.start, what, "keep one of them, or give the wider one first"))
        else:
            kept.append(override)
    return kept


def apply(tree: Node, overrides: Sequence[Override], mistakes: list[Mistake]) -> Node:
    """The tree with the overrides in place; one that leads through a value that is no section is a mistake."""
    for override in overrides:
        blocked = [
            end
            for end in range(1, len(override.path))
            if (node := find(tree, override.path[:end])) is not None and not isinstance(node.value, dict)
        ]
        if blocked:
            name = ".".join(override.path[: blocked[0]])
            what = f"{'.'.join(override.path)}: `{name}` holds no keys"
            mistakes.append(Mistake(override.node.start, what, f"give the whole value: {name}=..."))
        else:
            tree = long_form(put(tree, override.path, override.value))
    return tree
