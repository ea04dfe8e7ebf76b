"""The cache folder: entries that appear whole, and of which the least recently used go first."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import TypeVar

from lmfit.config.sizes import size_bytes
from lmfit.errors import InputError

T = TypeVar("T")

DEFAULT_LIMIT = "20 GB"
_ABANDONED_SECONDS = 24 * 3600


def cache_folder() -> Path:
    """$LMFIT_CACHE, or the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lmfit"
    return Path(os.environ.get("LMFIT_CACHE", default))


def cache_limit() -> int:
    """Bytes that the cache may take: $LMFIT_CACHE_LIMIT such as 500 MB, or 20 GB. Raises InputError for no size."""
    asked = os.environ.get("LMFIT_CACHE_LIMIT") or DEFAULT_LIMIT
    try:
        return size_bytes(asked)
    except ValueError:
        fix = "write 500 MB or 20 GB"
        raise InputError(f"`{asked}` is no size", where="LMFIT_CACHE_LIMIT", fix=fix) from None


def cache_bytes() -> int:
    """Bytes that the cache takes now."""
    return sum(map(_bytes, _entries(cache_folder() / "rows")))


class Entry:
    """A folder in the cache. `is_whole` tells whether a folder holds what was written.

    Safe for several processes: each writes a folder of its own, the first to finish wins; looking, publishing and
    clearing away are done under a lock. Files in use stay readable after their entry is cleared away.
    Raises InputError where $LMFIT_CACHE_LIMIT is no size.
    """

    def __init__(self, name: str, is_whole: Callable[[Path], bool]) -> None:
        self.folder = cache_folder() / "rows" / name
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._is_whole, self._limit = is_whole, cache_limit()

    def read(self, reader: Callable[[Path], T]) -> T | None:
        """What `reader` makes of the entry, which counts as used now; None where there is no whole one."""
        with _locked(self.folder.parent):
            if not self._is_whole(self.folder):
                return None
            os.utime(self.folder)
            return reader(self.folder)

    def write(self, writer: Callable[[Path], None], reader: Callable[[Path], T]) -> T:
        """Let `writer` fill a folder, publish it, and clear away what the cache has no room for."""
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder.parent))
        gone: list[Path] = [temporary]
        try:
            writer(temporary)
            with _locked(self.folder.parent):
                if not self._is_whole(self.folder):
                    gone += _put_away([self.folder])
                    temporary.rename(self.folder)
                gone += _put_away(_surplus(self.folder, self._limit))
                return reader(self.folder)
        finally:
            for folder in gone:
                shutil.rmtree(folder, ignore_errors=True)


def _surplus(newest: Path, limit: int) -> list[Path]:
    """The least recently used entries that must go for the others to fit; what crashed processes left a day ago."""
    entries = sorted((entry for entry in _entries(newest.parent) if entry != newest), key=_used, reverse=True)
    room, surplus = limit - _bytes(newest), []
    for entry in entries:
        room -= _bytes(entry)
        if room < 0:
            surplus.append(entry)
    left = (path for path in newest.parent.glob(".*") if path.is_dir() and _used(path) < time() - _ABANDONED_SECONDS)
    return [*surplus, *left]


def _put_away(folders: list[Path]) -> list[Path]:
    """Rename folders, so that nobody finds half of one while it is deleted; returns their new names."""
    away = []
    for folder in folders:
        if folder.exists():
            name = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
            away.append(folder.rename(name))
    return away


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with open(folder.with_suffix(".lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _entries(folder: Path) -> list[Path]:
    return [path for path in folder.glob("[!.]*") if path.is_dir()]


def _bytes(entry: Path) -> int:
    return sum(path.stat().st_size for path in entry.iterdir())


def _used(entry: Path) -> float:
    return entry.stat().st_mtime
