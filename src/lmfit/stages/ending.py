"""How work on a run ends: finished, interrupted by a signal, refused by the disk, or failed."""

import errno
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import time
from types import FrameType

from safetensors import SafetensorError

from lmfit.errors import Interrupted, LmfitError, PeerLost
from lmfit.runs import CHILDREN, TRAININGS, Run


@contextmanager
def recorded(run: Run, again: str = "") -> Iterator[None]:
    """Write how the work ended: finished (the last thing written), interrupted, or failed with the reason.

    again: the command to go on with; default: lmfit resume.
    Raises Interrupted for SIGINT and SIGTERM, LmfitError where the disk refuses what is written.
    """
    again = again or f"lmfit resume {run.path}"
    try:
        with _terminable():
            yield
    except (Interrupted, KeyboardInterrupt) as stopped:
        run.record(status="interrupted")
        if isinstance(stopped, Interrupted):
            raise
        number = signal.SIGTERM if isinstance(stopped, _Terminated) else signal.SIGINT
        raise Interrupted(number, what=f"interrupted at once; {_left(run)}", fix=f"go on with: {again}") from None
    except BaseException as error:
        refused = refused_by_disk(error)
        first = (refused or str(error) or " ").splitlines()[0]
        with suppress(OSError):
            run.record(status="failed", error=f"{type(error).__name__}: {first}".removesuffix(": "))
        if refused:
            what = f"the disk refuses what the run writes: {refused}; {_left(run)}"
            raise LmfitError(what, where=str(run.path), fix=f"make room, then: {again}") from error
        if isinstance(error, PeerLost):
            raise PeerLost(fix=f"go on with: {again}") from error
        raise
    run.record(status="finished", finished=time())


def _left(run: Run) -> str:
    """What is there to go on with."""
    if any(any(run.path.glob(f"{where}checkpoints/step-*")) for where in ("", f"{TRAININGS}/*/")):
        return "what the last checkpoint holds is safe"
    if any((run.path / CHILDREN).glob("*/run.json")):
        return f"what is finished in {CHILDREN}/ is safe"
    return "model/ is written, what follows it is not" if run.model.is_dir() else "nothing was saved yet"


class _Terminated(KeyboardInterrupt):
    """SIGTERM outside training, where it cannot wait for the end of a step."""


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does; only a program's main thread can listen."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def refused_by_disk(error: BaseException) -> str:
    """What the disk says where it refuses to take more (full, over quota, read-only, broken); else nothing."""
    if isinstance(error, OSError) and error.errno in _DISK:
        return os.strerror(error.errno)
    told = re.search(r"os error (\d+)", str(error)) if isinstance(error, SafetensorError) else None
    return os.strerror(int(told[1])) if told and int(told[1]) in _DISK else ""


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
