"""Everything before pretraining: corpus read, tokenizer made or found, documents tokenised, ledger made."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lmfit import console
from lmfit.config.model import ModelConfig
from lmfit.config.pretraining import PretrainConfig
from lmfit.data.ledger import find_few_steps
from lmfit.errors import ConfigError, DataError
from lmfit.hub import cached_commit
from lmfit.models.load import ModelSource, find_model, load_tokenizer
from lmfit.pretraining.architecture import check_positions, check_tokenizer, frame_of, refuse_unfit, vocabulary_of
from lmfit.pretraining.corpus import SPLITS, Corpus, load_corpus
from lmfit.pretraining.masking import Masking
from lmfit.pretraining.objective import PretrainObjective
from lmfit.pretraining.rows import PretrainPlan, PretrainRows
from lmfit.pretraining.tokenizer import TokenizerReport, read_tokenizer, report_on, trained_tokenizer
from lmfit.pretraining.tokens import Cut, tokenised
from lmfit.training.trainer import BUDGET_UNKNOWN_STEPS, planned_steps

TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class TextMaterial:
    """What a language model is trained with. rows: by split."""

    config: PretrainConfig
    tokenizer: Any
    rows: Mapping[str, PretrainRows]

    @property
    def material(self) -> "TextMaterial":
        """This alone, also of something that holds more: the training rows."""
        return TextMaterial(self.config, self.tokenizer, {"train": self.rows["train"]})

    @property
    def weights(self) -> Mapping[str, float]:
        """Objective -> weight."""
        return self.config.pretraining.weights

    def objective(self, purpose: str) -> PretrainObjective:
        """The objective; what it hides follows from the seed, the purpose and the row."""
        pretraining, masking = self.config.pretraining, None
        if "mlm" in self.weights:
            masking = Masking(pretraining.masking, vocabulary_of(self.tokenizer), self.config.seed, purpose)
        return PretrainObjective(self.weights, self.tokenizer.pad_token_id, masking)

    def plan(self) -> PretrainPlan:
        """Which rows each step takes."""
        training, ramp = self.config.training, self.config.pretraining.batch_ramp
        shares = [source.weight for source in self.config.data.sources if source.weight is not None]
        return PretrainPlan(
            self.rows["train"],
            self.config.seed,
            batch_size=training.batch_size,
            batch_tokens=training.batch_tokens,
            shares=shares,
            ramp=(ramp.start, ramp.steps) if ramp else None,
        )


@dataclass(frozen=True)
class Ready(TextMaterial):
    """What pretraining needs."""

    source: ModelSource | None
    commit: str | None
    corpus: Corpus
    report: TokenizerReport
    seconds: float
    warnings: list[str] = field(default_factory=list)

    def under(self, config: PretrainConfig) -> "Ready":
        """The same text and tokens for another training."""
        return replace(self, config=config)

    @property
    def scored(self) -> tuple[str, ...]:
        """The splits that are scored at the end: the test part only where that is wanted."""
        return ("validation", "test") if self.config.evaluation.test else ("validation",)

    @property
    def fingerprints(self) -> dict[str, Any]:
        """For run.json: files, documents and content hash of each split."""
        files = list(self.corpus.facts["files"])
        splits: Mapping[str, int] = self.corpus.facts["splits"]
        return {name: {"files": files, "rows": n, "sha256": self.corpus.fingerprint} for name, n in splits.items()}

    def lines(self) -> list[str]:
        """What is said before training."""
        facts, train = self.corpus.facts, self.rows["train"].sequences
        left_out = [f"{name} {count:,}" for name, count in facts["left_out"].items()]
        twice = facts["duplicates"]
        files = console.counted(len(facts["files"]), "file")
        told = [f"corpus: {facts['read']:,} documents, {facts['words']:,} words in {files}"]
        told += [f"left out: {', '.join(left_out)}"] if left_out else []
        told += (
            [f"duplicates left out: {twice['exact']:,} exact, {twice['near']:,} near"] if any(twice.values()) else []
        )
        told += [f"overlap with {path}: {console.counted(n, 'document')}" for path, n in facts["overlap"].items()]
        held = ", ".join(f"{name} {facts['splits'][name]:,}" for name in SPLITS)
        told += [f"documents: {held}; {train.facts['tokens']:,} training tokens in {len(train):,} sequences"]
        return [*told, str(self.report), *self.corpus.notices]

    def ledger(self) -> dict[str, Any]:
        """ledger.json."""
        steps = planned_steps(self.config.training, self.plan())
        files = list(self.corpus.facts["files"])
        splits = {name: {"rows": n, "files": files, "labels": {}} for name, n in self.corpus.facts["splits"].items()}
        return {
            "splits": splits,
            "planned_steps": None if steps == BUDGET_UNKNOWN_STEPS else steps,
            "notices": self.lines(),
            "warnings": self.warnings,
            "findings": [],
            "corpus": self.corpus.facts,
            "tokenizer": self.report.as_dict(),
        }


def prepare_corpus(config: PretrainConfig, kept: Path | None = None) -> Ready:
    """Read, check and tokenise; a user's mistakes are found here. kept: the tokenizer that a run began with."""
    started = time.perf_counter()
    weights = config.pretraining.weights
    source = _source(config)
    model_config = refuse_unfit(source, weights) if source else None
    if model_config is not None:
        check_positions(model_config, config.pretraining.max_length, str(config.model.name))
    corpus = load_corpus(config.data)
    tokenizer = _tokenizer(config, source, corpus, kept)
    where = "pretraining.tokenizer.name" if config.pretraining.tokenizer.name else "model.name"
    check_tokenizer(tokenizer, model_config, weights, where)
    frame, pair = frame_of(tokenizer, weights), config.pretraining.pair
    causal = "clm" in weights
    body = config.pretraining.max_length - (frame.pair if pair else frame.single)
    cut = Cut(body, tokenizer.eos_token_id if causal else None, sentences=pair is not None)
    rows = {
        split: PretrainRows(tokenised(corpus, split, tokenizer, cut), frame, pair, config.seed, split)
        for split in SPLITS
    }
    _check_sequences(config, rows)
    commit = cached_commit(source.where, source.revision) if source is not None and source.kind == "hub" else None
    report = report_on(tokenizer, corpus)
    ready = Ready(config, tokenizer, rows, source, commit, corpus, report, time.perf_counter() - started)
    ready.warnings.extend(_warnings(ready))
    return ready


