"""How a command ends: quietly, or with an error in words and its exit code."""

import errno
import os
import sys

import typer

from lmfit.errors import InputError, LmfitError

_OF_THE_SYSTEM = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOSPC)

_debug = False


def show_tracebacks(debug: bool) -> None:
    """Whether an error shows its traceback, too."""
    global _debug  # noqa: PLW0603
    _debug = debug


def leave(code: int) -> None:
    """End quietly, also where the reader of stdout is gone already."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def tell_error(error: Exception) -> int:
    """Say what went wrong on stderr; returns the exit code."""
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, typer.Exit):
        return error.exit_code
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        name = context.command_path if context is not None else "lmfit"
        sys.stderr.write(f"error: {error.format_message()}\nhint: see {name} --help\n")
        return 2
    if _debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError) and error.filename is not None and error.errno in _OF_THE_SYSTEM:
        kind = LmfitError if error.errno == errno.ENOSPC else InputError
        error = kind(f"{error.strerror}", where=str(error.filename))
    if isinstance(error, LmfitError):
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    told = str(error) or type(error).__name__
    fix = "see the traceback with --debug, and please report it with the output of lmfit doctor"
    sys.stderr.write(f"{LmfitError(f'{type(error).__name__}: {told}', fix=fix)}\n")
    return 1
