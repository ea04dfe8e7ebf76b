"""Lines of text: "label text" or "text label" with a delimiter, or unlabelled with one text a line."""

from collections import Counter
from collections.abc import Iterator

from lmfit.data.example import Example, Label, Origin
from lmfit.data.files import TextLines, chomp
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.records import clean_label, doubt_blank
from lmfit.errors import ConfigError, DataError

_NAMED = {"tab": "\t", "\\t": "\t", "blank": " ", "space": " "}
_PREFIX = "__label__"


class TextReader(Reader[TextLines]):
    r"""Reads one example a line; only \n and \r\n end a line, other separators stay in the text.

    A label stands before the first delimiter, or with `label_first: false` after the last one; that of
    fastText (`__label__NAME`, one or several) loses its prefix. Unlabelled input is one
    text a line as it stands, blank lines included, so that answers can be laid beside it line by line.
    """

    def __init__(self, options: ReadOptions) -> None:
        if options.labelled and options.kind == "words":
            fix = "use conll, or jsonl with text and entities"
            raise ConfigError("text files hold no tags for words", where="data.format", fix=fix)
        if options.labelled and options.columns:
            fix = "use data.delimiter and data.label_first, or format: tsv"
            raise ConfigError("text files have no columns", where="data.columns", fix=fix)
        self._options = options

    def read(self, file: TextLines, notices: Notices) -> Iterator[Example]:
        """Yield one example per line."""
        parts: Counter[str] = Counter()
        for number, line in enumerate(map(chomp, file.lines()), start=1):
            parts["rows" if line.strip() or not self._options.labelled else "blank lines"] += 1
            origin = Origin(file.path, number)
            if not self._options.labelled:
                if not line.strip():
                    doubt_blank(origin, notices)
                yield Example(origin, line)
            elif line.strip():
                with notices.mistakes:
                    label: Label
                    names, text = self._parted(line, origin)
                    if names.startswith(_PREFIX):
                        notices.say(f"labels without their `{_PREFIX}`, which fastText puts before each", file.path)
                        label, text = self._prefixed(names, text, origin, notices)
                    else:
                        label = self._label(names, origin, notices)
                    if not text.strip():
                        doubt_blank(origin, notices)
                    yield Example(origin, text, label=label)
            else:
                notices.count("blank lines passed over", origin)
        notices.account(file.path, file.line_count, parts["rows"], parts)

    def _parted(self, line: str, origin: Origin) -> tuple[str, str]:
        """(label, text) of a line."""
        delimiter = _NAMED.get(self._options.delimiter, self._options.delimiter)
        if delimiter == "auto":
            delimiter = _auto_delimiter(line, self._options.label_first)
        before, found, after = line.partition(delimiter) if self._options.label_first else line.rpartition(delimiter)
        if not found:
            where_label = "before" if self._options.label_first else "after"
            what = f"no label: there is no {delimiter!r} in the line"
            fix = f"the label stands {where_label} it; see data.delimiter and data.label_first"
            raise DataError(what, where=str(origin), fix=fix)
        return (before, after) if self._options.label_first else (after, before)

    def _label(self, text: str, origin: Origin, notices: Notices) -> Label:
        separator = self._options.label_separator
        if separator is not None:
            return tuple(clean_label(name, origin, notices) for name in text.split(separator) if name.strip())
        label = clean_label(text, origin, notices)
        if not label:
            raise DataError("no label", where=str(origin), fix="label the line or take it out")
        return label

    def _prefixed(self, names: str, text: str, origin: Origin, notices: Notices) -> tuple[tuple[str, ...], str]:
        """(labels, text) of a line of fastText, which may have several labels before its text."""
        found = [names]
        while self._options.label_first and text.lstrip().startswith(_PREFIX):
            name, _, text = text.lstrip().partition(" ")
            found.append(name)
        labels = tuple(clean_label(name.removeprefix(_PREFIX), origin, notices) for name in found)
        if not all(labels):
            raise DataError("no label", where=str(origin), fix=f"write a name after {_PREFIX}, or take it out")
        return labels, text


def _auto_delimiter(line: str, label_first: bool) -> str:
    """The first blank or tab of a line that begins with its label; of one that ends with it a tab, else a blank."""
    blank, tab = line.find(" "), line.find("\t")
    return "\t" if tab >= 0 and not (label_first and 0 <= blank < tab) else " "
