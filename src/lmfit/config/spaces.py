"""The space of a search against the keys that it is about: every mistake in it, and configs with values put in."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lmfit.config.expect import is_section, members
from lmfit.config.keys import Schemas, exists, type_at, unknown_key
from lmfit.config.layers import Override, apply
from lmfit.config.nodes import Mistake, Node, Path, find, from_plain, plain, put
from lmfit.config.schema import SEARCH

_SPACE = (SEARCH, "space")
_READ_ALIKE = ("data.max_length", "data.overflow")
_FREE = {
    "pretrain": ("pretraining.dropout", "pretraining.batch_ramp"),
    "finetune": _READ_ALIKE,
    "transfer": _READ_ALIKE,
}
"""By stage the keys that can be searched inside sections that cannot."""
_OTHER_TOKENS = "the loss of other tokens, or of more or fewer hidden ones, is another measure"
_FIXED = {
    "task.name": "trials of other tasks have other scores",
    "training.best_metric": "trials are compared by it; one metric for all of them: search.metric",
    "transfer.training.best_metric": "trials are compared by it; one metric for all of them: search.metric",
    "transfer.control": "trials have no control; `lmfit transfer best.yaml` measures the gain",
    "transfer.sizes": "trials take all rows; `lmfit transfer best.yaml` draws the learning curve",
}
_FIXED_OF = {
    "pretrain": {"model.name": _OTHER_TOKENS, "pretraining": _OTHER_TOKENS},
}
"""By stage further keys and sections that cannot be searched."""
_FIXED_SECTIONS = {
    "data": "trials are scored on the same rows",
    "evaluation": "trials are scored alike",
    "tracking": "it changes no score",
    "device": "it changes no score",
    "output": "trials lie in the run's children/",
    "seed": "a seed that scores best by chance is no better; --seeds with best.yaml measures how far seeds lie apart",
    "seeds": "a seed that scores best by chance is no better; --seeds with best.yaml measures how far seeds lie apart",
    SEARCH: "a search does not search itself",
}

Check = Callable[[Node], list[Mistake]]
"""All mistakes of a config without its search section."""


def gathered(tree: Node, mistakes: list[Mistake]) -> Node:
    """Keys with a dot that stand in `search` itself, moved to `search.space`."""
    section = tree.keys.get(SEARCH)
    for name, node in section.keys.items() if section else ():
        if "." not in name:
            continue
        if find(tree, (*_SPACE, name)) is not None:
            mistakes.append(Mistake(node.key, f"search.{name}: stands in search.space, too", "keep one of them"))
        tree = put(put(tree, (SEARCH, name), None), (*_SPACE, name), node)
    return tree


def with_values(tree: Node, values: Mapping[str, Any], mistakes: list[Mistake]) -> Node:
    """The tree without search and output, with `values` by dotted key; None restores a key's default."""
    tree = put(put(tree, (SEARCH,), None), ("output",), None)
    nodes = ((name, v if isinstance(v, Node) else from_plain(v, tree.start)) for name, v in values.items())
    return apply(tree, [Override(tuple(name.split(".")), node) for name, node in nodes], mistakes)


def takes_whole_numbers(path: Path, schemas: Schemas) -> bool | None:
    """Whether a key's numbers are whole; None where it takes no numbers."""
    kinds = members(type_at(path, schemas)[0])
    return None if not {int, float} & {*kinds} else float not in kinds


def space_mistakes(tree: Node, stage: str, schemas: Schemas, check: Check) -> Iterator[Mistake]:
    """Keys of the stage that do not exist or cannot be searched, empty choices, values that keys do not take."""
    space = find(tree, _SPACE)
    before = {mistake.what for mistake in check(with_values(tree, {}, []))} if space and space.keys else set()
    for name, node in space.keys.items() if space else ():
        path = tuple(name.split("."))
        told = _of_key(path, stage, schemas) or _of_choices(name, node) or _of_range(path, node, schemas)
        if told:
            yield Mistake(node.key, f"search.space: {told[0]}", told[1], (*_SPACE, name))
            continue
        for value in _tried(node):
            mistakes: list[Mistake] = []
            varied = with_values(tree, {name: value}, mistakes)
            new = [m for m in [*mistakes, *check(varied)] if m.what not in before]
            yield from (Mistake(value.start, f"search.space: {m.what}", m.fix, (*_SPACE, name)) for m in new[:1])


def _of_key(path: Path, stage: str, schemas: Schemas) -> tuple[str, str] | None:
    """What is wrong with a key as such, and the way out."""
    name = ".".join(map(str, path))
    unknown = next((path[:end] for end in range(1, len(path) + 1) if not exists(path[:end], schemas)), None)
    if unknown:
        return unknown_key(unknown, schemas)
    free = [key for key in _FREE[stage] if key.startswith(f"{path[0]}.")]
    if any(f"{name}.".startswith(f"{key}.") for key in free):
        return None
    fixed = _FIXED | _FIXED_SECTIONS | _FIXED_OF.get(stage, {})
    if why := fixed.get(name) or fixed.get(str(path[0])):
        but = f"; of {path[0]} only {' and '.join(key.partition('.')[2] for key in free)} can be" if free else ""
        return f"{name} cannot be searched: {why}{but}", ""
    return None


def _of_choices(name: str, node: Node) -> tuple[str, str] | None:
    if not isinstance(node.value, list):
        return None
    values = [plain(item) for item in node.value]
    if len(values) < 2:
        count = "no value" if not values else "one value only"
        return f"{name}: {count} to choose from", "give two or more, or set the key itself outside of search"
    if any(value in values[:i] for i, value in enumerate(values)):
        return f"{name}: a value stands there twice", "each value once"
    return None


def _of_range(path: Path, node: Node, schemas: Schemas) -> tuple[str, str] | None:
    """What is wrong with a range for a key of this type."""
    if not isinstance(node.value, dict):
        return None
    name, whole = ".".join(map(str, path)), takes_whole_numbers(path, schemas)
    if whole is None or is_section(type_at(path, schemas)[0]):
        return f"{name} takes no numbers, so it has no range", "list the values to choose from"
    numbers = [
        item for part in node.value.values() for item in (part.value if isinstance(part.value, list) else [part])
    ]
    if whole and any(isinstance(item.value, float) and item.value != int(item.value) for item in numbers):
        return f"{name} takes whole numbers only", "write e.g. {uniform: [1, 8]}"
    return None


def _tried(node: Node) -> list[Node]:
    """The choices, or both ends of a range."""
    if isinstance(node.value, list):
        return node.value
    ends = next((part for name, part in node.keys.items() if name in ("log", "uniform")), None)
    return ends.value if ends is not None and isinstance(ends.value, list) else []
