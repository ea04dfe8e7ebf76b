from pathlib import Path

import pytest

from lmfit.data import spool
from lmfit.data.example import Example, Origin
from lmfit.data.spool import Spool


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LMFIT_CACHE", str(tmp_path))
    monkeypatch.setattr(spool, "CHUNK", 3)
    return tmp_path


def examples() -> list[Example]:
    words = [(0, 2), (3, 4)]
    return [
        Example(Origin("a.csv", 2), "一二 😀", "pair", label=("x", "y"), id="7", columns={"day": None, "n": 1.5}),
        Example(Origin("a.csv", 3), "ab c", words=words, tags=["O", "B-X"], document="d"),
        *(Example(Origin("b.csv", i), f"text {i}", label=float(i)) for i in range(8)),
    ]


def test_examples_come_back_as_they_went() -> None:
    kept = Spool(iter(examples()))
    assert list(kept) == examples()
    assert len(kept) == 10


def test_two_readers_do_not_disturb_each_other() -> None:
    kept = Spool(examples())
    assert [(a, b) for a, b in zip(kept, kept, strict=True)] == [(e, e) for e in examples()]


def test_no_file_is_left_behind(folder: Path) -> None:
    Spool(examples())
    assert list(folder.iterdir()) == []


def test_no_example() -> None:
    assert list(Spool([])) == []
