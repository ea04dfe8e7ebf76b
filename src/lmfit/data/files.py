"""Text files: paths and globs, compression, encoding, lines. Nothing is replaced or skipped on the way."""

import bz2
import glob
import gzip
import io
import lzma
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol, cast

from lmfit.errors import DataError, MissingExtra


def _open_zstd(path: str) -> object:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtra("reading .zst files", "zstd") from error
    return zstandard.open(path, "rb")


def _open_plain(path: str) -> BinaryIO:
    return open(path, "rb")


_OPENERS: dict[str, Callable[[str], object]] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
    ".zst": _open_zstd,
}


class TextLines(Protocol):
    """What readers of text read from: a name for messages, the part asked for (`path#part`), and lines."""

    @property
    def path(self) -> str:
        """The path as the user gave it."""

    @property
    def part(self) -> str:
        """What stood after `#`, or nothing."""

    @property
    def line_count(self) -> int | None:
        """How many lines there are; None where that is not known before reading."""

    @property
    def repeatable(self) -> bool:
        """Whether `lines` can be called again."""

    def head(self, number: int) -> list[str]:
        """The first lines, without taking them from `lines`."""

    def lines(self) -> Iterator[str]:
        r"""Lines with their ends; only \n and \r\n end a line."""


@dataclass(frozen=True)
class TextFile:
    """A file that was read once to the end and found sound. `size`, `sha256`: of the decompressed bytes."""

    path: str
    part: str
    encoding: str
    size: int
    sha256: str
    line_count: int
    newline: str = "\n"
    repeatable: ClassVar[bool] = True

    def lines(self) -> Iterator[str]:
        """Lines from the start of the file, each call anew."""
        return open_text(self.path, self.encoding, self.newline)

    def head(self, number: int) -> list[str]:
        """The first lines."""
        return list(islice(self.lines(), number))


class TextStream:
    """Standard input or a pipe: read once, as UTF-8."""

    part = ""
    line_count = None
    repeatable = False

    def __init__(self, path: str, stream: Iterable[bytes]) -> None:
        self.path = path
        self._head: list[str] = []
        self._rest = self._decoded(stream)

    def head(self, number: int) -> list[str]:
        """The first lines, which `lines` will give again. Raises DataError for bytes that are no UTF-8 text."""
        self._head += islice(self._rest, max(number - len(self._head), 0))
        return self._head[:number]

    def lines(self) -> Iterator[str]:
        """Lines as they come. Raises DataError for bytes that are no UTF-8 text."""
        return chain(self._head, self._rest)

    def _decoded(self, stream: Iterable[bytes]) -> Iterator[str]:
        for number, raw in enumerate(stream, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                fix = "write it to a file, where the encoding can be found out"
                raise DataError("the input is not UTF-8", where=f"{self.path}:{number}", fix=fix) from error
            if "\0" in line:
                raise nul_character(self.path, number)
            yield line


def split_suffix(path: str) -> tuple[str, str]:
    """The suffix that tells the format and the one that tells the compression: `a/b.csv.gz` -> (".csv", ".gz")."""
    name = Path(path)
    if name.suffix.lower() in _OPENERS:
        return Path(name.stem).suffix.lower(), name.suffix.lower()
    return name.suffix.lower(), ""


PERHAPS_UTF16 = "if the file is UTF-16 without a byte order mark, set data.encoding: utf-16-le"


def nul_character(path: str, line: int) -> DataError:
    """The error for a NUL in a text."""
    fix = f"remove it; {PERHAPS_UTF16}"
    return DataError("a NUL character in the text", where=f"{path}:{line}", fix=fix)


def chomp(line: str) -> str:
    r"""The line without its end (\n or \r\n)."""
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def open_text(path: str, encoding: str, newline: str = "\n") -> Iterator[str]:
    r"""Lines of a plain or compressed file with their ends; only \n and \r\n end a line, undecodable bytes raise.

    newline: \r where that alone ends a line; such lines are given with \n at their end.
    """
    with open_bytes(path) as raw, io.TextIOWrapper(raw, encoding, errors="strict", newline=newline) as text:
        yield from text if newline == "\n" else (line.replace(newline, "\n") for line in text)


def open_bytes(path: str) -> BinaryIO:
    """The decompressed bytes of a file (.gz .xz .bz2 .zst, or plain)."""
    return cast(BinaryIO, _OPENERS.get(split_suffix(path)[1], _open_plain)(path))


def expand(item: str) -> list[tuple[str, str]]:
    """(path, part) of each file that a path or a glob names, or of a folder. Raises DataError for what is not there."""
    path, part = os.path.expanduser(item), ""
    if not os.path.exists(path) and "#" in path:
        path, _, part = path.rpartition("#")
    if not os.path.exists(path) and glob.has_magic(path):
        paths = sorted(name for name in glob.glob(path, recursive=True) if os.path.isfile(name))
        if not paths:
            raise DataError(f"no file matches `{path}`", fix=_near(path))
        return [(name, part) for name in paths]
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise DataError(f"there is no file `{path}`", fix=_near(path)) from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise DataError(f"`{path}` is no regular file, so it cannot be read twice", fix="write it to a file first")
    check_readable(path)
    return [(path, part)]


def check_file(path: str) -> None:
    """Raise DataError for a folder, and for a file that may not be read."""
    if os.path.isdir(path):
        fix = f"name a file, or a glob such as {os.path.join(path, '*.csv')}; a folder per label: data.format: folders"
        raise DataError(f"`{path}` is a folder", fix=fix)
    check_readable(path)


def check_readable(path: str) -> None:
    """Raise DataError for a file or folder that may not be read, or whose name no text file can hold."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the name of the file {path!a} is not UTF-8", fix="rename it") from error
    if not os.access(path, os.R_OK):
        raise DataError(f"`{path}` may not be read", fix="change its permissions")


def _near(path: str) -> str:
    folder, name = os.path.split(path)
    if not os.path.isdir(folder or "."):
        return f"there is no folder `{folder}`; paths are relative to {os.getcwd()}"
    near = get_close_matches(name, sorted(os.listdir(folder or ".")), n=1)
    if near:
        return f"did you mean `{os.path.join(folder, near[0])}`?"
    return f"paths are relative to {os.getcwd()}"
