"""Commands that keep house: configs, names, runs, the machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lmfit import console
from lmfit.cli.app import app, begin
from lmfit.cli.asked import given
from lmfit.cli.options import Debug, Json, Note, Output, Tags, Words
from lmfit.cli.output import emit, listed, show, to_json
from lmfit.errors import InputError


@app.command(name="init")
def initialise(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A data file or folder, or a starter's name; without one these are listed.", metavar="FILE"
        ),
    ] = None,
    words: Words = None,
    validation: Annotated[str | None, typer.Option("--validation", help="Validation file.")] = None,
    test: Annotated[str | None, typer.Option("--test", help="Test file.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="A task, instead of the one that is guessed.")] = None,
    text_column: Annotated[str | None, typer.Option("--text-column", help="Column that holds the text.")] = None,
    pair_column: Annotated[str | None, typer.Option("--pair-column", help="Column of the second text.")] = None,
    label_column: Annotated[str | None, typer.Option("--label-column", help="Column that holds the label.")] = None,
    group_column: Annotated[
        str | None, typer.Option("--group-column", help="Column of the group; a split keeps groups whole.")
    ] = None,
    form: Annotated[str | None, typer.Option("--format", help="A format of `lmfit list formats`.")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Text encoding, e.g. gb18030.")] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="What separates columns, or the label.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first row names the columns.")
    ] = None,
    output: Output = None,
    schema: Annotated[bool, typer.Option("--schema", help="JSON Schema of the config, for editors.")] = False,
    debug: Debug = False,
) -> None:
    """Write a commented config to start from: proposed from a data file, or a starter."""
    begin(False, False, debug)
    splits = given(validation=validation, test=test)
    columns = given(text=text_column, text_pair=pair_column, label=label_column, document=group_column)
    reading = given(format=form, encoding=encoding, delimiter=delimiter, header=header)
    from lmfit.config import starters

    if source is not None and starters.means_file(source):
        from lmfit.stages.propose import Asked, propose

        show_proposal(propose(source, Asked(task, columns, reading, splits, words or []), output), output)
    elif words or task or splits or columns or reading:
        raise InputError(
            "these options are about a data file", fix="lmfit init FILE; for a starter edit what it writes"
        )
    elif schema:
        from lmfit.config.document import json_schema

        emit(to_json(json_schema("finetune")) + "\n", output)
    elif source is None:
        show(listed("starters", starters.abouts()))
    else:
        emit(starters.starter_text(source), output)


@app.command(name="list")
def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(help="tasks, models, datasets, formats, metrics, perturbations, trackers or starters."),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Names that a config may use."""
    begin(False, False, debug)
    from lmfit.listing import listing

    names = listing(kind)
    show(names if json else [line for title, entries in names.items() for line in listed(title, entries)])


@app.command(name="runs")
def list_all_runs(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Only these: run folders or their names.", metavar="[RUN]...")
    ] = None,
    sort: Annotated[str | None, typer.Option("--sort", help="A metric such as test.f1; best first.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only runs with, e.g., 'seed=3', 'training.epochs>=3', 'tags=best'; repeatable."),
    ] = None,
    children: Annotated[bool, typer.Option("--children", help="Also the children: seeds, folds.")] = False,
    note: Note = None,
    tags: Tags = None,
    untag: Annotated[list[str] | None, typer.Option("--untag", help="Take a tag away.", metavar="NAME")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """The runs below ./runs (or $LMFIT_RUNS); with RUN and --note or --tag, writes a remark to them."""
    begin(False, False, debug)
    from lmfit.overview import annotate, children_that_meet, run_rows, run_table

    if note is not None or tags or untag:
        annotate(runs or [], note, tags or [], untag or [])
    rows = run_rows(sort, names=runs or [], where=where or [], children=children)
    if where and not children and (hidden := children_that_meet(where, runs or [])):
        console.say(f"children that meet this: {', '.join(hidden[:3])}{', ...' if hidden[3:] else ''}; see --children")
    show({"runs": rows} if json else run_table(rows, found_none="no run meets this" if where else ""))


@app.command()
def doctor(json: Json = False, debug: Debug = False) -> None:
    """Device, threads, CPU flags, extras, cache, disk: made for bug reports."""
    begin(False, False, debug)
    from lmfit.doctor import examine

    facts = examine()
    show(facts if json else [f"{name:<14} {value}" for name, value in facts.items()])


def show_proposal(proposal: Any, output: Path | None) -> None:
    """Write a proposed config (to stdout for `-o -`), and say what was guessed and what comes next."""
    for doubt in proposal.doubts:
        console.warn(doubt)
    if output == Path("-"):
        emit(proposal.text, None)
        return
    emit(proposal.text, Path(proposal.name))
    show([*proposal.lines, f"next: lmfit check {proposal.name}", f"      lmfit finetune {proposal.name}"])
