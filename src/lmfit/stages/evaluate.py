"""lmfit evaluate: the scores of a run, or of a run on a new labelled file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import load_config
from lmfit.config.schema import FinetuneConfig
from lmfit.data.example import Example
from lmfit.data.ledger import count_labels
from lmfit.data.sources import load_splits
from lmfit.errors import ConfigError, InputError
from lmfit.inference.load import load_predictor
from lmfit.runs import Run, write_json
from lmfit.stages.judge import Judge, shown
from lmfit.tasks.base import Task

_READING = (
    "data.format",
    "data.columns",
    "data.header",
    "data.delimiter",
    "data.quoting",
    "data.encoding",
    "data.label_first",
    "data.label_separator",
    "data.scheme",
)
_OF_TRAINING = {"name": None, "validation": None, "test": None, "limit": None, "limit_per_class": None}


def run(
    chosen: Run, *, data: str | None, name: str | None, words: Sequence[str], device: str, seed: int
) -> dict[str, Any]:
    """Metrics by split of `chosen`; with `data`, of that labelled file, kept in evaluations/NAME of a run folder.

    words: overrides such as `data.columns={text: body}` on how the run's own files were read.
    Raises InputError or DataError where the file cannot be read that way.
    """
    if data is None:
        return {split: entries for split, entries in chosen.metrics.items() if split != "baseline"}
    name = _checked(name or Path(data).stem)
    predictor = load_predictor(chosen, device=device)
    config = _config(chosen, predictor.task.name, data, words)
    splits = load_splits(config.data, predictor.task.example_kind)
    for notice in (*splits.notices, *(doubt.sentence for doubt in splits.doubts)):
        console.say(notice)
    _warn_of_strangers(predictor.task, splits.train)
    inside = (chosen.path / "run.json").is_file()
    folder = chosen.path / "evaluations" / name
    judge = Judge(config.evaluation.resamples, seed, config.evaluation.texts)
    scores = judge.score(predictor, splits.train, total=None, out=folder / "predictions.jsonl" if inside else None)
    if inside:
        write_json(folder / "metrics.json", {name: scores.metrics})
        write_json(folder / "tables.json", {name: scores.tables})
    console.say(f"{name}: {scores.headline} {shown(scores.metrics[scores.headline])}")
    return {name: scores.metrics}


def _warn_of_strangers(task: Task, split: Iterable[Example]) -> None:
    """Say which labels of the file the model cannot give."""
    known = {label[2:] for label in task.labels} if task.kind == "entities" else set(task.labels)
    rows, labels = count_labels(task.label_counts(example) for example in split)
    strange = {label: count for label, count in labels.items() if label not in known}
    if strange:
        shown = ", ".join(f"{label} ({count:,})" for label, count in list(strange.items())[:5])
        console.warn(
            f"{len(strange)} labels of the {rows:,} rows are none of the model's and can never be right: {shown}"
        )


def _config(chosen: Run, task: str, data: str, words: Sequence[str]) -> FinetuneConfig:
    """The run's config, so that a new file is read (format, columns, ...) and scored as the run's own were."""
    for word in words:
        key = word.partition("=")[0]
        if not key.startswith(_READING):
            what, fix = f"`{key}` does not say how to read a file", f"use {', '.join(_READING)}"
            raise ConfigError(what, where="--set", fix=fix)
    path = chosen.path / "config.yaml"
    source: Any = path if path.is_file() else {"task": task, "data": {"train": data}}
    config = load_config("finetune", source, ["data.revision=null", "data.subset=null", *words]).config
    form = "auto" if config.data.format == "hub" else config.data.format
    reading = config.data.model_copy(update={**_OF_TRAINING, "train": data, "format": form})
    return config.model_copy(update={"data": reading})


def _checked(name: str) -> str:
    """A name that can be a folder below evaluations/."""
    if not name or Path(name).name != name or name.startswith("."):
        raise InputError(f"`{name}` cannot name an evaluation", where="--name", fix="use letters, digits, - and _")
    return name
