"""Which format a file has when the config leaves it open: by its suffix, else by what its first lines look like."""

import os
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from lmfit.catalog import SUFFIXES
from lmfit.data.files import TextLines, split_suffix
from lmfit.data.formats.base import ReadOptions
from lmfit.data.formats.json_stream import begins_list, first_record
from lmfit.data.formats.tools import tool_of
from lmfit.data.notices import Notices
from lmfit.data.stored import files_below
from lmfit.errors import ConfigError

_UNREADABLE = (".xls", ".ods", ".arrow", ".zip", ".tar", ".tgz", ".7z", ".pkl", ".pdf", ".docx")
_IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp")
_TEXTS = (".txt", ".ann")
_SAMPLE_LINES = 1000
_ENOUGH_LINES = 200
_TABBED_SHARE = 0.9


def refuse_unreadable(path: str) -> None:
    """Raise ConfigError for a suffix of a format that no reader knows, and for a folder of images."""
    suffix = split_suffix(path)[0]
    found = Counter(file.suffix.lower() for file in files_below(path)) if os.path.isdir(path) else Counter([suffix])
    images = sum(found[name] for name in _IMAGES)
    if images > sum(found[name] for name in _TEXTS):
        what = f"`{path}` holds images ({images:,}); lmfit learns from texts" if images > 1 else f"`{path}` is an image"
        raise ConfigError(what, fix="name files or folders of texts")
    if suffix in _UNREADABLE and suffix not in SUFFIXES:
        fix = "save it as .xlsx, .csv, .jsonl or .parquet"
        raise ConfigError(f"`{path}`: {suffix} files are not read", where="data.format", fix=fix)


def by_name(path: str, notices: Notices) -> str | None:
    """The format that a suffix stands for, or that a folder is laid out in; None where the name does not tell."""
    if not os.path.isdir(path):
        return SUFFIXES.get(split_suffix(path)[0])
    suffixes = {file.suffix for file in islice(files_below(path), _SAMPLE_LINES)}
    form = "brat" if ".ann" in suffixes else "folders"
    why = "for it holds .ann files" if form == "brat" else "a folder per label"
    notices.say(f"read as {form}, {why} (data.format)", path)
    return form


def choose_format(file: TextLines, options: ReadOptions, notices: Notices) -> str:
    """A name of catalog.FORMATS for a text file. A choice that the suffix does not make is said in `notices`."""
    if options.format != "auto":
        return options.format
    by_suffix = SUFFIXES.get(split_suffix(file.path)[0])
    if by_suffix not in (None, "json", "jsonl"):
        return by_suffix
    head = file.head(_SAMPLE_LINES)
    record = first_record(head)
    if record is not None and not file.part and (tool := tool_of(record)):
        notices.say(f"read as {tool}, for its rows have the keys of its exports (data.format)", file.path)
        return tool
    if by_suffix == "json" and not file.part and _looks_like_json_lines(head):
        notices.say("read as jsonl, for it has one JSON object a line (data.format)", file.path)
        return "jsonl"
    if by_suffix:
        return by_suffix
    chosen, why = _by_content(file.path, head, options)
    notices.say(f"read as {chosen}, {why} (data.format)", file.path)
    return chosen


def _by_content(path: str, head: Sequence[str], options: ReadOptions) -> tuple[str, str]:
    """(format, reason). Raises ConfigError where lines that should begin with a label begin with too many words."""
    content = [line for line in head if line.strip()]
    if _looks_like_json_lines(head):
        return "jsonl", "for it has one JSON object a line"
    if not options.labelled:
        return "text", "one text a line"
    if options.kind == "words":
        return "conll", "one word a line"
    if content and sum("\t" in line for line in content) >= _TABBED_SHARE * len(content):
        return "tsv", "for its lines hold tabs"
    labels = Counter(line.split(maxsplit=1)[0] for line in content)
    once = sum(number == 1 for number in labels.values())
    if options.label_first and options.delimiter == "auto" and len(content) >= _ENOUGH_LINES and 2 * once > len(labels):
        fix = "set data.format (and data.delimiter, data.label_first for text)"
        raise ConfigError(f"the format of `{path}` cannot be told: its lines begin with no label", fix=fix)
    return "text", "a label and a text a line"


def _looks_like_json_lines(head: Sequence[str]) -> bool:
    """Whether the first line is a JSON object, and not a whole document whose rows stand in a list."""
    record = None if begins_list(head) else first_record(head)
    if record is None:
        return False
    alone = sum(bool(line.strip()) for line in head) == 1
    return not (alone and any(isinstance(item, dict | list) for value in record.values() for item in _items(value)[:1]))


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
