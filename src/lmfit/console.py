"""Words to the user on stderr: notices, warnings, progress. Results never go here; stdout is the CLI's."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_state: dict[str, bool] = {"quiet": False, "silent": False}
_SHOW_AFTER_SECONDS = 2.0
_LINE_EVERY_SECONDS = 15.0


def set_quiet(quiet: bool) -> None:
    """Silence notices and progress; warnings stay."""
    _state["quiet"] = quiet


def be_silent() -> None:
    """Not a word from here, warnings included: another process speaks for this one."""
    _state.update(quiet=True, silent=True)


def say(text: str) -> None:
    """One notice line."""
    if not _state["quiet"]:
        _write(text)


def warn(text: str) -> None:
    """One warning line; not silenced by --quiet."""
    if not _state["silent"]:
        _write(f"warning: {text}")


def counted(number: int, name: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def shows_bars() -> bool:
    """Whether a progress bar may be drawn: stderr is a terminal, and nobody asked for quiet."""
    return not _state["quiet"] and sys.stderr.isatty()


def progress(items: Iterable[T], *, total: int | None, what: str) -> Iterator[T]:
    """Pass `items` through, showing a bar (or plain lines where stderr is no terminal) once it takes over 2 seconds."""
    if _state["quiet"]:
        yield from items
    elif sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=what, delay=_SHOW_AFTER_SECONDS, leave=False, dynamic_ncols=True)
    else:
        yield from _plain_progress(items, total, what)


class Bar:
    """A progress bar that is moved by hand; plain lines every 15 seconds where stderr is no terminal."""

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        self._what = what
        self._started = self._last = time.monotonic()
        self._bar = None
        if shows_bars():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, desc=what, delay=_SHOW_AFTER_SECONDS, leave=False, dynamic_ncols=True
            )

    def to(self, done: int, total: int, note: str) -> None:
        """Show `done` of `total`."""
        now = time.monotonic()
        if self._bar is not None:
            self._bar.total = total
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(done - self._bar.n)
        elif not _state["quiet"] and now - self._last >= _LINE_EVERY_SECONDS:
            self._last = now
            _write(f"{self._what}: {done:,} of {total:,}, {note}, {now - self._started:.0f} s")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _plain_progress(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    started = last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - last >= _LINE_EVERY_SECONDS:
            last = now
            _write(f"{what}: {done:,}" + (f" of {total:,}" if total else "") + f", {now - started:.0f} s")
        yield item


def _write(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
