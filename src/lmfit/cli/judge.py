"""Commands that judge: before training, after it, and whether it can be trusted."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lmfit.cli.app import app, begin
from lmfit.cli.asked import choose_run, overrides
from lmfit.cli.options import (
    Config,
    Debug,
    DeviceName,
    Json,
    Offline,
    Output,
    Overwrite,
    Quiet,
    Require,
    Seed,
    Set,
    Words,
)
from lmfit.cli.output import emit, show
from lmfit.errors import InputError
from lmfit.runs import ANSWERING, COMPRESS


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
    from lmfit.config.starters import stage_checked

    made_by = stage_checked(config)
    loaded = load_config(made_by, config, overrides(words, sets))
    if not json:
        show(["config: correct"])
    from lmfit.config.pretraining import PretrainConfig
    from lmfit.stages import check as labelled
    from lmfit.stages import check_text

    stage: Any = check_text if isinstance(loaded.config, PretrainConfig) else labelled
    cost_on = device if cost else None
    done = stage.run(loaded, against=against, label_errors=label_errors, output=output, cost_on=cost_on)
    show(done.as_dict() if json else done.lines(f"lmfit {made_by} {config}"))


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
    certify: Annotated[
        bool, typer.Option("--certify", help="Repeat the certificate of a compressed run on this machine.")
    ] = False,
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
    if certify:
        if data is not None or slice_by or perturbations or seed is not None or device != "auto" or requirements:
            raise InputError("--certify stands alone", where="--certify", fix="leave the other options out")
        repeat_certificate(run, json=json)
        return
    if data is None and not (slice_by or perturbations) and (seed is not None or device != "auto"):
        fix = "add --data FILE, --slice-by or --robustness"
        raise InputError("--seed and --device change nothing about scores that are there already", fix=fix)
    chosen = choose_run(run, ANSWERING)
    from lmfit.stages import evaluate as stage

    asked = stage.Asked(data, name, words or [], slice_by or [], perturbations, overwrite)
    done = stage.run(chosen, asked, device=device, seed=seed)
    show(done.as_dict() if json else [*metric_lines(done.metrics), *map(drop_line, done.robustness)])
    check_requirements(done.metrics, requirements)


def repeat_certificate(run: str | None, *, json: bool) -> None:
    """The certificate of a compressed run, measured here."""
    from lmfit.summary import check_certificate

    chosen = choose_run(run, (COMPRESS,))
    from lmfit.stages import certify as stage

    measured = stage.recertify(chosen)
    show(measured if json else stage.certificate_lines(measured))
    check_certificate(measured["verdict"])


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
    from lmfit.config.stage import keys_of, stage_of

    kind = "pretrain" if stage_of(keys_of(config)) == "pretrain" else "finetune"
    loaded = load_config(kind, config, overrides(words, sets, output, seed, several=kind == "finetune"))
    from lmfit.stages import verify_resume as stage

    found = stage.run(loaded, kills=kills, device=device, overwrite=overwrite)
    show(found.as_dict() if json else found.lines())
    found.require_identical()
