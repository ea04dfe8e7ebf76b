"""The command line: one short function per command; the only place that prints results or exits."""

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lmfit import console
from lmfit.errors import InputError, LmfitError
from lmfit.version import __version__
from lmfit.waiting import wait_politely

app = typer.Typer(
    name="lmfit",
    help="Fine-tune, evaluate and ship language models that fit their market.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[Path, typer.Argument(help="A YAML file.", metavar="CONFIG")]
Words = Annotated[list[str] | None, typer.Argument(help="Overrides: key.path=value.", metavar="[KEY=VALUE]...")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="An override, the same as a KEY=VALUE word.", metavar="KEY=VALUE")
]
RunName = Annotated[
    str | None, typer.Option("--run", "-r", help="A run or model folder; default: the newest finished run.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Where the result goes.")]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Seeds = Annotated[
    str | None, typer.Option("--seeds", help="Train once with each, e.g. 1,2,3: mean, spread, both in one interval.")
]
Note = Annotated[str | None, typer.Option("--note", help="A remark, shown by lmfit runs; '' takes it away.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A word to find runs by; repeatable.", metavar="NAME")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notices, no progress; warnings and errors stay.")]
Offline = Annotated[bool, typer.Option("--offline", help="Do not even try to reach the Hub.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Move an old run of that name to NAME.old-1.")]
Require = Annotated[
    list[str] | None, typer.Option("--require", help="Exit 3 unless it holds, e.g. 'test.f1.low>=0.88'.")
]

_OF_THE_SYSTEM = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOSPC)

_debug = False


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """Fine-tune, evaluate and ship language models that fit their market."""
    if version:
        print(f"lmfit {__version__}")
        raise typer.Exit