def _source(config: PretrainConfig) -> ModelSource | None:
    model = config.model
    if model.name is None:
        return None
    asked = ModelConfig(name=model.name, revision=model.revision, trust_remote_code=model.trust_remote_code)
    found = find_model(asked)
    if found.kind == "scratch":
        what = f"`{model.name}` has no pretrained weights"
        raise ConfigError(what, where="model.name", fix="leave model.name out, and say model.architecture")
    return found


def _tokenizer(config: PretrainConfig, source: ModelSource | None, corpus: Corpus, kept: Path | None) -> Any:
    """The one a run began with; the one asked for; that of the model; else one trained on the corpus."""
    named = config.pretraining.tokenizer.name
    if kept is not None and kept.is_dir():
        return read_tokenizer(kept)
    if named is not None:
        return load_tokenizer(find_model(ModelConfig(name=named)))
    if source is not None:
        return load_tokenizer(source)
    return trained_tokenizer(corpus, config.pretraining.tokenizer, causal="clm" in config.pretraining.weights)


def _check_sequences(config: PretrainConfig, rows: Mapping[str, PretrainRows]) -> None:
    """Raises DataError or ConfigError where the documents do not give what the objectives need."""
    for split, held in rows.items():
        if not len(held):
            what = f"the {split} documents give no sequence of tokens"
            raise DataError(what, where="data.train", fix="more text, or another data.split_seed")
    train = rows["train"].sequences
    longest, body = int(train.facts["longest"]), config.pretraining.max_length
    if longest < body // 2:
        what = f"the longest document has {longest:,} tokens, so no sequence comes near max_length {body}"
        fix = f"pretraining.max_length={max(8, longest + 3)}, or larger documents (data.documents)"
        raise ConfigError(what, where="pretraining.max_length", fix=fix)
    if config.pretraining.pair and not any(_pairs(rows["train"])):
        what = f"no sequence holds the beginning of a second sentence, which {config.pretraining.pair} needs"
        raise DataError(
            what, where="data.train", fix="text with full stops or a line per sentence; or objectives=[mlm]"
        )
    if config.pretraining.pair == "nsp" and int(train.facts["documents"]) < 2:
        raise DataError("nsp takes segments from other documents, and there is one only", where="data.train")
    for number, source in enumerate(config.data.sources):
        if source.weight is not None and not (np.asarray(train.source) == number).any():
            what = f"the source `{source.path}` has a weight and no training sequence"
            raise DataError(what, where="data.train", fix="see what duplicates and filters leave of it")


def _pairs(rows: PretrainRows) -> Sequence[bool]:
    """Whether some of the first sequences can be cut in two."""
    return [len(rows.sequences.sentence_starts(number)) > 0 for number in range(min(len(rows), 10_000))]


def _warnings(ready: Ready) -> list[str]:
    training, plan = ready.config.training, ready.plan()
    steps = planned_steps(training, plan)
    found = find_few_steps(steps, plan.steps_per_epoch, by_epochs=training.max_steps is None)
    told = [one.sentence for one in found]
    if ready.report.unknown > 0.01:
        told.append(f"{ready.report.unknown:.1%} of the held-out tokens are unknown to the tokenizer")
    for path, count in ready.corpus.facts["overlap"].items():
        if count and ready.config.data.overlap == "report":
            met = f"{console.counted(count, 'document')} with 13 words in a row of {path}"
            told.append(f"{met}; data.overlap=drop leaves such documents out")
    return told
