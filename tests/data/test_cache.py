"""The cache keeps what was used last, within its limit."""

import os
from pathlib import Path
from time import time

import pytest

from lmfit.data.cache import Entry, cache_bytes, cache_limit
from lmfit.errors import InputError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LMFIT_CACHE", str(tmp_path))
    monkeypatch.setenv("LMFIT_CACHE_LIMIT", "300")
    return tmp_path / "rows"


def entry(name: str) -> Entry:
    return Entry(name, lambda folder: (folder / "data").is_file())


def write(name: str, size: int = 100, age: float = 0) -> None:
    def fill(folder: Path) -> None:
        (folder / "data").write_bytes(b"x" * size)

    made = entry(name)
    assert made.read(lambda folder: folder) is None
    made.write(fill, lambda folder: folder)
    os.utime(made.folder, (time() - age, time() - age))


def kept(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()}


def test_the_least_recently_used_goes_first(cache: Path) -> None:
    for name, age in (("a", 30.0), ("b", 20.0), ("c", 10.0)):
        write(name, age=age)
    assert entry("a").read(lambda folder: (folder / "data").read_bytes()) == b"x" * 100
    write("d")
    assert kept(cache) == {"a", "c", "d"}
    assert cache_bytes() == 300


def test_an_entry_over_the_limit_is_kept_alone(cache: Path) -> None:
    write("a", age=10)
    write("huge", size=1000)
    assert kept(cache) == {"huge"}


def test_what_a_crashed_process_left_is_cleared_after_a_day(cache: Path) -> None:
    write("a")
    for name, age in ((".new-old", 2 * 86_400), (".new-young", 60)):
        (cache / name).mkdir()
        os.utime(cache / name, (time() - age, time() - age))
    write("b")
    assert kept(cache) == {"a", "b", ".new-young"}


def test_an_entry_written_by_another_process_meanwhile_is_taken(cache: Path) -> None:
    def slow(folder: Path) -> None:
        (folder / "data").write_text("late")
        write("a", size=1)

    assert entry("a").write(slow, lambda folder: (folder / "data").read_text()) == "x"
    assert kept(cache) == {"a"}


@pytest.mark.parametrize(
    ("asked", "size"), [("20 GB", 20 * 10**9), ("1.5G", 15 * 10**8), ("500MB", 5 * 10**8), ("7", 7), ("", 20 * 10**9)]
)
def test_limits(asked: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFIT_CACHE_LIMIT", asked)
    assert cache_limit() == size


def test_a_limit_that_is_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFIT_CACHE_LIMIT", "much")
    with pytest.raises(InputError, match="`much` is no size"):
        cache_limit()
