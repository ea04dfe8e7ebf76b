"""Helpers for the tests of readers: a file from a string, examples from a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.catalog import FORMATS
from lmfit.data.encoding import inspect
from lmfit.data.example import Example
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into the working folder of the test; returns its name."""
    monkeypatch.chdir(tmp_path)

    def to_file(name: str, content: str | bytes) -> str:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return to_file


@pytest.fixture
def read(write: Write) -> Callable[..., list[Example]]:
    """Read a string through the reader of a format; what was said lands in the list `said`, if one is given."""

    def examples(
        format: str, content: str | bytes, kind: str = "text", said: list[str] | None = None, **options: Any
    ) -> list[Example]:
        notices = Notices()
        file = inspect(write("file", content), options.pop("part", ""), notices=notices)
        reader = FORMATS.load(format)(ReadOptions(kind, format=format, **options))
        found = list(reader.read(file, notices))
        if said is not None:
            said += notices.sentences
        return found

    return examples
