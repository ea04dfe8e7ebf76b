"""Which format a file has when the config leaves it open: by its suffix, else by what its first lines look like."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from lmfit.data.files import TextLines, split_suffix
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError

_BY_SUFFIX: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".conll": "conll",
    ".conllu": "conll",
    ".bio": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bioes": "conll",
    ".bmes": "conll",
}
_NOT_TEXT = (".xlsx", ".xls", ".parquet", ".arrow", ".zip", ".tar", ".tgz", ".7z", ".pkl", ".pdf", ".docx")
_SAMPLE_LINES = 1000
_ENOUGH_LINES = 200
_TABBED_SHARE = 0.9


def refuse_binary(path: str) -> None:
    """Raise ConfigError for a suffix of a format that is not text."""
    suffix = split_suffix(path)[0]
    if suffix in _NOT_TEXT:
        fix = "save it as .csv, .jsonl or text"
        raise ConfigError(f"`{path}`: {suffix} files are not read", where="data.format", fix=fix)


def choose_format(file: TextLines, options: ReadOptions, notices: Notices) -> str:
    """A name of catalog.FORMATS. A choice that the suffix does not make is said in `notices`."""
    if options.format != "auto":
        return options.format
    by_suffix = _BY_SUFFIX.get(split_suffix(file.path)[0])
    if by_suffix == "json" and not file.part and _looks_like_json_lines(file.head(_SAMPLE_LINES)):
        notices.say("read as jsonl, for it has one JSON object a line (data.format)", file.path)
        return "jsonl"
    if by_suffix:
        return by_suffix
    chosen, why = _by_content(file.path, file.head(_SAMPLE_LINES), options)
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
    first = next((line for line in head if line.strip()), "")
    if not first.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False
