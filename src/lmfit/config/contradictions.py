"""Contradictions between keys of a section that pydantic leaves unchecked because another key there is wrong."""

from collections.abc import Iterator, Sequence
from typing import Any

from lmfit.config.expect import is_section, members
from lmfit.config.keys import Schemas, type_at
from lmfit.config.names import closest
from lmfit.config.nodes import Mistake, Node, dotted, find, plain
from lmfit.config.schema import Section


def contradictions(tree: Node, schemas: Schemas, mistakes: Sequence[Mistake]) -> Iterator[Mistake]:
    """What the model validators say about each section that holds a mistake, as far as they can judge it."""
    told = {mistake.path for mistake in mistakes if mistake.path}
    holders = {path[:end]: None for path in sorted(told, key=str) for end in range(len(path))}
    for path in holders:
        node = find(tree, path)
        if path in told or node is None or not isinstance(node.value, dict):
            continue
        for schema in filter(is_section, members(type_at(path, schemas)[0])):
            for said in _said(schema, node):
                yield Mistake(node.place, f"{dotted(path)}: {said}".removeprefix(": "), "", path)


def _said(schema: type[Section], node: Node) -> Iterator[str]:
    """The messages of the validators that refuse the section; a misspelt key counts as the key it is nearest to."""
    fields = schema.model_fields
    values: dict[str, Any] = {
        name if name in fields else closest(name, fields) or name: plain(child) for name, child in node.keys.items()
    }
    values = {name: value for name, value in values.items() if name in fields}
    section = schema.model_construct(None, **values)
    for validator in schema.__pydantic_decorators__.model_validators.values():
        try:
            validator.func(section)
        except ValueError as error:
            yield str(error)
        except (TypeError, AttributeError):
            continue  # the wrong key itself is in the way, and is reported already
