"""lmfit evaluate: the scores of a run, or of a run on a new labelled file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Any

from lmfit import console
from lmfit.config.load import load_config, load_run_config
from lmfit.config.schema import FinetuneConfig
from lmfit.data.audit.against import trained_on
from lmfit.data.example import Example
from lmfit.data.ledger import count_labels
from lmfit.data.sources import Source, Splits, load_splits
from lmfit.errors import ConfigError, InputError, Problem, retold
from lmfit.evaluation.card import CARD, write_card
from lmfit.evaluation.report import write_report
from lmfit.evaluation.scores import Scores
from lmfit.inference.load import load_predictor
from lmfit.inference.predictor import Predictor
from lmfit.runs import BESIDE, Run, evaluations, write_json
from lmfit.stages.details import Details, check_details
from lmfit.stages.evaluations import appearing, choose_folder, has_validation, validation_outcomes
from lmfit.stages.judge import Judge, shown
from lmfit.stages.looks import look, looks_told
from lmfit.stages.own_rows import judge_own_rows
from lmfit.stages.robustness import Subject, chosen_perturbations, with_robustness
from lmfit.stages.scoring import write_slices
from lmfit.stages.seen import Seen
from lmfit.stages.versions import versions
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
_SCORING = (
    "evaluation.slices",
    "evaluation.operating_points",
    "evaluation.costs",
    "evaluation.robustness",
    "evaluation.texts",
)
_OPTION = "--data"
_SEED = 13
_OF_TRAINING = {
    "name": None,
    "validation": None,
    "test": None,
    "limit": None,
    "limit_per_class": None,
    "limit_train": None,
}


@dataclass(frozen=True)
class Asked:
    """What is to be scored: a labelled file, or with `path` None the run's own test rows.

    name: of a file's scores (None: the file's). slices, robustness: beside those of the config.
    words: overrides on how the run's own files were read, such as `data.columns={text: body}`, and scored.
    """

    path: str | None = None
    name: str | None = None
    words: Sequence[str] = ()
    slices: Sequence[str] = ()
    robustness: Sequence[str] = ()
    overwrite: bool = False


@dataclass(frozen=True)
class Judged:
    """Metrics by split and by name of each evaluation; rows of the table "robustness", where it was measured."""

    metrics: dict[str, Any]
    robustness: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form: the metrics, and `robustness` where it was measured."""
        return self.metrics | ({"robustness": self.robustness} if self.robustness else {})


def run(chosen: Run, asked: Asked, *, device: str, seed: int | None) -> Judged:
    """Metrics of `chosen` by split and by name of each evaluation; of a new labelled file, those of it alone.

    An evaluation that has the name of a split is told as NAME-file beside it.

    All about a new file is kept in evaluations/NAME of a run folder, which appears when it is whole.
    Raises InputError or DataError where the file cannot be read, or its name is taken.
    """
    if asked.path is None:
        more = bool(asked.slices or asked.robustness)
        rows = judge_own_rows(chosen, asked.slices, asked.robustness, device=device, seed=seed) if more else []
        own = {split: entries for split, entries in chosen.metrics.items() if split not in BESIDE}
        found = {folder.name: next(iter(Run(folder).metrics.values())) for folder in evaluations(chosen)}
        named = {f"{name}-file" if name in own else name: metrics for name, metrics in found.items()}
        return Judged(own | named, rows)
    folder = choose_folder(chosen, asked.path, asked.name, overwrite=asked.overwrite)
    predictor = load_predictor(chosen, device=device)
    config = _config(chosen, predictor.task.name, asked)
    predictor.quick = not config.evaluation.operating_points
    with retold(_by_option):
        splits = load_splits(config.data, predictor.task.example_kind, keep_columns=bool(config.evaluation.slices))
    for notice in (*splits.notices, *(doubt.sentence for doubt in splits.doubts)):
        console.say(notice)
    _warn_of_strangers(predictor.task, splits.train)
    first = next(iter(splits.train), None)
    check_details(config.evaluation, predictor.task, first, validation=has_validation(chosen))
    _check_own_data(chosen, predictor.task, config.evaluation.robustness)
    seed = _SEED if seed is None else seed
    if (chosen.path / "run.json").is_file():
        scores = _kept(chosen, predictor, splits.train, folder, config, seed)
    else:
        with TemporaryDirectory() as writing:
            scores, _, _ = _score(chosen, predictor, splits.train, config, seed, Path(writing) / "predictions.jsonl")
    console.say(f"{folder.name}: {scores.headline} {shown(scores.metrics[scores.headline])}")
    return Judged({folder.name: scores.metrics}, scores.tables.get("robustness", []))


