"""Exports of annotation tools, and text with character offsets in general: JSON lines or a JSON list."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice

from lmfit.data.columns import check_roles, flat
from lmfit.data.example import Example, Origin
from lmfit.data.files import TextLines
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.formats.json_stream import Located, begins_list, objects_of_lines, objects_of_list
from lmfit.data.formats.jsonl import read_records
from lmfit.data.formats.tools import TOOLS, Asked, Record, controls_of, is_task, plain, tool_of
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError

_SAMPLE_LINES = 100
_SAMPLE_ROWS = 200


class AnnotatedReader(Reader[TextLines]):
    """Reads the exports of Label Studio, Prodigy and doccano; as `spans`, of the tool that the first row shows.

    The line of an origin is the row's number where the file is one JSON list.
    """

    def __init__(self, options: ReadOptions) -> None:
        if options.format not in TOOLS:
            check_roles(options)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per row that has an answer; rows that are left out are counted."""
        parts: Counter[str] = Counter()
        is_list = begins_list(file.head(_SAMPLE_LINES))
        rows = (objects_of_list if is_list else objects_of_lines)(file, parts, notices)
        head = list(islice(rows, _SAMPLE_ROWS))
        if not head:
            return
        tool = self._options.format if self._options.format in TOOLS else tool_of(head[0][1])
        if tool != self._options.format and tool:
            notices.say(f"an export of {tool}", file.path)
        options = self._options if tool is None else self._with_target(tool, [row for _, row in head], file, notices)
        asked = Asked(options.kind, options.labelled, str(next(iter(flat([options.columns.get("label", "")])), "")))
        convert = TOOLS[tool] if tool else plain

        def converted() -> Iterator[Located]:
            for line, row in chain(head, rows):
                made = None
                with notices.mistakes:
                    made = convert(row, asked, Origin(file.path, line), notices)
                if made is not None:
                    yield line, made
                else:
                    parts.update({"rows": -1, "rows left out": 1})

        yield from read_records(converted(), file.path, options, notices)
        total, unit = (parts.total(), "items") if is_list else (file.line_count, "lines")
        notices.account(file.path, total, parts["rows"], parts, unit=unit)

    def _with_target(self, tool: str, head: list[Record], file: TextLines, notices: Notices) -> ReadOptions:
        """The options with the column that holds the labels once a row is plain."""
        options = self._options
        if tool == "doccano" or not options.labelled:
            return options
        if options.kind == "words":
            return replace(options, columns={"labels": "entities", **options.columns})
        controls = controls_of(head)
        if not controls and any(map(is_task, head)):
            fix = "if they marked stretches of text, that is task: token-classification"
            raise ConfigError("the annotators chose no label for a text", where=file.path, fix=fix)
        if "label" in options.columns or not controls:
            return options
        if len(controls) > 1:
            fix = f"say which is the label: data.columns: {{label: {controls[0]}}}"
            raise ConfigError(
                f"the annotators chose in several controls: {', '.join(controls)}", where=file.path, fix=fix
            )
        notices.say(f"the label is what was chosen in `{controls[0]}`", file.path)
        return replace(options, columns={**options.columns, "label": controls[0]})
