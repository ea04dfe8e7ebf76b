"""From a record (column name -> value) to an Example, the same for tables, JSON and Hub data sets."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lmfit.data.columns import TARGET, Chosen, required
from lmfit.data.example import Example, Label, Origin
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.spans import Offsets, kind_of, tag_words
from lmfit.data.words import Mode, split_words
from lmfit.errors import DataError

Record = Mapping[str, Any]


def clean_label(text: str, origin: Origin, notices: Notices) -> str:
    """The label without blanks around it; taking them off is counted."""
    name = text.strip()
    if name != text:
        notices.count("labels with blanks around them, which were taken off", origin)
    return sys.intern(name)


def doubt_blank(origin: Origin, notices: Notices) -> None:
    """Count a row with an empty text."""
    fix = "take it out, or see whether data.columns names the right column"
    notices.doubt("blank-texts", "rows with an empty text", origin, fix)


class RecordBuilder:
    """Builds the examples of one file.

    Blanks around a label are taken off (and counted), numbers without a fraction become text ("1"), others stay
    numbers. Raises DataError with file and line for a value that is missing or of the wrong kind.
    """

    def __init__(
        self,
        options: ReadOptions,
        chosen: Chosen,
        names: Sequence[str],
        where: str,
        notices: Notices,
    ) -> None:
        self._options = options
        self._chosen = chosen
        self._notices = notices
        self._mode: Mode = "unicode" if options.words == "auto" else options.words
        self._make = {"text": self._with_label, "words": self._with_words, "record": self._as_it_is}[options.kind]
        if options.kind == "record":
            return
        source = "tokens" if options.kind == "words" and "tokens" in chosen else "text"
        self._source = required(chosen, source, names, where)
        self._target = chosen.get(TARGET[options.kind])
        if options.labelled:
            self._target = required(chosen, TARGET[options.kind], names, where)
        if source == "tokens":
            self._make = self._with_tokens

    def example(self, record: Record, origin: Origin) -> Example:
        """One example."""
        made = self._make(record, origin)
        made.id = self._optional(record, "id") or ""
        made.document = self._optional(record, "document")
        if self._options.keep_columns:
            made.columns = dict(record)
        return made

    def _as_it_is(self, record: Record, origin: Origin) -> Example:
        return Example(origin, "", columns=record)

    def _with_label(self, record: Record, origin: Origin) -> Example:
        pair = self._chosen.get("text_pair")
        return Example(
            origin,
            self._text(record, self._source, origin),
            text_pair=self._text(record, pair, origin) if pair else None,
            label=self._label(record, origin),
        )

    def _with_tokens(self, record: Record, origin: Origin) -> Example:
        tokens = _listed(self._value(record, self._source[0], origin), self._source[0], origin)
        text = " ".join(tokens)
        words, position = [], 0
        for token in tokens:
            words.append((position, position + len(token)))
            position += len(token) + 1
        tags = None
        if self._target and (self._options.labelled or record.get(self._target[0]) is not None):
            value = self._value(record, self._target[0], origin)
            if _are_entities(value):
                words, tags = self._tagged(text, words, from_json(value), origin)
                return Example(origin, text, words=words, tags=tags)
            tags = _listed(value, self._target[0], origin)
            if len(tags) != len(tokens):
                raise DataError(
                    f"{len(tokens)} words but {len(tags)} tags", where=str(origin), fix="give each word a tag"
                )
        return Example(origin, text, words=words, tags=tags)

    def _with_words(self, record: Record, origin: Origin) -> Example:
        text = self._text(record, self._source, origin)
        if not self._target or (not self._options.labelled and record.get(self._target[0]) is None):
            return Example(origin, text)
        entities = from_json(self._value(record, self._target[0], origin))
        words, tags = self._tagged(text, split_words(text, self._mode), entities, origin)
        return Example(origin, text, words=words, tags=tags)

    def _tagged(
        self, text: str, words: list[Offsets], entities: object, origin: Origin
    ) -> tuple[list[Offsets], list[str]]:
        unfit = self._options.unfit_spans if self._options.labelled else "drop"
        return tag_words(text, words, entities, origin, self._notices, unfit)

    def _text(self, record: Record, names: Iterable[str], origin: Origin) -> str:
        texts = [self._value(record, name, origin) for name in names]
        for name, text in zip(names, texts, strict=True):
            if not isinstance(text, str):
                what = f"`{name}` is {kind_of(text)}, not a text"
                raise DataError(what, where=str(origin), fix="put it in quotes, or correct data.columns")
        joined = " ".join(texts)
        if not joined.strip():
            doubt_blank(origin, self._notices)
        return joined

    def _label(self, record: Record, origin: Origin) -> Label:
        if not self._target:
            return None
        value = record.get(self._target[0])
        separator = self._options.label_separator
        if separator is not None and isinstance(value, str):
            value = [name for name in value.split(separator) if name.strip()]
        value = self._names_in_json(value, origin)
        if isinstance(value, list | tuple):
            return tuple(str(self._name(name, origin)) for name in value)
        return self._name(value, origin)

    def _names_in_json(self, value: object, origin: Origin) -> object:
        """The names in a field of a table that holds a JSON list of texts (counted); any other value as it is."""
        names = from_json(value)
        if names is value or not all(isinstance(name, str) for name in names):
            return value
        self._notices.count("labels written as a JSON list, read as several labels", origin)
        return names

    def _name(self, value: object, origin: Origin) -> str | float | None:
        if isinstance(value, float):
            return value
        if isinstance(value, bool):
            value = str(value).lower()
        if not isinstance(value, int | str | None):
            raise DataError(
                f"a label is {kind_of(value)}", where=str(origin), fix="a label is a text, a number or a list"
            )
        name = clean_label("" if value is None else str(value), origin, self._notices)
        if not name and self._options.labelled:
            raise DataError("no label", where=str(origin), fix="label the row or take it out")
        return name or None

    def _value(self, record: Record, name: str, origin: Origin) -> Any:
        if record.get(name) is None:
            raise DataError(f"no `{name}` in this row", where=str(origin), fix="fill it in or take the row out")
        return record[name]

    def _optional(self, record: Record, role: str) -> str | None:
        value = record.get(self._chosen[role][0]) if role in self._chosen else None
        return None if value is None else str(value)


def from_json(value: Any) -> Any:
    """The list that a field of a table holds as JSON; any other value as it is."""
    if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _are_entities(value: object) -> bool:
    """Whether the labels of a row are entities with offsets, not tags. A table says "none" by the JSON list []."""
    items = from_json(value)
    if not isinstance(items, Sequence) or isinstance(items, str):
        return False
    return not any(isinstance(item, str | int) for item in items) if items else items is not value


def _listed(value: object, name: str, origin: Origin) -> list[str]:
    """A list of words or tags; a text is a JSON list of texts, or is split at its blanks."""
    items = from_json(value)
    if isinstance(value, str) and (items is value or not all(isinstance(item, str) for item in items)):
        items = value.split()
    if not isinstance(items, Sequence) or not all(isinstance(item, str | int) for item in items):
        raise DataError(f"`{name}` is {kind_of(value)}, not a list of texts", where=str(origin), fix="see data.columns")
    if not items or not all(str(item).strip() for item in items):
        raise DataError(f"`{name}` is empty or has an empty item", where=str(origin), fix="take it out")
    return [sys.intern(str(item)) for item in items]
