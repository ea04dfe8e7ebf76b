"""lmfit evaluate: the scores of a run, or of a run on a new labelled file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from lmfit import console
from lmfit.config.load import load_config
from lmfit.config.schema import FinetuneConfig
from lmfit.data.example import Example
from lmfit.data.ledger import count_labels
from lmfit.data.sources import Source, load_splits
from lmfit.errors import ConfigError
from lmfit.evaluation.card import CARD, write_card
from lmfit.evaluation.report import write_report
from lmfit.evaluation.scores import Scores
from lmfit.inference.load import load_predictor
from lmfit.inference.predictor import Predictor
from lmfit.runs import Run, evaluations, write_json
from lmfit.stages.details import Details, check_details
from lmfit.stages.evaluations import appearing, choose_folder, has_validation, validation_outcomes
from lmfit.stages.judge import Judge, shown
from lmfit.stages.looks import look, looks_told
from lmfit.stages.recording import versions
from lmfit.stages.scoring import write_slices
from lmfit.stages.seen import Seen
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
_SCORING = ("evaluation.slices", "evaluation.operating_points", "evaluation.costs", "evaluation.texts")
_OF_TRAINING = {"name": None, "validation": None, "test": None, "limit": None, "limit_per_class": None}


@dataclass(frozen=True)
class NewFile:
    """A labelled file to be scored. name: of its scores (None: the file's); slices: beside those of the config.

    words: overrides on how the run's own files were read, such as `data.columns={text: body}`, and scored.
    """

    path: str
    name: str | None = None
    words: Sequence[str] = ()
    slices: Sequence[str] = ()
    overwrite: bool = False


def run(chosen: Run, new: NewFile | None, *, device: str, seed: int) -> dict[str, Any]:
    """Metrics of `chosen` by split and by name of each evaluation; of a new labelled file, those of it alone.

    An evaluation that has the name of a split is told as NAME-file beside it.

    All about a new file is kept in evaluations/NAME of a run folder, which appears when it is whole.
    Raises InputError or DataError where the file cannot be read, or its name is taken.
    """
    if new is None:
        own = {split: entries for split, entries in chosen.metrics.items() if split != "baseline"}
        found = {folder.name: next(iter(Run(folder).metrics.values())) for folder in evaluations(chosen)}
        return own | {f"{name}-file" if name in own else name: metrics for name, metrics in found.items()}
    folder = choose_folder(chosen, new.path, new.name, overwrite=new.overwrite)
    predictor = load_predictor(chosen, device=device)
    config = _config(chosen, predictor.task.name, new)
    predictor.quick = not config.evaluation.operating_points
    splits = load_splits(config.data, predictor.task.example_kind, keep_columns=bool(config.evaluation.slices))
    for notice in (*splits.notices, *(doubt.sentence for doubt in splits.doubts)):
        console.say(notice)
    _warn_of_strangers(predictor.task, splits.train)
    first = next(iter(splits.train), None)
    check_details(config.evaluation, predictor.task, first, validation=has_validation(chosen))
    if (chosen.path / "run.json").is_file():
        scores = _kept(chosen, predictor, splits.train, folder, config, seed)
    else:
        scores, _, _ = _score(chosen, predictor, splits.train, config, seed, None)
    console.say(f"{folder.name}: {scores.headline} {shown(scores.metrics[scores.headline])}")
    return {folder.name: scores.metrics}


def _kept(chosen: Run, predictor: Predictor, split: Source, folder: Path, config: FinetuneConfig, seed: int) -> Scores:
    """Score the file and write all about it into `folder`."""
    name = folder.name
    with appearing(folder) as writing:
        scores, seen, slices = _score(chosen, predictor, split, config, seed, writing / "predictions.jsonl")
        looks = look(chosen, seen.fingerprint)
        write_json(writing / "metrics.json", {name: scores.metrics})
        write_json(writing / "tables.json", {name: scores.tables})
        write_slices(writing, {name: slices})
        facts = {
            "name": name,
            "created": time(),
            "data": {"files": split.files, "rows": seen.rows, "fingerprint": seen.fingerprint},
            "headline": {"split": name, "metric": scores.headline},
            "seed": seed,
            "settings": config.evaluation.model_dump(),
            "reading": {key: value for key, value in config.data.model_dump().items() if f"data.{key}" in _READING},
            "looks": looks,
            "versions": versions(),
        }
        write_json(writing / "evaluation.json", facts)
    if sentence := looks_told(looks, name):
        console.say(sentence)
    console.say(f"report: {write_report(folder)}")
    write_report(chosen.path)
    if not write_card(chosen.path):
        console.say(f"{chosen.model / CARD} was edited by hand and stays as it is")
    return scores


def _score(
    chosen: Run, predictor: Predictor, split: Source, config: FinetuneConfig, seed: int, out: Path | None
) -> tuple[Scores, Seen, dict[str, Any] | None]:
    settings, task = config.evaluation, predictor.task
    seen = Seen(task, settings.slices)
    judge = Judge(settings.resamples, seed, settings.texts)
    scores = judge.score(predictor, split, total=len(split), out=out, seen=seen)
    validation = validation_outcomes(chosen, task) if settings.operating_points else None
    details = Details(settings, seed, _temperature(chosen), validation)
    return details.added(scores, seen, {}), seen, details.slices(seen)


def _temperature(chosen: Run) -> float | None:
    """What the logits of the run's model were divided by."""
    if not (chosen.path / "run.json").is_file():
        return None
    found: float | None = chosen.manifest.get("calibration", {}).get("temperature")
    return found


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


def _config(chosen: Run, task: str, new: NewFile) -> FinetuneConfig:
    """The run's config, so that a new file is read (format, columns, ...) and scored as the run's own were."""
    for word in new.words:
        key = word.partition("=")[0]
        if not key.startswith((*_READING, *_SCORING)):
            what = f"`{key}` says neither how to read a file nor how to score it"
            raise ConfigError(what, where="--set", fix=f"use {', '.join((*_READING, *_SCORING))}")
    path = chosen.path / "config.yaml"
    source: Any = path if path.is_file() else {"task": task, "data": {"train": new.path}}
    config = load_config("finetune", source, ["data.revision=null", "data.subset=null", *new.words]).config
    form = "auto" if config.data.format == "hub" else config.data.format
    reading = config.data.model_copy(update={**_OF_TRAINING, "train": new.path, "format": form})
    slices = list(dict.fromkeys([*config.evaluation.slices, *new.slices]))
    scoring = config.evaluation.model_copy(update={"slices": slices})
    return config.model_copy(update={"data": reading, "evaluation": scoring})
