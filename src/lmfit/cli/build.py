"""Commands that train."""

from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from lmfit import console
from lmfit.cli.app import app, begin
from lmfit.cli.asked import choose_run, overrides, quoted, remarks, trimming
from lmfit.cli.options import (
    Config,
    Debug,
    DeviceName,
    Json,
    Note,
    Offline,
    Output,
    Overwrite,
    Quiet,
    Require,
    Seed,
    Seeds,
    Set,
    Tags,
    Words,
)
from lmfit.cli.output import show
from lmfit.cli.processes import Processes, is_alone, on_processes
from lmfit.errors import InputError
from lmfit.runs import ANSWERING, COMPRESS, Run, find_run

RESUMED = ("finetune", "pretrain", "search", "transfer", COMPRESS)
"""The stages whose runs can go on; each is a module of that name with a function `resume`."""
TOGETHER = ("finetune", "pretrain", "transfer", "search")
"""Those that several processes can work on."""


def _train(
    name: str,
    config: Path,
    words: list[str],
    remarked: dict[str, Any],
    device: str,
    require: list[str] | None,
    *,
    overwrite: bool,
    json: bool,
    processes: int | None = None,
) -> None:
    """Run the stage `name` (a module of lmfit.stages) on a config with overrides, and show what it made."""
    from lmfit.config.load import load_config
    from lmfit.summary import check_requirements, finished_lines, parse_requirements

    def asked() -> Any:
        requirements = parse_requirements(require or [], ("validation", "test"))
        return load_config(name, config, words), requirements

    on_processes(processes, device, asked)
    loaded, requirements = asked()
    stage = import_module(f"lmfit.stages.{name}")
    run = stage.run(loaded, device=device, overwrite=overwrite, remarks=remarked)
    show(run.manifest | {"path": str(run.path), "metrics": run.metrics} if json else finished_lines(run))
    check_requirements(run.metrics, requirements)


