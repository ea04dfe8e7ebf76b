"""A config before it is checked: values that know the line they come from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath

from lmfit.errors import ConfigError, Problem

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a file and a 1-based line, or words such as "override a.b=1" without a line."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a config.

    value: a scalar, a list of nodes, or a mapping of names to nodes.
    start: where the value begins; key: where its key stands (the same as `start` without one).
    unquoted: a scalar without quotes, whose type is decided by its text.
    safe: the text to show and store instead of a value that holds a secret.
    """

    value: "Scalar | list[Node] | dict[str, Node]"
    start: Place
    key: Place
    unquoted: bool = False
    safe: str | None = None

    @property
    def place(self) -> Place:
        """The line to name in a message: a scalar's own, the key's of a section or list."""
        return self.key if isinstance(self.value, dict | list) else self.start

    @property
    def keys(self) -> "dict[str, Node]":
        """The mapping's entries; none for anything else."""
        return self.value if isinstance(self.value, dict) else {}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A problem that can be put in the order of the file; `path` is the key it is about."""

    place: Place
    what: str
    fix: str = ""
    path: Path = ()


def refuse(mistakes: Sequence[Mistake]) -> None:
    """Raise one ConfigError with all mistakes, file by file and from the top down; nothing for an empty list."""
    if mistakes:
        files = list(dict.fromkeys(mistake.place.file for mistake in mistakes))
        ordered = sorted(mistakes, key=lambda m: (files.index(m.place.file), m.place.line))
        raise ConfigError.of([Problem(m.what, str(m.place), m.fix) for m in ordered])


def plain(node: Node) -> object:
    """The node's value as ordinary Python objects."""
    if isinstance(node.value, dict):
        return {name: plain(child) for name, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def from_plain(value: object, place: Place) -> Node:
    """A node from Python objects: mappings, lists, tuples, scalars, paths. Raises ConfigError for other objects."""
    if isinstance(value, Mapping):
        entries = {str(name): from_plain(child, place) for name, child in value.items()}
        return Node(entries, place, place)
    if isinstance(value, list | tuple):
        return Node([from_plain(child, place) for child in value], place, place)
    if isinstance(value, PathLike):
        value = str(fspath(value))
    if isinstance(value, str) and not writable(value):
        raise ConfigError(f"{value!a} holds a NUL or half a surrogate pair", where=str(place), fix="take it out")
    if value is None or isinstance(value, str | bool | int | float):
        return Node(value, place, place)
    raise ConfigError(f"a config cannot hold {value!r}, a {type(value).__name__}", where=str(place))


def writable(text: str) -> bool:
    """Whether files and their names can hold the text: no NUL, no half of a surrogate pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def find(node: Node, path: Path) -> Node | None:
    """The node at `path`, or None."""
    for part in path:
        if isinstance(node.value, dict) and part in node.value:
            node = node.value[str(part)]
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def merge(base: Node, over: Node) -> Node:
    """`over` laid on `base`: mappings merge, lists and scalars replace."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(base.value)
    for name, child in over.value.items():
        merged[name] = merge(merged[name], child) if name in merged else child
    return replace(over, value=merged)


def put(node: Node, path: Path, child: Node | None) -> Node:
    """A copy with `child` at `path` (None: without it). Mappings on the way are made where they are missing."""
    name, rest = str(path[0]), path[1:]
    entries = dict(node.keys)
    if rest:
        inner = entries.get(name) or (child and Node({}, child.key, child.key))
        if inner and isinstance(inner.value, dict):
            entries[name] = put(inner, rest, child)
    elif child is None:
        entries.pop(name, None)
    else:
        entries[name] = child
    return replace(node, value=entries)


def change_items(node: Node, path: Path, change: Callable[[Node], Node]) -> Node:
    """A copy in which every mapping of the list at `path` went through `change`; as it is where there is no list."""
    held = find(node, path)
    if held is None or not isinstance(held.value, list):
        return node
    items = [change(item) if isinstance(item.value, dict) else item for item in held.value]
    return put(node, path, replace(held, value=items))


def scalars(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every scalar below `node` with its path."""
    if isinstance(node.value, dict):
        for name, child in node.value.items():
            yield from scalars(child, (*path, name))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from scalars(child, (*path, index))
    else:
        yield path, node


def dotted(path: Path) -> str:
    """A path as users write it: data.train[0]."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
