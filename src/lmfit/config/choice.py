"""Texts that must be a name of the catalogue: shipped ones and those of plug-ins, checked when a config is loaded."""

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from lmfit.registry import Registry


class OneOf:
    """An annotation of text: one of the words given, or a name of a table of the catalogue.

    Of a union it is the text that must be one.
    """

    def __init__(self, table: Registry, *words: str) -> None:
        self._table = table
        self._words = words

    @property
    def names(self) -> list[str]:
        """Everything that may be written; the table's names come last, plug-ins included."""
        return [*self._words, *self._table]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        made = handler(schema)
        text = next((kind for kind in made.get("anyOf", ()) if kind.get("type") == "string"), made)
        text["enum"] = self.names
        return made

    def _checked(self, value: Any) -> Any:
        if isinstance(value, str) and value not in self.names:
            raise PydanticCustomError("one_of", "no known name")
        return value


def names_in(bounds: Any) -> list[str]:
    """The names that a key may have by its bounds; none where any text will do."""
    return [name for bound in bounds if isinstance(bound, OneOf) for name in bound.names]
