from collections.abc import Iterator

import pytest

from lmfit import console


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    console.set_quiet(False)
    yield
    console.set_quiet(False)


def test_one_of_a_thing_is_no_plural() -> None:
    assert [console.counted(number, "file") for number in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_words_go_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("a notice")
    console.warn("careful")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "a notice\nwarning: careful\n")


def test_quiet_keeps_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_quiet(True)
    console.say("a notice")
    console.warn("careful")
    assert capsys.readouterr().err == "warning: careful\n"


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_passes_everything_through_lazily(quiet: bool) -> None:
    console.set_quiet(quiet)
    taken: list[int] = []
    items = console.progress((taken.append(i) or i for i in range(5)), total=5, what="work")
    assert next(items) == 0
    assert taken == [0]
    assert list(items) == [1, 2, 3, 4]


def test_plain_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(console.time, "monotonic", lambda: float(next(clock)))
    assert list(console.progress(range(4), total=4, what="work")) == [0, 1, 2, 3]
    assert capsys.readouterr().err.splitlines() == ["work: 1 of 4, 20 s", "work: 3 of 4, 40 s"]
