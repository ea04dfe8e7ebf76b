"""lmfit predict: unlabelled rows in, predictions out, as a stream that keeps their order."""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import load_run_config
from lmfit.config.section import Column
from lmfit.data.example import Example
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.sources import read_input
from lmfit.errors import InputError, Problem, retold
from lmfit.inference.load import load_predictor
from lmfit.runs import Run
from lmfit.stages.preannotations import LAYOUTS, Layout
from lmfit.stages.writers import OUTPUT_FORMATS, open_writer

_OPTIONS = {
    r"data\.columns: \{text: ([^}]*)\}": r"--text-column \1",
    r"data\.columns: \{text_pair: ([^}]*)\}": r"--pair-column \1",
    r"data\.columns\.text_pair \(predict: --pair-column\)": "--pair-column",
    r"data\.columns\.text_pair": "--pair-column",
    r"data\.columns(\.text)?\b": "--text-column",
    r"data\.format\b": "--input-format",
}
"""Names of keys in errors of the readers, and the options of `predict` that do the same."""


def run(
    chosen: Run,
    source: str,
    out: Path | None,
    form: str | None,
    *,
    layout: str | None = None,
    columns: Mapping[str, str],
    input_form: str | None,
    device: str,
    precision: str,
) -> int:
    """Predict the rows of `source`, write to `out` (None: stdout); returns their number. A file appears when whole.

    layout: an annotation tool that shall import the predictions, of LAYOUTS.
    columns: which input columns hold text and text_pair, where that is not plain. A file is looked through before the
    first answer: rows that cannot be read are all told then. Raises InputError, DataError.
    """
    chosen_layout = _layout(layout, form)
    form = chosen_layout.form if chosen_layout else _form(out, form)
    if out is not None and out.exists():
        _check_output(out, source, chosen)
    predictor = load_predictor(chosen, device=device, precision=precision)
    kind = predictor.task.example_kind
    options = ReadOptions(kind, input_form or "auto", dict(columns), preferred=_columns_of_training(chosen))
    make_row = chosen_layout.rows(chosen.path.name) if chosen_layout else row_of
    if chosen_layout:
        console.say(chosen_layout.setup(predictor.task.kind, predictor.task.labels))
    with retold(_by_options):
        total, said = _look_through(source, options)
        notices, count, unnamed = Notices(), 0, 0
        examples = read_input(source, kind, options, notices=notices)
        with open_writer(out, form, make_row) as writer:
            for example, prediction in console.progress(predictor.stream(examples), total=total, what="predicting"):
                if count == 0:
                    said += _say([*notices.sentences, *_replaced(example, prediction, form)], said)
                writer.write(example, prediction)
                count += 1
                unnamed += not example.id
        _say(notices.counted if total is None else (), said)
    if 0 < unnamed < count and make_row is row_of and form.startswith("json"):
        told = f"{unnamed:,} of {count:,} rows have no id"
        console.warn(f"{told}: theirs is the number of their line, maybe another's id")
    if cut := predictor.stats.counts["truncated"]:
        console.warn(f"{cut:,} rows are longer than the model takes and were cut (data.overflow of its training)")
    return count


def _check_output(out: Path, source: str, chosen: Run) -> None:
    """Raises InputError where a file that is there is the input, or one of the run."""
    told = None
    if os.path.exists(source) and out.samefile(source):
        told = "the input"
    elif chosen.path.resolve() in out.resolve().parents:
        told = "a file in the folder of the run"
    if told:
        raise InputError(f"the output `{out}` is {told}", where="--output", fix="give another name")


def _look_through(source: str, options: ReadOptions) -> tuple[int | None, list[str]]:
    """(rows, what was said about them) of files, read once to their end; (None, []) of a stream, read only once.

    Raises DataError with the first rows that cannot be read.
    """
    if source == "-" or (os.path.exists(source) and not (os.path.isfile(source) or os.path.isdir(source))):
        return None, []
    notices = Notices(gather=True)
    rows = sum(1 for _ in read_input(source, options.kind, options, notices=notices))
    return rows, _say(notices.sentences, ())


def _say(sentences: Iterable[str], said: Collection[str]) -> list[str]:
    """Say what was not said yet; returns it."""
    new = [sentence for sentence in sentences if sentence not in said]
    for sentence in new:
        console.say(sentence.replace("(data.columns)", "(--text-column)"))
    return new


def _by_options(problem: Problem) -> Problem:
    """What is said of keys of the config, said of the options of this command."""
    return replace(problem, where=_option(problem.where), fix=_option(problem.fix))


def _option(told: str) -> str:
    for pattern, option in _OPTIONS.items():
        told = re.sub(pattern, option, told)
    return told


def _columns_of_training(chosen: Run) -> dict[str, Column | list[Column]]:
    """Where the texts stood in the run's own files: taken where the input has these columns too."""
    path = chosen.path / "config.yaml"
    if not path.is_file():
        return {}
    try:
        columns = load_run_config(chosen).config.data.columns
    except InputError:
        return {}
    return {role: column for role, column in columns.items() if role in ("text", "text_pair")}


def row_of(example: Example, prediction: Any) -> dict[str, Any]:
    """Input columns first, then what was predicted: {"id", "text", ...}."""
    predicted = prediction.row()
    kept = {name: value for name, value in example.columns.items() if name not in predicted}
    return {"id": example.id or str(example.origin.line), **kept, **predicted}


def _layout(layout: str | None, form: str | None) -> Layout | None:
    if layout is None:
        return None
    if layout not in LAYOUTS:
        raise InputError(f"unknown tool `{layout}`", where="--as", fix=f"one of {', '.join(LAYOUTS)}")
    if form is not None:
        raise InputError("--as decides the format", where="--format", fix="leave it out")
    return LAYOUTS[layout]


def _form(out: Path | None, asked: str | None) -> str:
    if asked is not None:
        if asked not in OUTPUT_FORMATS:
            fix = f"one of {', '.join(OUTPUT_FORMATS)}"
            raise InputError(f"unknown output format `{asked}`", where="--format", fix=fix)
        return asked
    suffix = ".jsonl" if out is None else out.suffix.lower()
    if suffix[1:] not in OUTPUT_FORMATS:
        fix = "end it in .jsonl, .csv or .parquet, or give --format"
        raise InputError(f"`{out}` does not tell the output format", where="--output", fix=fix)
    return suffix[1:]


def _replaced(example: Example, prediction: Any, form: str) -> list[str]:
    """A notice where answers stand in columns of the input."""
    added = prediction.row() if form.startswith("json") else dict.fromkeys(("prediction", "score"))
    names = [name for name, value in example.columns.items() if name in added and value != added[name]]
    return [f"the prediction replaces input columns: {', '.join(names)}"] if names else []
