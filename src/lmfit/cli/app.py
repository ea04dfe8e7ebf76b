"""The command itself, and what each of its commands does first."""

from typing import Annotated

import typer

from lmfit import console
from lmfit.cli.ending import show_tracebacks
from lmfit.version import __version__

app = typer.Typer(
    name="lmfit",
    help="Fine-tune, evaluate and ship language models that fit their market.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """Fine-tune, evaluate and ship language models that fit their market."""
    if version:
        print(f"lmfit {__version__}")
        raise typer.Exit


def begin(quiet: bool, offline: bool, debug: bool) -> None:
    """What every command does first."""
    console.set_quiet(quiet)
    show_tracebacks(debug)
    if offline:
        from lmfit.hub import go_offline

        go_offline()