@app.command()
def finetune(
    config: Config,
    words: Words = None,
    sets: Set = None,
    output: Output = None,
    device: DeviceName = "auto",
    processes: Processes = None,
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
    given = overrides(words, sets, output, seed, seeds)
    _train(
        "finetune",
        config,
        given,
        remarks(note, tags),
        device,
        require,
        overwrite=overwrite,
        json=json,
        processes=processes,
    )


def _student(name: str) -> str:
    """A number is one of layers, else it is a model's name."""
    return f"layers={name}" if name.isdigit() else f"student={quoted(name)}"


@app.command()
def compress(
    run: Annotated[str | None, typer.Argument(help="A run folder; default: the newest finished run.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="A YAML file with the section compression.", metavar="FILE")
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option("--quantize", help="int8, int8-static, fp16, bf16, int4, or fp32 (ONNX alone).", metavar="HOW"),
    ] = None,
    prune: Annotated[
        float | None, typer.Option("--prune", help="Remove this share of the layers' weights.", metavar="SHARE")
    ] = None,
    distill: Annotated[
        str | None,
        typer.Option("--distill", help="Train a student: a model's name, or a number of layers.", metavar="STUDENT"),
    ] = None,
    trim_vocabulary: Annotated[
        bool, typer.Option("--trim-vocabulary", help="Keep the tokens that the task needs.")
    ] = False,
    sets: Set = None,
    output: Output = None,
    device: DeviceName = "auto",
    seed: Seed = None,
    note: Note = None,
    tags: Tags = None,
    overwrite: Overwrite = False,
    require: Require = None,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Make a trained model smaller and faster, with a certificate that it still answers alike."""
    begin(quiet, offline, debug)
    from lmfit.summary import check_certificate, check_requirements, compressed_lines, parse_requirements

    requirements = parse_requirements(require or [], ("validation", "test"))
    chosen = choose_run(run, ANSWERING, backend="pytorch")
    words = [] if quantize is None else [f"compression.quantize={quoted(quantize)}"]
    words += [] if prune is None else [f"compression.prune.sparsity={prune}"]
    words += [] if distill is None else [f"compression.distill.{_student(distill)}"]
    words += trimming(config) if trim_vocabulary else []
    from lmfit.stages import compressible

    loaded = compressible.load(chosen, config, [*words, *overrides([], sets, output, seed)])
    from lmfit.stages import compress as stage

    made = stage.run(chosen, loaded, device=device, overwrite=overwrite, remarks=remarks(note, tags))
    show(made.manifest | {"path": str(made.path), "metrics": made.metrics} if json else compressed_lines(made))
    check_requirements(made.metrics, requirements)
    check_certificate(made.manifest["certificate"])


def _resume_compression(run: Run, sets: list[str] | None, device: str, *, json: bool) -> None:
    """Go on with `lmfit compress`."""
    from lmfit.stages import compress as stage
    from lmfit.summary import check_certificate, compressed_lines

    if sets:
        raise InputError("the settings of a compression stay", where="--set", fix="leave --set out")
    made = stage.resume(run, device=device)
    show(made.manifest | {"path": str(made.path), "metrics": made.metrics} if json else compressed_lines(made))
    check_certificate(made.manifest["certificate"])


@app.command()
def transfer(
    config: Config,
    words: Words = None,
    sets: Set = None,
    output: Output = None,
    device: DeviceName = "auto",
    processes: Processes = None,
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
    """Learn source tasks, then a target task: with a control that learns the target alone."""
    begin(quiet, offline, debug)
    given = overrides(words, sets, output, seed, seeds)
    _train(
        "transfer",
        config,
        given,
        remarks(note, tags),
        device,
        require,
        overwrite=overwrite,
        json=json,
        processes=processes,
    )


@app.command()
def search(
    config: Config,
    words: Words = None,
    sets: Set = None,
    output: Output = None,
    device: DeviceName = "auto",
    processes: Processes = None,
    seed: Seed = None,
    note: Note = None,
    tags: Tags = None,
    overwrite: Overwrite = False,
    require: Require = None,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Search hyper-parameters: the best trial by validation, a config to repeat it, one look at the test rows."""
    begin(quiet, offline, debug)
    given = overrides(words, sets, output, seed)
    _train(
        "search",
        config,
        given,
        remarks(note, tags),
        device,
        require,
        overwrite=overwrite,
        json=json,
        processes=processes,
    )


@app.command()
def resume(
    run: Annotated[str | None, typer.Argument(help="A run folder; default: the newest unfinished run.")] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", help="training.epochs, max_steps, keep, log_every, on_nan; of a search trials."),
    ] = None,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Also on another machine, where it will be equal up to rounding only.")
    ] = False,
    device: DeviceName = "auto",
    processes: Processes = None,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Go on with an interrupted run; needs nothing but its folder."""
    begin(quiet, offline, debug)
    stages = RESUMED if is_alone(processes) else TOGETHER
    on_processes(processes, device, lambda: find_run(run, stages, finished=False))
    chosen = find_run(run, stages, finished=False)
    if run is None:
        console.say(f"run: {chosen.path}")
    if chosen.stage == COMPRESS and stages is TOGETHER:
        raise InputError(f"{COMPRESS} works in one process", where="--processes", fix=f"lmfit resume {chosen.path}")
    if (home := chosen.began_in).resolve() != Path.cwd():
        console.say(f"paths are relative to {home}, where the run began")
        chosen = Run(chosen.path.resolve())
    with chdir(home):
        _go_on(chosen, sets, device, inexact=inexact, json=json)


def _go_on(chosen: Run, sets: list[str] | None, device: str, *, inexact: bool, json: bool) -> None:
    """Resume a run with its stage; one that is finished is told."""
    from lmfit.summary import compressed_lines, finished_lines

    if (made_by := chosen.stage) == COMPRESS and chosen.status != "finished":
        _resume_compression(chosen, sets, device, json=json)
        return
    if made_by not in RESUMED:
        raise InputError(f"`{chosen.path}` is a run of {made_by}", fix=f"run it anew: lmfit {made_by} CONFIG")
    if chosen.status != "finished":
        stage = import_module(f"lmfit.stages.{made_by}")
        chosen = stage.resume(chosen, sets or [], device=device, inexact=inexact)
    elif sets:
        fix = f"train its model further: lmfit {made_by} {chosen.path / 'config.yaml'} model.name={chosen.path}"
        raise InputError(f"`{chosen.path}` is finished; its settings stay", where="--set", fix=fix)
    else:
        console.say(f"{chosen.path} is finished already; there is nothing to resume")
    lines = compressed_lines if made_by == COMPRESS else finished_lines
    show(chosen.manifest | {"path": str(chosen.path), "metrics": chosen.metrics} if json else lines(chosen))


@app.command()
def pretrain(
    config: Config,
    words: Words = None,
    sets: Set = None,
    output: Output = None,
    device: DeviceName = "auto",
    processes: Processes = None,
    seed: Seed = None,
    note: Note = None,
    tags: Tags = None,
    overwrite: Overwrite = False,
    require: Require = None,
    json: Json = False,
    quiet: Quiet = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Make or adapt a language model: raw text -> encoder or decoder, tokenizer included."""
    begin(quiet, offline, debug)
    given = overrides(words, sets, output, seed, several=False)
    _train(
        "pretrain",
        config,
        given,
        remarks(note, tags),
        device,
        require,
        overwrite=overwrite,
        json=json,
        processes=processes,
    )