@app.command()
def finetune(
    config: Config,
    words: Words = None,
    sets: Set = None,
    output: Output = None,
    device: DeviceName = "auto",
    seed: Seed = None,
    seeds: Seeds = None,
    note: Note = None,
    tags: Tags = None,
    overwrite: Overwrite = False,
    require: Require = None,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Fine-tune an encoder on labelled data: encoder + data -> model for a task."""
    begin(quiet, offline, debug)
    from lmfit.config.load import load_config
    from lmfit.summary import check_requirements, finished_lines, parse_requirements

    requirements = parse_requirements(require or [], ("validation", "test"))
    loaded = load_config("finetune", config, overrides(words, sets, output, seed, seeds))
    from lmfit.stages import finetune as stage

    run = stage.run(loaded, device=device, overwrite=overwrite, remarks=remarks(note, tags))
    show(run.manifest | {"path": str(run.path), "metrics": run.metrics} if json else finished_lines(run))
    check_requirements(run.metrics, requirements)


@app.command()
def resume(
    run: Annotated[str | None, typer.Argument(help="A run folder; default: the newest unfinished run.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="training.epochs, max_steps, keep, log_every or on_nan.")
    ] = None,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Also on another machine, where it will be equal up to rounding only.")
    ] = False,
    device: DeviceName = "auto",
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Go on with an interrupted run; needs nothing but its folder."""
    begin(quiet, offline, debug)
    from lmfit.runs import find_run
    from lmfit.summary import finished_lines

    chosen = find_run(run, ("finetune",), finished=False)
    if run is None:
        console.say(f"run: {chosen.path}")
    if (made_by := chosen.manifest.get("stage", "finetune")) != "finetune":
        raise InputError(f"`{chosen.path}` is a run of {made_by}", fix=f"run it anew: lmfit {made_by} CONFIG")
    if chosen.status != "finished":
        from lmfit.stages import finetune as stage

        chosen = stage.resume(chosen, sets or [], device=device, inexact=inexact)
    elif sets:
        fix = f"train its model further: lmfit finetune {chosen.path / 'config.yaml'} model.name={chosen.path}"
        raise InputError(f"`{chosen.path}` is finished; its settings stay", where="--set", fix=fix)
    else:
        console.say(f"{chosen.path} is finished already; there is nothing to resume")
    show(chosen.manifest | {"path": str(chosen.path), "metrics": chosen.metrics} if json else finished_lines(chosen))


@app.command(name="verify-resume")
def verify_resume(
    config: Config,
    words: Words = None,
    sets: Set = None,
    kills: Annotated[
        int, typer.Option("--kills", min=1, max=1000, help="How often the second training is killed.")
    ] = 5,
    output: Output = None,
    device: DeviceName = "auto",
    seed: Seed = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Train twice, once killed again and again and resumed: both must be identical to the bit (else exit 3)."""
    begin(quiet, offline, debug)
    from lmfit.config.load import load_config

    loaded = load_config("finetune", config, overrides(words, sets, output, seed))
    from lmfit.stages import verify_resume as stage

    found = stage.run(loaded, kills=kills, device=device, overwrite=overwrite)
    show(found.as_dict() if json else found.lines())
    found.require_identical()


@app.command()
def check(
    config: Config,
    words: Words = None,
    sets: Set = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="A run: compare the data with what it was trained on.", metavar="RUN"),
    ] = None,
    label_errors: Annotated[
        bool, typer.Option("--label-errors", help="Name the training labels that are most likely wrong.")
    ] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Peak memory, time and disk of the run, from a few traced steps.")
    ] = False,
    output: Output = None,
    device: DeviceName = "auto",
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Everything that can be known before training: config, data, planned steps, cost. Keeps nothing it trains."""
    begin(quiet, offline, debug)
    if device != "auto" and not cost:
        raise InputError("--device is where the cost is measured", where="--device", fix="add --cost")
    if output is not None and not label_errors:
        raise InputError("-o holds suspected label errors", where="--output", fix="add --label-errors")
    from lmfit.config.load import load_config

    loaded = load_config("finetune", config, overrides(words, sets))
    if not json:
        show(["config: correct"])
    from lmfit.stages import check as stage

    cost_on = device if cost else None
    done = stage.run(loaded, against=against, label_errors=label_errors, output=output, cost_on=cost_on)
    show(done.as_dict() if json else done.lines(f"lmfit finetune {config}"))


@app.command()
def evaluate(
    run: Annotated[str | None, typer.Argument(help="A run or model folder; default: the newest finished run.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="A new labelled file.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What its scores are called; default: the file's name.")
    ] = None,
    slice_by: Annotated[
        list[str] | None,
        typer.Option("--slice-by", help="Scores for each value of a column, or by length, language, source."),
    ] = None,
    robustness: Annotated[
        str | None,
        typer.Option(
            "--robustness", help="Scores of changed rows, and the drop: case,typos (lmfit list perturbations)."
        ),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option("--set", help="How to read and score the file: data.columns={...}, evaluation.costs={...}."),
    ] = None,
    device: DeviceName = "auto",
    seed: Seed = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Move an old evaluation of that name to NAME.old-1.")
    ] = False,
    require: Require = None,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Metrics with 95 % intervals: those of the run, or of the run on a new labelled file."""
    begin(quiet, offline, debug)
    from lmfit.evaluation.robustness.drops import drop_line
    from lmfit.summary import check_requirements, metric_lines, parse_requirements

    requirements = parse_requirements(require or [])
    perturbations = [] if robustness is None else [one.strip() for one in robustness.split(",")]
    if data is None and (name or words or overwrite):
        fix = "add --data FILE (the test file of a run is one, too)"
        raise InputError("--name, --set and --overwrite are about a new file", fix=fix)
    if data is None and not (slice_by or perturbations) and (seed is not None or device != "auto"):
        fix = "add --data FILE, --slice-by or --robustness"
        raise InputError("--seed and --device change nothing about scores that are there already", fix=fix)
    chosen = choose_run(run, ("finetune",))
    from lmfit.stages import evaluate as stage

    asked = stage.Asked(data, name, words or [], slice_by or [], perturbations, overwrite)
    done = stage.run(chosen, asked, device=device, seed=seed)
    show(done.as_dict() if json else [*metric_lines(done.metrics), *map(drop_line, done.robustness)])
    check_requirements(done.metrics, requirements)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Run folders or names below ./runs; patterns.", metavar="RUN...")],
    against: Annotated[str, typer.Option("--against", help="first, best, or one of the runs.")] = "first",
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", help="Instead of the headline; the first one decides --require.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="test, validation, or the name of an evaluation; default: test.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also as a page (.html) or Markdown (.md).")
    ] = None,
    require: Annotated[
        list[str] | None, typer.Option("--require", help="not-worse:0.005: exit 3 where a run may be worse by more.")
    ] = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Are the differences between runs real, and what differs between them?"""
    begin(quiet, False, debug)
    from lmfit.evaluation.comparison.document import written_by
    from lmfit.evaluation.comparison.lines import comparison_lines
    from lmfit.evaluation.comparison.record import as_json
    from lmfit.evaluation.comparison.requirement import check_margin, parse_margin
    from lmfit.stages import compare as stage

    margin, write = parse_margin(require or []), written_by(output)
    found = stage.run(runs, against=against, metrics=metrics or [], split=split, seed=13 if seed is None else seed)
    if output is not None:
        emit(write(found), output)
    show(as_json(found) if json else comparison_lines(found))
    check_margin(found, margin)


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
    chosen = choose_run(run, ("finetune",))
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
    chosen = choose_run(names[0] if len(names) == 2 else None, ("finetune",))
    done = stage.run(chosen, stage.Wish(names[-1], private, revision, message))
    told = f"published: {done['url']} ({'private' if done['private'] else 'public'}, {done['revision']})"
    show(done if json else [told, f"next: lmfit predict INPUT --run hub:{names[-1]}"])


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
    from lmfit.overview import annotate, run_rows, run_table

    if note is not None or tags or untag:
        annotate(runs or [], note, tags or [], untag or [])
    rows = run_rows(sort, names=runs or [], where=where or [], children=children)
    show({"runs": rows} if json else run_table(rows))


@app.command()
def doctor(json: Json = False, debug: Debug = False) -> None:
    """Device, threads, CPU flags, extras, cache, disk: made for bug reports."""
    begin(False, False, debug)
    from lmfit.doctor import examine

    facts = examine()
    show(facts if json else [f"{name:<14} {value}" for name, value in facts.items()])


def begin(quiet: bool, offline: bool, debug: bool) -> None:
    """What every command does first."""
    global _debug  # noqa: PLW0603
    _debug = debug
    console.set_quiet(quiet)
    if offline:
        from lmfit.hub import go_offline

        go_offline()


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def show_proposal(proposal: Any, output: Path | None) -> None:
    """Write a proposed config (to stdout for `-o -`), and say what was guessed and what comes next."""
    for doubt in proposal.doubts:
        console.warn(doubt)
    if output == Path("-"):
        emit(proposal.text, None)
        return
    emit(proposal.text, Path(proposal.name))
    show([*proposal.lines, f"next: lmfit check {proposal.name}", f"      lmfit finetune {proposal.name}"])


def overrides(
    words: list[str] | None,
    sets: list[str] | None,
    output: Path | None = None,
    seed: int | None = None,
    seeds: str | None = None,
) -> list[str]:
    """All overrides in one list; options stand for the keys of their names, --seed and --seeds for each other's."""
    if seed is not None and seeds is not None:
        raise InputError("--seed and --seeds exclude each other", where="--seeds", fix="keep one of them")
    given = [*(words or []), *(sets or [])]
    given += [] if output is None else [f"output={quoted(str(output))}"]
    given += [] if seed is None else ["seeds=null", f"seed={seed}"]
    return given + ([] if seeds is None else ["seed=null", f"seeds=[{seeds.strip('[]')}]"])


def remarks(note: str | None, tags: list[str] | None) -> dict[str, Any]:
    """What --note and --tag put into run.json."""
    given: dict[str, Any] = {} if note is None else {"note": note}
    return given | ({"tags": list(dict.fromkeys(tags))} if tags else {})


def quoted(text: str) -> str:
    """`text` as a YAML string."""
    import json

    return json.dumps(text, ensure_ascii=False)


def choose_run(name: str | None, stages: tuple[str, ...]) -> Any:
    """The run asked for, or the newest finished one, which is said."""
    from lmfit.runs import find_run

    chosen = find_run(name, stages)
    if name is None:
        console.say(f"run: {chosen.path}")
    return chosen


def listed(title: str, entries: dict[str, str]) -> list[str]:
    """A titled list of names."""
    width = max(map(len, entries), default=0)
    return [f"{title}:", *(f"  {name:<{width}}  {about}".rstrip() for name, about in entries.items()), ""]


def show(result: Any) -> None:
    """Results to stdout: lines, or one JSON object."""
    if isinstance(result, list):
        for line in result:
            print(line)
    else:
        print(to_json(result))


def to_json(value: Any) -> str:
    """JSON text of a result."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2)


def emit(text: str, output: Path | None) -> None:
    """A document to stdout or to a new file."""
    if output is None:
        print(text, end="")
    elif output.exists():
        raise InputError(f"`{output}` exists already", where="--output", fix="give another name")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        console.say(f"written: {output}")


def main(arguments: list[str] | None = None) -> None:
    """Entry point: run a command, turn errors into words and exit codes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    wait_politely()
    try:
        command = typer.main.get_command(app)
        words = sys.argv[1:] if arguments is None else arguments
        with command.make_context("lmfit", words or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
        code = 0
    except Exception as error:
        code = tell_error(error)
    except KeyboardInterrupt:
        console.say("interrupted")
        code = 130
    leave(code)


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


__all__ = ["app", "main"]
