"""Input that is no text file: binary files (tables of other programs) and folders of texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from lmfit.data.files import check_file, check_readable, open_bytes, split_suffix
from lmfit.errors import DataError

_CHUNK = 1 << 20
_UNPACKED = 10
"""How many bytes of text a byte of a packed table may hold: what is small is decided by this."""


@dataclass(frozen=True)
class StoredFile:
    """A binary file or a folder that was read once to the end.

    size: bytes of text it may hold; sha256: of its bytes, for a folder also of its files' names.
    encoding: as asked for, for the texts in a folder.
    """

    path: str
    part: str
    encoding: str
    size: int
    sha256: str
    repeatable: ClassVar[bool] = True


def inspect_binary(path: str, part: str = "") -> StoredFile:
    """Read a binary file once to its end. Raises DataError for one that is packed or cannot be read."""
    check_file(path)
    if packing := split_suffix(path)[1]:
        what = f"`{path}`: a {packing} file around this format is not read"
        raise DataError(what, fix="unpack it")
    size, digest = 0, sha256()
    with open_bytes(path) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            digest.update(chunk)
    return StoredFile(path, part, "", size * _UNPACKED, digest.hexdigest())


def inspect_folder(path: str, encoding: str = "auto") -> StoredFile:
    """Read all files of a folder once (of a single file: those beside it with its stem)."""
    root = Path(path)
    if not root.is_dir():
        check_file(path)
    size, digest = 0, sha256()
    for file in files_below(path):
        check_file(str(file))
        content = file.read_bytes()
        size += len(content)
        digest.update(f"{file.relative_to(root if root.is_dir() else root.parent)}\0{len(content)}\0".encode())
        digest.update(content)
    return StoredFile(path, "", encoding, size, digest.hexdigest())


def files_below(path: str) -> Iterator[Path]:
    """The files of a folder, and of those in it, in a fixed order, without hidden ones; or a file and its namesakes."""
    root = Path(path)
    if not root.is_dir():
        yield from sorted(file for file in root.parent.glob(f"{escape(root.stem)}.*") if file.is_file())
        return
    check_readable(path)
    for file in sorted(root.rglob("*")):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(root).parts):
            yield file
