"""From a path to what its reader takes: the format chosen, the file read once and found sound."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from lmfit.catalog import FORMATS
from lmfit.config.data import FileConfig, Files
from lmfit.data.encoding import inspect
from lmfit.data.example import Example
from lmfit.data.files import TextFile, TextLines, expand
from lmfit.data.format_choice import by_name, choose_format, refuse_unreadable
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.source import checked
from lmfit.data.stored import StoredFile, inspect_binary, inspect_folder
from lmfit.errors import ConfigError, DataError

_Inspect = Callable[[str, str, str, Notices], TextFile | StoredFile]

_INSPECT: Mapping[str, _Inspect] = {
    "text": lambda path, part, encoding, notices: inspect(path, part, encoding, notices=notices),
    "binary": lambda path, part, _, __: inspect_binary(path, part),
    "folder": lambda path, _, encoding, __: inspect_folder(path, encoding),
}


@dataclass(frozen=True)
class Input:
    """A file or folder with the name of its format, and what its rows weigh and come from."""

    file: TextFile | StoredFile
    format: str
    weight: float = 1.0
    source: str = ""

    def read(self, options: ReadOptions, notices: Notices) -> Iterator[Example]:
        """Its examples. Raises ConfigError, before anything is read, for options that the format cannot follow."""
        reader = FORMATS.load(self.format)(replace(options, format=self.format))
        return self._weighed(notices.mistakes.settled(checked(reader.read(self.file, notices), notices)))

    def _weighed(self, examples: Iterator[Example]) -> Iterator[Example]:
        for example in examples:
            example.weight, example.source = self.weight, self.source
            yield example


def listed_files(files: Files) -> list[FileConfig]:
    """The files of a split, each with its weight and source."""
    given = [files] if isinstance(files, str) else files
    return [FileConfig(path=item) if isinstance(item, str) else item for item in given]


def open_inputs(given: FileConfig, options: ReadOptions, encoding: str, notices: Notices) -> Iterator[Input]:
    """The files that a path, a glob or a folder names. Raises DataError for missing or empty files."""
    for path, part in expand(given.path):
        file, form = open_one(path, part, options, encoding, notices)
        if not file.size:
            raise DataError(f"`{path}` is empty", fix="name another file, or take it out of the list")
        yield Input(file, form, given.weight, given.source or "")


def open_one(
    path: str, part: str, options: ReadOptions, encoding: str, notices: Notices
) -> tuple[TextFile | StoredFile, str]:
    """The file, read once to its end, and its format."""
    refuse_unreadable(path)
    known = by_name(path, notices) if options.format == "auto" else options.format
    file = _INSPECT[FORMATS.load(known).takes if known else "text"](path, part, encoding, notices)
    form = choose_format(file, options, notices) if isinstance(file, TextFile) else str(known)
    if part and not FORMATS.load(form).parts:
        raise ConfigError(f"`{path}#{part}`: a {form} file has no parts", fix=f"leave out #{part}")
    return file, form


def read_stream(file: TextLines, options: ReadOptions, notices: Notices) -> Iterator[Example]:
    """The examples of standard input or of a pipe. Raises ConfigError for formats that are no text."""
    form = choose_format(file, options, notices)
    reader = FORMATS.load(form)
    if reader.takes != "text":
        raise ConfigError(f"{form} cannot be read from a stream", where="--input-format", fix="name a file")
    return checked(reader(replace(options, format=form)).read(file, notices), notices)
