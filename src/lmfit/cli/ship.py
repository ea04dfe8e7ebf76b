"""Commands that put a model to use."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lmfit import console
from lmfit.cli.app import app, begin
from lmfit.cli.asked import choose_run
from lmfit.cli.options import Debug, DeviceName, Json, Offline, Output, Quiet, RunName
from lmfit.cli.output import show
from lmfit.errors import InputError
from lmfit.runs import ANSWERING


@app.command()
def predict(
    source: Annotated[str, typer.Argument(help="A file of texts (lmfit list formats); - for stdin.", metavar="INPUT")],
    run: RunName = None,
    output: Output = None,
    text_column: Annotated[str | None, typer.Option("--text-column", help="Column that holds the text.")] = None,
    pair_column: Annotated[str | None, typer.Option("--pair-column", help="Column of the second text.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv or parquet; default: by the output's suffix.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option("--as", help="label-studio or doccano: pre-annotations to import there.")
    ] = None,
    input_form: Annotated[
        str | None, typer.Option("--input-format", help="A name of lmfit list formats; default: by suffix.")
    ] = None,
    device: DeviceName = "auto",
    precision: Annotated[
        Literal["auto", "fp32"], typer.Option("--precision", help="auto, or fp32: exact scores too, at half the speed.")
    ] = "auto",
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Predictions for unlabelled rows, streamed, in order; JSON lines on stdout unless -o says otherwise."""
    begin(quiet, offline, debug)
    output = None if output == Path("-") else output
    if json and output is None:
        raise InputError("--json needs stdout for itself", where="--json", fix="send the predictions to a file: -o OUT")
    chosen = choose_run(run, ANSWERING, where="--run")
    from lmfit.stages import predict as stage

    columns = {k: v for k, v in (("text", text_column), ("text_pair", pair_column)) if v is not None}
    count = stage.run(
        chosen,
        source,
        output,
        form,
        layout=layout,
        columns=columns,
        input_form=input_form,
        device=device,
        precision=precision,
    )
    if json:
        show({"rows": count, "output": str(output), "run": str(chosen.path)})
    elif output is not None:
        console.say(f"{count:,} rows -> {output}")


@app.command()
def publish(
    names: Annotated[
        list[str],
        typer.Argument(help="A run (default: the newest finished one), then org/name.", metavar="[RUN] ORG/NAME"),
    ],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", help="A branch, made where there is none; default: main.")
    ] = None,
    message: Annotated[str | None, typer.Option("--message", help="Message of the commit.")] = None,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Push a model with its card to the Hub (HF_TOKEN, HF_ENDPOINT); nothing else of the run."""
    begin(quiet, offline, debug)
    if len(names) > 2:
        raise InputError("one run is published to one repository", fix="lmfit publish RUN ORG/NAME")
    from lmfit.stages import publish as stage

    stage.check_name(names[-1])
    chosen = choose_run(names[0] if len(names) == 2 else None, ANSWERING)
    done = stage.run(chosen, stage.Wish(names[-1], private, revision, message))
    told = f"published: {done['url']} ({'private' if done['private'] else 'public'}, {done['revision']})"
    show(done if json else [told, f"next: lmfit predict INPUT --run hub:{names[-1]}"])
