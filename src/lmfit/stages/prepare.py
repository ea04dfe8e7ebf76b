"""Everything before training: model found, data read, task learnt, rows tokenised, ledger made."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from lmfit import console
from lmfit.catalog import TASKS
from lmfit.config.data import FoldsConfig
from lmfit.config.model import ModelConfig
from lmfit.config.schema import FinetuneConfig
from lmfit.data.accounts import row_sums
from lmfit.data.audit.audit import Audit, audited, refuse_errors
from lmfit.data.batching import BatchPlan
from lmfit.data.findings import Finding, by_severity
from lmfit.data.framing import Framer
from lmfit.data.ledger import Ledger, SplitLedger, find_few_steps, find_in_encoding
from lmfit.data.rows import Row, Rows, cached_rows
from lmfit.data.samples import FOLDER as SAMPLES
from lmfit.data.sources import Source, Splits, load_splits
from lmfit.errors import ConfigError, suggestion
from lmfit.evaluation.names import METRICS, Metric, metric
from lmfit.hub import cached_commit
from lmfit.inference.predictor import encode_all
from lmfit.models.damaged import check_vocabulary, check_weights
from lmfit.models.grow import Growth
from lmfit.models.load import ModelSource, find_model, load_config, load_tokenizer, mark_words
from lmfit.models.lora import check_adapter
from lmfit.models.own_head import HEAD_KEY, facts_of
from lmfit.models.plain import LMFIT_KEY
from lmfit.models.positions import positions
from lmfit.models.scratch import doubts_about, fitted
from lmfit.stages.details import check_details
from lmfit.tasks.base import Stats, Task
from lmfit.tracking.trackers import check_trackers
from lmfit.training.trainer import BUDGET_UNKNOWN_STEPS, planned_steps
from lmfit.version import __version__

DEFAULT_MAX_LENGTH = 256
ROWS_VERSION = 3


@dataclass(frozen=True)
class Material:
    """What a model is trained with."""

    config: FinetuneConfig
    task: Task
    framer: Framer
    rows: Rows
    beside: Sequence["Material"] = field(default=(), kw_only=True)
    """Other tasks that are learnt at the same time."""

    @property
    def material(self) -> "Material":
        """This alone, also of something that holds more."""
        beside = [one.material for one in self.beside]
        return Material(self.config, self.task, self.framer, self.rows, beside=beside)


@dataclass(frozen=True)
class Studied(Material):
    """What a model is trained with, and the data that it is judged on meanwhile."""

    splits: Splits
    beside: Sequence["Studied"] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Prepared(Studied):
    """All that is known before training, and the ledger of it."""

    source: ModelSource
    commit: str | None
    growth: Growth | None
    audit: Audit
    ledger: Ledger
    seconds: float
    beside: Sequence["Prepared"] = field(default=(), kw_only=True)

    @property
    def held_out(self) -> dict[str, Source]:
        """The splits that are scored: those besides the training data, the test rows only where that is wanted."""
        scored = ("validation", "test") if self.config.evaluation.test else ("validation",)
        return {name: split for name, split in self.splits.named.items() if name in scored}

    @property
    def fingerprints(self) -> dict[str, Any]:
        """For run.json: files, rows and content hash of each split."""
        others = {f"source {i}": one.fingerprints["train"] for i, one in enumerate(self.beside, 1)}
        return self.splits.fingerprints | others


def prepare(config: FinetuneConfig) -> Prepared:
    """Read, check and tokenise. Nothing is written but the token cache; every user's mistake is found here."""
    started = time.perf_counter()
    check_trackers(config.trackers)
    source = find_model(config.model)
    if source.folder is not None:
        check_weights(source.folder, source.name)
    check_adapter(config.model.lora, source)
    kind = TASKS.load(config.task.name)
    splits = load_splits(config.data, kind.example_kind, keep_columns=bool(config.evaluation.slices))
    source = fitted(source, splits.train)
    model_config, tokenizer = load_config(source), load_tokenizer(source)
    check_vocabulary(tokenizer, model_config, source.name)
    if kind.example_kind == "words":
        mark_words(tokenizer)
    task = kind.learn(config.task, splits.words or "unicode", splits.train)
    check_judged(config, task, splits)
    growth = trained_head(config.model, source, model_config, task)
    first = next(iter(splits.test or splits.validation or splits.train), None)
    check_details(config.evaluation, task, first, validation=splits.validation is not None)
    framer = make_framer(config, tokenizer, positions(model_config))
    audit = audited(splits.named, task.label_counts, (task.name, task.kind))
    refuse_errors(audit.findings)
    encoded = {name: tokenised(task, framer, split) for name, split in splits.named.items()}
    rows = encoded["train"]
    ledger = _make_ledger(config, source, audit, splits, encoded)
    ledger.notices += task.remarks
    commit = cached_commit(source.where, source.revision) if source.kind == "hub" else None
    seconds = time.perf_counter() - started
    return Prepared(config, task, framer, rows, splits, source, commit, growth, audit, ledger, seconds)


