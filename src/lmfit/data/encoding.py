"""Encodings: a file is read once to its end, so that later passes cannot meet bytes that do not decode."""

import codecs
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from lzma import LZMAError

from lmfit.data.files import PERHAPS_UTF16, TextFile, check_file, nul_character, open_bytes
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError, DataError

_CHUNK = 1 << 20
_SAMPLE = 1 << 17
_CHAOS_MARGIN = 0.02
_BEYOND_CHANCE = 4
_CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")
_FREQUENT = frozenset("оеаинтсрвл")
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class _Undecodable(Exception):
    def __init__(self, line: int, found: bytes) -> None:
        self.line = line
        self.found = found


def inspect(path: str, part: str = "", encoding: str = "auto", *, notices: Notices) -> TextFile:
    """Read a file once to its end: its encoding, size and hash.

    `auto` is a byte order mark's encoding, else UTF-8, else what the bytes look like (said in `notices`).
    Raises DataError with file and line for bytes that do not decode, NUL characters and damaged archives.
    """
    check_file(path)
    chosen = _by_bom(path) or ("utf-8" if encoding == "auto" else _known(encoding))
    try:
        try:
            checked = _check(path, chosen)
        except _Undecodable as error:
            if encoding != "auto" or chosen != "utf-8":
                raise
            chosen, checked = _otherwise(path, error, notices)
    except _Undecodable as error:
        what = f"bytes {error.found.hex(' ')} are not {chosen} text"
        fix = PERHAPS_UTF16 if b"\0" in next(_chunks(path), b"") else "repair the line, or set data.encoding"
        raise DataError(what, where=f"{path}:{error.line}", fix=fix) from error
    if checked.newline == "\r":
        notices.say("its lines end with a carriage return (\\r), as old Mac programs write them", path)
    return TextFile(path, part, chosen, checked.size, checked.sha256, checked.lines, checked.newline)


def _by_bom(path: str) -> str | None:
    start = next(_chunks(path), b"")[:4]
    return next((name for mark, name in _BOMS.items() if start.startswith(mark)), None)


def _known(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
        b"\xff".decode(encoding, "ignore")
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError) as error:
        fix = "data.encoding: auto, utf-8, gb18030, cp1252 ..."
        raise ConfigError(f"unknown encoding `{encoding}`", where="data.encoding", fix=fix) from error
    return found.name


def _chunks(path: str) -> Iterator[bytes]:
    try:
        with open_bytes(path) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (EOFError, OSError, LZMAError, zlib.error) as error:
        raise DataError(
            f"`{path}` cannot be read to its end: {error}", fix="the file may be damaged; get it again"
        ) from error


@dataclass
class _Ends:
    r"""Line ends met so far. A file without any \n whose lines \r ends is one of an old Mac program."""

    feeds: int = 0
    returns: int = 0
    last: str = "\n"

    def add(self, text: str) -> None:
        """Count those of a text."""
        self.feeds += text.count("\n")
        self.returns += text.count("\r")
        self.last = text[-1:] or self.last

    @property
    def newline(self) -> str:
        """What ends a line."""
        return "\r" if self.returns and not self.feeds else "\n"

    @property
    def line(self) -> int:
        """The number of the line that was reached."""
        return 1 + (self.feeds or self.returns)


@dataclass(frozen=True)
class _Checked:
    """size, sha256: of the decompressed bytes."""

    size: int
    sha256: str
    lines: int
    newline: str


def _check(path: str, encoding: str) -> _Checked:
    """Raises _Undecodable, and DataError for a NUL character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    digest, size, ends = sha256(), 0, _Ends()
    for chunk in chain(_chunks(path), [b""]):
        digest.update(chunk)
        size += len(chunk)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            ends.add(error.object[: error.start].decode(encoding, errors="ignore"))
            raise _Undecodable(ends.line, error.object[error.start : error.end][:4]) from error
        except UnicodeError as error:
            raise _Undecodable(ends.line, chunk[:4]) from error
        before, nul, _ = text.partition("\0")
        ends.add(before)
        if nul:
            raise nul_character(path, ends.line)
    return _Checked(size, digest.hexdigest(), ends.line - (ends.last == ends.newline), ends.newline)


def _otherwise(path: str, error: _Undecodable, notices: Notices) -> tuple[str, _Checked]:
    """The encoding of a file that is not UTF-8 from a line on, and the file checked.

    Raises `error` where nothing fits; DataError where the other lines that are not ASCII are mostly UTF-8.
    """
    utf8, other = _kinds(path)
    fix = "write the file in one encoding; or set data.encoding, which may garble the other lines"
    several = DataError(
        f"several encodings in one file: this line is not UTF-8, but line {next(iter(utf8), 0):,} is",
        where=f"{path}:{error.line}",
        fix=fix,
    )
    if utf8 and len(utf8) >= other:
        raise several
    chosen = _guess(path, error)
    try:
        checked = _check(path, chosen)
    except _Undecodable:
        raise (several if utf8 else error) from None
    notices.say(f"not UTF-8, read as {chosen}; set data.encoding if that is wrong", path)
    for line in utf8:
        fix = "are there several encodings in the file? Write it in one"
        what = f"lines that are UTF-8 in a file that is not (read as {chosen})"
        notices.doubt("several-encodings", what, f"{path}:{line}", fix)
    return chosen, checked


def _kinds(path: str) -> tuple["array[int]", int]:
    """The numbers of the lines that are UTF-8 beyond doubt, and how many lines are not UTF-8.

    A short line in another encoding may be UTF-8 by chance (8 % of single Chinese characters in GB18030 are).
    """
    utf8, other = array("Q"), 0
    for number, line in enumerate(_raw_lines(path), start=1):
        text = _in_utf8(line)
        if text is None:
            other += 1
        elif sum(not character.isascii() for character in text) >= _BEYOND_CHANCE:
            utf8.append(number)
    return utf8, other


def _in_utf8(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _guess(path: str, error: _Undecodable) -> str:
    """The encoding that the lines which are not UTF-8 look like.

    Single-byte code pages of western Europe are hard to tell apart; among near equals cp1252 is taken, which is
    how the web reads Latin-1.
    """
    from charset_normalizer import from_bytes

    sample, size = [], 0
    for line in _raw_lines(path):
        if _in_utf8(line) is None:
            sample.append(line)
            size += len(line)
        if size > _SAMPLE:
            break
    matches = list(from_bytes(b"\n".join(sample)))
    if not matches:
        raise error
    best = matches[0]
    near = (match for match in matches if match.chaos <= best.chaos + _CHAOS_MARGIN)
    if any("cp1252" in match.could_be_from_charset for match in near):
        return "cp1252"
    return _cyrillic(b"\n".join(sample)) if best.encoding in _CYRILLIC else best.encoding


def _cyrillic(data: bytes) -> str:
    """The code page in which most signs that are not ASCII are frequent letters of Russian; the others swap letters."""

    def frequent(encoding: str) -> float:
        signs = [sign for sign in data.decode(encoding, "replace").lower() if not sign.isascii()]
        return sum(sign in _FREQUENT for sign in signs) / max(1, len(signs))

    return max(_CYRILLIC, key=frequent)


def _raw_lines(path: str) -> Iterator[bytes]:
    with open_bytes(path) as stream:
        for line in stream:
            yield line.rstrip(b"\r\n")
