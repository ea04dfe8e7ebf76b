"""A first look at a data file: how it is read, and the evidence about what it holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any

from lmfit.catalog import FORMATS
from lmfit.data.example import Example
from lmfit.data.files import TextFile, expand, split_suffix
from lmfit.data.format_choice import by_name, choose_format
from lmfit.data.formats.base import Kind, Reader, ReadOptions
from lmfit.data.formats.json import list_parts
from lmfit.data.formats.table_layout import DELIMITER_NAMES, SAMPLE_LINES, Dialect, judge_dialect
from lmfit.data.inputs import open_one
from lmfit.data.notices import Notices
from lmfit.data.propose.evidence import Column, survey
from lmfit.data.propose.lines import SAMPLE_LINES as SAMPLE_OF_LINES
from lmfit.data.propose.lines import has_tagged_words, judge_lines
from lmfit.data.scheme import Scheme, scheme_of, to_iob2
from lmfit.data.source import SMALL, checked
from lmfit.data.stored import StoredFile
from lmfit.errors import ConfigError, DataError

MOST_ROWS = 100_000
READING = {field.name for field in fields(ReadOptions)} - {"kind", "columns", "keep_columns"}
_WITH_HEADER = ("csv", "tsv", "xlsx")
_USUAL = {"csv": Dialect(",", quoted=True), "tsv": Dialect("\t", quoted=False)}
_UTF_8 = ("utf-8", "utf-8-sig")
_ROLES_OF_WORDS = {"label": "labels", "text": "tokens"}

Keys = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """One file. keys: what the `data` section says of it; rows: how many were read, whole: whether these are all.

    kind: record where columns have no role yet; text or words where the format itself tells what is what.
    documents: how many a file of words has. columns_asked: the columns that were given for a format with roles.
    """

    path: str
    kind: Kind
    keys: Keys
    columns: list[Column]
    rows: int
    whole: bool
    notices: list[str]
    documents: int = 0
    columns_asked: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def named(self) -> bool:
        """Whether the file names its columns."""
        return [column.name for column in self.columns] != [str(i) for i in range(len(self.columns))]


@dataclass
class _View:
    """How a file is looked at, and what was met: rows and documents."""

    kind: Kind
    keys: Keys
    columns: Mapping[str, int | str]
    documents: set[str] = field(default_factory=set)
    rows: int = 0

    def reader(self) -> Reader[Any]:
        """A reader. Raises ConfigError where the format does not know this kind of rows."""
        made: Reader[Any] = FORMATS.load(self.keys["format"])(self.options())
        return made

    def options(self) -> ReadOptions:
        """The options of the reader."""
        known = {key: self.keys[key] for key in READING if key in self.keys}
        return ReadOptions(kind=self.kind, keep_columns=self.kind == "record", columns=self.columns, **known)


def look_at(specification: str, asked: Mapping[str, Any], roles: Mapping[str, str], *, most: int = MOST_ROWS) -> Look:
    """Read a file for evidence: to its end below 64 MB, else its first rows.

    asked: keys of the `data` section that are given; roles: columns that are given, by role.
    Raises InputError for what cannot be read.
    """
    path, part = expand(specification)[0]
    file, keys, opening = _open(path, part, asked)
    limit = None if file.size < SMALL else most
    *others, last = _views(keys, roles)
    for view in (*others, last):
        notices = Notices()
        columns = survey(_records(file, view, notices), limit)
        if view is last or view.kind == "record" or columns[-1].items.counts:
            break
    if not view.rows:
        raise DataError(f"`{path}` has no row of data", where=path, fix="name another file")
    whole = limit is None or view.rows < limit
    said = [*opening, *notices.sentences]
    look = Look(specification, view.kind, view.keys, columns, view.rows, whole, said, len(view.documents), view.columns)
    return replace(look, keys=keys | {"header": look.named}) if keys["format"] in _WITH_HEADER else look


def parts_of(specification: str) -> list[str]:
    """The lists in a JSON file that holds an object; nothing for every other file and where a part is named."""
    path, part = expand(specification)[0]
    if part or split_suffix(path)[0] != ".json":
        return []
    file, form = open_one(path, "", ReadOptions(kind="words"), "auto", Notices())
    return list_parts(file) if isinstance(file, TextFile) and form == "json" else []


def _open(path: str, part: str, asked: Mapping[str, Any]) -> tuple[TextFile | StoredFile, Keys, list[str]]:
    """The file, what the `data` section says of how it is read, and what was found out on the way."""
    options = ReadOptions(kind="words", format=asked.get("format", "auto"))
    file, form = open_one(path, part, options, asked.get("encoding", "auto"), notices := Notices())
    if not file.size:
        raise DataError(f"`{path}` is empty", fix="name another file")
    said = notices.sentences
    if not isinstance(file, TextFile):
        return file, {**asked, "format": form}, said
    head = file.head(SAMPLE_OF_LINES)
    if form == "conll" and options.format == "auto" and by_name(path, notices) is None and not has_tagged_words(head):
        form = choose_format(file, replace(options, kind="text", label_first=False), anew := Notices())
        said = [*said[:-1], *anew.sentences]
    encoding = {} if file.encoding in _UTF_8 else {"encoding": file.encoding}
    keys: Keys = {"format": form, **encoding} | {key: value for key, value in asked.items() if key != "format"}
    if form == "text" and not {"delimiter", "label_first"} & asked.keys():
        keys |= _line_layout(file, head)
    return file, keys | (_dialect(file, head, keys) if form in _USUAL else {}), said


def _line_layout(file: TextFile, head: Sequence[str]) -> Keys:
    """Where the label stands in each line. Raises DataError where no line has one."""
    layout = judge_lines(file.lines())
    if layout is None:
        what = f"`{file.path}`: its lines have neither columns nor a label before or after the text"
        shown = "\n".join(f"  {line.strip()[:80]}" for line in head[:3])
        fix = "say what it is: --format csv, tsv, jsonl, conll or text, and --delimiter"
        raise DataError(f"{what}; it begins with:\n{shown}", where=file.path, fix=fix)
    delimiter = {"\t": "tab", " ": "blank"}.get(layout.delimiter, layout.delimiter)
    return {"delimiter": delimiter, "label_first": layout.label_first}


def _views(keys: Keys, roles: Mapping[str, str]) -> list[_View]:
    """Row by row with all columns where the format has columns, else as the format itself understands its rows."""
    if FORMATS.load(keys["format"]).plain:
        return [_View("record", keys, {})]
    tagged = _View("words", keys, {_ROLES_OF_WORDS.get(role, role): _column(name) for role, name in roles.items()})
    views: list[_View] = []
    refused: list[ConfigError] = []
    for view in (tagged, _View("text", keys, {})):
        try:
            view.reader()
        except ConfigError as error:
            refused.append(error)
        else:
            views.append(view)
    if not views:
        raise refused[0]
    return views


def _column(name: str) -> int | str:
    return int(name) if name.lstrip("-").isdecimal() else name


def _dialect(file: TextFile, head: Sequence[str], keys: Keys) -> Keys:
    """Delimiter and quoting of a table where they are not those of its format."""
    options = _View("record", keys, {}).options()
    dialect = judge_dialect(head[:SAMPLE_LINES], file.lines(), options)
    if dialect == _USUAL[keys["format"]]:
        return {}
    name = DELIMITER_NAMES.get(dialect.delimiter, dialect.delimiter)
    return {"delimiter": name, "quoting": "standard" if dialect.quoted else "none"}


def _records(file: TextFile | StoredFile, view: _View, notices: Notices) -> Iterator[Mapping[str, Any]]:
    """What each row says: its columns, or text and label, or text and the types of its entities."""
    scheme = None
    if view.kind == "words":
        scheme = scheme_of(list(islice(view.reader().read(file, Notices()), MOST_ROWS)))
        notices.say("tags without prefixes, each a label" if scheme == "plain" else f"tags: {scheme}", file.path)
    for example in checked(view.reader().read(file, notices), notices):
        view.rows += 1
        if example.document is not None:
            view.documents.add(example.document)
        if view.kind == "record":
            yield example.columns
        elif scheme is None:
            yield _texts(example)
        else:
            yield {"text": example.text, "labels": _types(to_iob2(example.tags or [], scheme)[0], scheme)}


def _texts(example: Example) -> Mapping[str, Any]:
    label = list(example.label) if isinstance(example.label, tuple) else example.label
    pair = {} if example.text_pair is None else {"text_pair": example.text_pair}
    return {"text": example.text, **pair, "label": label}


def _types(tags: Iterable[str], scheme: Scheme) -> list[Any]:
    """The entities of a sentence with nothing but their labels, or its tags where they are no entities."""
    return list(tags) if scheme == "plain" else [{"label": tag[2:]} for tag in tags if tag.startswith("B-")]