def _by_option(problem: Problem) -> Problem:
    """What is said of the key of the file, said of the option."""
    return replace(problem, where=_OPTION) if problem.where == "data.train" else problem


def _kept(chosen: Run, predictor: Predictor, split: Source, folder: Path, config: FinetuneConfig, seed: int) -> Scores:
    """Score the file and write all about it into `folder`."""
    name = folder.name
    known = trained_on(chosen.path, split)
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
            "warnings": [known] if known else [],
            "versions": versions(),
        }
        write_json(writing / "evaluation.json", facts)
    if known:
        console.warn(f"{name}: {known}")
    if sentence := looks_told(looks, name):
        console.say(sentence)
    console.say(f"report: {write_report(folder)}")
    write_report(chosen.path)
    if not write_card(chosen.path):
        console.say(f"{chosen.model / CARD} was edited by hand and stays as it is")
    return scores


def _score(
    chosen: Run, predictor: Predictor, split: Source, config: FinetuneConfig, seed: int, out: Path
) -> tuple[Scores, Seen, dict[str, Any] | None]:
    settings, task = config.evaluation, predictor.task
    seen = Seen(task, settings.slices)
    judge = Judge(settings.resamples, seed, settings.texts)
    scores = judge.score(predictor, split, total=len(split), out=out, seen=seen)
    validation = validation_outcomes(chosen, task) if settings.operating_points else None
    details = Details(settings, seed, _temperature(chosen), validation)
    subject = Subject(predictor, split, details.added(scores, seen, {}), out, lambda: _own_splits(chosen, task))
    return with_robustness(subject, settings.robustness, judge), seen, details.slices(seen)


def _check_own_data(chosen: Run, task: Task, robustness: Sequence[str]) -> None:
    """Raises InputError where a perturbation must know the training data, and the model does not tell them."""
    asking = [one.name for one in chosen_perturbations(robustness, task) if one.needs_training]
    if asking and not (chosen.path / "config.yaml").is_file():
        what = f"`{chosen.path}` does not tell what it was trained on, which the perturbation `{asking[0]}` must know"
        raise InputError(what, fix=f"name a run folder, or leave {asking[0]} out")


def _own_splits(chosen: Run, task: Task) -> Splits:
    """The data that the run was trained and judged on."""
    return load_splits(load_run_config(chosen).config.data, task.example_kind)


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


def _config(chosen: Run, task: str, asked: Asked) -> FinetuneConfig:
    """The run's config, so that a new file is read (format, columns, ...) and scored as the run's own were."""
    for word in asked.words:
        key = word.partition("=")[0]
        if not key.startswith((*_READING, *_SCORING)):
            what = f"`{key}` says neither how to read a file nor how to score it"
            raise ConfigError(what, where="--set", fix=f"use {', '.join((*_READING, *_SCORING))}")
    perturbed = [f"evaluation.robustness={list(asked.robustness)}"] if asked.robustness else []
    path = chosen.path / "config.yaml"
    words = ["data.revision=null", "data.subset=null", *asked.words, *perturbed]
    if path.is_file():
        config = load_run_config(chosen, words).config
    else:
        config = load_config("finetune", {"task": task, "data": {"train": asked.path}}, words).config
    form = "auto" if config.data.format == "hub" else config.data.format
    reading = config.data.model_copy(update={**_OF_TRAINING, "train": asked.path, "format": form})
    slices = list(dict.fromkeys([*config.evaluation.slices, *asked.slices]))
    scoring = config.evaluation.model_copy(update={"slices": slices})
    return config.model_copy(update={"data": reading, "evaluation": scoring})
