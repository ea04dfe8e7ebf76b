"""Types and values in words: what a key takes, what was found."""

import json
from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from lmfit.config.choice import names_in
from lmfit.config.names import listed
from lmfit.config.nodes import Node
from lmfit.config.section import Section

_BOUNDS = {"gt": "above {:g}", "ge": "at least {:g}", "lt": "below {:g}", "le": "at most {:g}"}
_ONE = {int: "a whole number", float: "a number", str: "text", NoneType: "null"}
_MANY = {int: "whole numbers", float: "numbers", str: "texts"}
_MOST_KEYS = 4
_LONGEST = 60


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union; any other type alone."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(member for part in get_args(annotation) for member in members(part))
    return (annotation,)


def is_section(annotation: Any) -> bool:
    """Whether a type is a section of the config."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def likeliest(annotation: Any, names: Iterable[str]) -> Any:
    """The section of a union that a mapping with these keys most likely means; None where there is none."""
    given = list(names)
    sections = [kind for kind in members(annotation) if is_section(kind)]
    return max(sections, key=lambda kind: sum(name in kind.model_fields for name in given), default=None)


def expected(annotation: Any, bounds: Sequence[Any] = ()) -> str:
    """What a key takes: `auto or a whole number`, `a number (above 0)`, `text, a list of texts or null`."""
    if get_origin(annotation) is Annotated:
        annotation, *bounds = get_args(annotation)
    kinds = members(annotation)
    choices = [str(value) for kind in kinds if get_origin(kind) is Literal for value in get_args(kind)]
    choices += [*names_in(bounds), *(["true", "false"] if bool in kinds else [])]
    told = {bool, str} if names_in(bounds) else {bool}
    words = [_one(kind, bounds) for kind in kinds if get_origin(kind) is not Literal and kind not in told]
    if int in kinds and float in kinds:
        words[words.index(_one(float, bounds))] = "a share"
    return listed([*choices, *words])


def _one(kind: Any, bounds: Sequence[Any]) -> str:
    arguments = get_args(kind)
    if is_section(kind):
        return (
            f"a mapping with {listed(kind.model_fields, 'and')}"
            if len(kind.model_fields) <= _MOST_KEYS
            else "a mapping"
        )
    if get_origin(kind) is list:
        return f"a list of {_many(arguments[0])}{_length(bounds)}"
    if get_origin(kind) is dict:
        return f"a mapping of names to {_many(arguments[1])}"
    limits = [
        text.format(getattr(bound, limit))
        for bound in bounds
        for limit, text in _BOUNDS.items()
        if kind in (int, float) and getattr(bound, limit, None) is not None
    ]
    return _ONE.get(kind, "a value") + (f" ({', '.join(limits)})" if limits else "")


def _many(annotation: Any) -> str:
    return listed(_MANY.get(kind) or _one(kind, ()).replace("a mapping", "mappings") for kind in members(annotation))


def _length(bounds: Sequence[Any]) -> str:
    least = {bound.min_length for bound in bounds if getattr(bound, "min_length", None)}
    most = {bound.max_length for bound in bounds if getattr(bound, "max_length", None)}
    return f" ({least.pop()} of them)" if least and least == most else ""


def found(node: Node) -> str:
    """A value as it was written, without secrets: `the text "3"`, `the number 7`, `a list`."""
    value = node.value
    if node.safe is not None:
        return f"the value of {node.safe}"
    if isinstance(value, dict):
        return f"a mapping with {listed(value, 'and')}" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
        return f"the text {json.dumps(text, ensure_ascii=False)}"
    return f"the number {value}"
