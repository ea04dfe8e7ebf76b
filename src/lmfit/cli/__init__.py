"""The command line: one short function per command; the only place that prints results or exits."""

import io
import sys

import typer

from lmfit import console
from lmfit.cli import build, judge, keep, ship
from lmfit.cli.app import app
from lmfit.cli.ending import leave, tell_error
from lmfit.cli.processes import given, say_goodbye
from lmfit.waiting import wait_politely


def main(arguments: list[str] | None = None) -> None:
    """Entry point: run a command, turn errors into words and exit codes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    wait_politely()
    try:
        command = typer.main.get_command(app)
        words = given(sys.argv[1:] if arguments is None else arguments)
        with command.make_context("lmfit", words or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
        code = 0
    except Exception as error:
        code = tell_error(error)
    except KeyboardInterrupt:
        console.say("interrupted")
        code = 130
    say_goodbye(code)
    leave(code)


__all__ = ["app", "build", "judge", "keep", "main", "ship"]