def check_judged(config: FinetuneConfig, task: Task, splits: Splits) -> None:
    """What decides over weights must be measured: on validation data, by a metric of the task. Raises ConfigError."""
    training = config.training
    if splits.validation is None and not config.cross_validated:
        for key in ("early_stopping", "best_metric"):
            if getattr(training, key) is not None:
                fix = "set data.validation={split: 0.1}, or take the key out"
                raise ConfigError(f"{key} needs validation data", where=f"training.{key}", fix=fix)
    elif training.best_metric is not None and not _chooses(metric(training.best_metric), task):
        fitting = [name for name, entry in METRICS.items() if _chooses(entry, task)]
        what = f"`{training.best_metric}` is not computed for this task during training"
        raise ConfigError(what, where="training.best_metric", fix=f"one of {', '.join(fitting)}")
    elif training.best_metric is not None and training.best_metric.startswith("per_class."):
        label = training.best_metric.removeprefix("per_class.").rpartition(".")[0]
        known = sorted({name[2:] for name in task.labels if name != "O"} if task.kind == "entities" else task.labels)
        if label not in known:
            what = f"`{training.best_metric}`: no label `{label}` in the training data"
            raise ConfigError(what, where="training.best_metric", fix=suggestion(label, known))


def trained_head(config: ModelConfig, source: ModelSource, model_config: Any, task: Task) -> Growth | None:
    """What the training data changes about the labels of the model's head; None where the head is not of this task.

    Raises ConfigError where a run would lose a label without `model.drop_labels`.
    """
    told = getattr(model_config, LMFIT_KEY, None) or {}
    if told.get(HEAD_KEY) != facts_of(config):
        return None
    architecture = (model_config.architectures or [""])[0]
    labels = [model_config.id2label[i] for i in range(len(model_config.id2label))]
    problems = {model_config.problem_type, task.model_settings().get("problem_type")} - {None}
    known = told.get("task") == task.name or task.foreign_state(architecture, labels, model_config) is not None
    if not known or len(problems) > 1:
        return None
    growth = Growth(labels, task.labels)
    if growth.dropped and not config.drop_labels and hasattr(model_config, LMFIT_KEY):
        shown = ", ".join(growth.dropped[:10]) + (", ..." if len(growth.dropped) > 10 else "")
        what = f"the training data lacks {len(growth.dropped)} labels that `{source.name}` knows: {shown}"
        fix = "add rows of them, or lose them with model.drop_labels=true"
        raise ConfigError(what, where="model.name", fix=fix)
    return growth if growth.kept else None


def _chooses(entry: Metric, task: Task) -> bool:
    return task.kind in entry.kinds and not entry.at_end


def make_framer(config: FinetuneConfig, tokenizer: Any, limit: int | None) -> Framer:
    """The framer for `data.max_length`. Raises ConfigError where the model has fewer positions."""
    asked = config.data.max_length
    if asked is not None and limit is not None and asked > limit:
        raise ConfigError(
            f"max_length {asked} is more than the {limit} positions of `{config.model.name}`",
            where="data.max_length",
            fix=f"set data.max_length={limit}; longer texts become overlapping windows",
        )
    return Framer(tokenizer, asked or min(DEFAULT_MAX_LENGTH, limit or DEFAULT_MAX_LENGTH), config.data.overflow)


def _short(notice: str) -> str:
    """Without the folder of the bundled samples."""
    return notice.replace(f"{SAMPLES}{os.sep}", "")


def tokenised(task: Task, framer: Framer, split: Source) -> Rows:
    """The rows of a split, from the cache where they are there."""
    stats = Stats()

    def rows() -> Iterator[Row]:
        examples = console.progress(split, total=len(split), what=f"tokenising {split.name}")
        for encoded in encode_all(task, examples, framer, stats):
            yield from encoded.rows

    return cached_rows(rows_key(task, framer, split), rows(), stats.as_dict)


def rows_key(task: Task, framer: Framer, split: Source) -> dict[str, Any]:
    """All that decides how a split is tokenised."""
    return {
        "version": (ROWS_VERSION, __version__),
        "data": split.fingerprint,
        "tokenizer": sha256(framer.backend.to_str().encode()).hexdigest(),
        "task": (task.name, task.state()),
        "length": (framer.max_length, framer.overflow, framer.uses_types),
    }


def _make_ledger(
    config: FinetuneConfig, source: ModelSource, audit: Audit, splits: Splits, encoded: dict[str, Rows]
) -> Ledger:
    held = {
        name: SplitLedger(s.files, audit.profiles[name], dict(encoded[name].stats)) for name, s in splits.named.items()
    }
    training = config.training
    plan = BatchPlan(
        encoded["train"].lengths, config.seed, batch_size=training.batch_size, batch_tokens=training.batch_tokens
    )
    steps = planned_steps(training, plan)
    scratch = doubts_about(source, training.learning_rate, config.model.freeze)
    findings = [
        *find_in_encoding(held, unknown_allowed=config.model.on_unknown == "allow", model=source.name),
        *find_few_steps(steps, plan.steps_per_epoch, by_epochs=training.max_steps is None),
        *splits.doubts,
        *audit.findings,
        *(Finding("scratch", "warning", doubt) for doubt in scratch),
    ]
    if splits.validation is None and not isinstance(config.data.validation, FoldsConfig):
        what = "no validation data: the last weights are kept; set aside some with data.validation={split: 0.1}"
        findings.append(Finding("no-validation", "warning", what, fix="set data.validation={split: 0.1}"))
    limits = [
        f"data.{name}" for name in ("limit", "limit_per_class", "limit_train") if getattr(config.data, name) is not None
    ]
    sums = row_sums(splits.accounts, {name: (one.files, one.rows) for name, one in held.items()}, " and ".join(limits))
    notices = [_short(notice) for notice in splits.notices]
    known = 0 if steps == BUDGET_UNKNOWN_STEPS else steps
    accounts = [replace(account, file=_short(account.file)) for account in splits.accounts]
    return Ledger(held, known, notices, by_severity(findings), accounts, [_short(told) for told in sums])
