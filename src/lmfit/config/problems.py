"""Pydantic's errors told again: one sentence per key, with its line, what was expected, and the way out."""

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic_core import ErrorDetails

from lmfit.config.choice import names_in
from lmfit.config.expect import expected, found, is_section, likeliest, members
from lmfit.config.keys import COLON, Schemas, type_at, unknown_key
from lmfit.config.layers import SHORT_FORMS
from lmfit.config.names import closest
from lmfit.config.nodes import Mistake, Node, Path, dotted, find
from lmfit.config.yaml import resolve


def retell(errors: Sequence[ErrorDetails], tree: Node, schemas: Schemas) -> list[Mistake]:
    """One mistake per key. `schemas` holds the class of the whole config under () and those of other sections.

    A value that fits no member of a union gives several errors in pydantic; they become one sentence, and errors
    inside a mapping or list stand for those of the value as a whole.
    """
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        if _is_of_likeliest(error, tree, schemas):
            by_path.setdefault(_path(error, tree), []).append(error)
    deepest = [p for p in by_path if not any(q[: len(p)] == p and q != p for q in by_path)]
    unknown = {path for path in deepest if by_path[path][0]["type"] == "extra_forbidden"}
    mistakes = []
    for path in deepest:
        if by_path[path][0]["type"] == "missing" and _is_misspelt(path, unknown):
            continue
        mistakes.append(_mistake(path, by_path[path], tree, schemas))
    return mistakes


def _is_of_likeliest(error: ErrorDetails, tree: Node, schemas: Schemas) -> bool:
    """Whether an error is about the section of a union that the mapping there most likely means."""
    path = _path(error, tree)
    named = {str(part).removesuffix("]").rpartition(" ")[2] for part in error["loc"]}
    for end in range(len(path) + 1):
        node, annotation = find(tree, path[:end]), type_at(path[:end], schemas)[0]
        meant = likeliest(annotation, node.keys) if node and node.keys else None
        others = {kind.__name__ for kind in members(annotation) if is_section(kind) and kind is not meant}
        if meant and others & named:
            return False
    return True


def _path(error: ErrorDetails, tree: Node) -> Path:
    """Where in the config an error is: pydantic's location without its names of union members."""
    path: list[str | int] = []
    node: Node | None = tree
    for part in error["loc"]:
        child = _child(node, part)
        if child is not None:
            path.append(part)
            node = child
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return tuple(path)


def _child(node: Node | None, part: str | int) -> Node | None:
    if node is None:
        return None
    if isinstance(node.value, list) and isinstance(part, int):
        return node.value[part]
    return node.keys.get(str(part))


def _is_misspelt(missing: Path, unknown: set[Path]) -> bool:
    return any(path[:-1] == missing[:-1] and closest(str(path[-1]), [str(missing[-1])]) for path in unknown)


def _mistake(path: Path, errors: list[ErrorDetails], tree: Node, schemas: Schemas) -> Mistake:
    kinds = {error["type"]: error for error in errors}
    parent = _at(tree, path[:-1])
    node = _child(parent, path[-1]) if path else tree
    name = dotted(path)
    if "missing" in kinds or node is None:
        return Mistake(
            parent.place, f"{name}: is missing; expected {_takes(path, schemas)}", _sentence(path, schemas), path
        )
    if "extra_forbidden" in kinds:
        what, fix = unknown_key(path, schemas)
        return Mistake(node.key, what, fix, path)
    if "value_error" in kinds:
        said = kinds["value_error"]["msg"].removeprefix("Value error, ")
        if node.safe is not None:
            said = said.replace(str(node.value), node.safe)
        return Mistake(node.place, f"{name}: {said}".removeprefix(": "), _sentence(path, schemas), path)
    return _wrong_value(path, node, schemas)


def _at(tree: Node, path: Path) -> Node:
    for part in path:
        tree = _child(tree, part) or tree
    return tree


def _wrong_value(path: Path, node: Node, schemas: Schemas) -> Mistake:
    what = f"{dotted(path)}: expected {_takes(path, schemas)}, found {found(node)}"
    annotation, bounds, _ = type_at(path, schemas)
    fix = COLON if node.value is None and ":" in str(path[-1]) else _fix(node, annotation, bounds)
    return Mistake(node.place, what, fix or _sentence(path, schemas), path)


def _takes(path: Path, schemas: Schemas) -> str:
    annotation, bounds, _ = type_at(path, schemas)
    return "a name or a mapping" if len(path) == 1 and path[0] in SHORT_FORMS else expected(annotation, bounds)


def _sentence(path: Path, schemas: Schemas) -> str:
    """What the key is for; a section's sentence would help nobody."""
    annotation, _, sentence = type_at(path, schemas)
    return "" if is_section(annotation) else sentence


def _fix(node: Node, annotation: Any, bounds: Sequence[Any]) -> str:
    """How to write the value that is there so that it fits, or nothing."""
    kinds, value = members(annotation), node.value
    if node.safe is not None:
        return ""
    if value is None:
        return "write keys below it, or remove the line" if any(map(is_section, kinds)) else ""
    if isinstance(value, str):
        return _fix_text(value, kinds, names_in(bounds))
    if str in kinds and not isinstance(value, dict | list):
        return f'for text put quotes around it: "{str(value).lower() if isinstance(value, bool) else value}"'
    return ""


def _fix_text(text: str, kinds: tuple[Any, ...], names: Sequence[str]) -> str:
    choices = [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    near = closest(text, [*choices, *names])
    if near:
        return f"did you mean `{near}`?"
    meant = resolve(text)
    if (isinstance(meant, bool) and bool in kinds) or (isinstance(meant, int | float) and {int, float} & {*kinds}):
        return f"quotes make it text; write {text} without them"
    if bool in kinds and text.lower() in ("yes", "no", "on", "off", "y", "n"):
        return f"write {'true' if text.lower() in ('yes', 'on', 'y') else 'false'} (YAML 1.2 has no yes and no)"
    if any(map(is_section, kinds)) and (":" in text or "：" in text):
        return COLON
    return ""
