"""The sections of `lmfit pretrain`: the corpus, the model that is made, what it learns, how it is judged."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from lmfit.catalog import CORPUS_FORMATS
from lmfit.config.choice import OneOf
from lmfit.config.section import Section
from lmfit.config.sizes import size_bytes
from lmfit.config.training import DeviceConfig, TrainingConfig

Objective = Literal["mlm", "nsp", "sop", "clm"]
_MASKED: dict[Objective, float] = {"mlm": 1.0}
_SUM_TOLERANCE = 1e-3


class CorpusFile(Section):
    """One of several sources of text, with its share of the mixture."""

    path: str
    """A path or a glob; with `format: hub` a split name; the YAML of a fine-tuning: the texts of its training rows."""
    weight: float | None = Field(default=None, gt=0, le=1)
    """Its share of the training sequences; given for all sources or for none, summing to 1. null: all text once."""
    format: Annotated[str, OneOf(CORPUS_FORMATS, "auto")] | None = None
    """Its format; null: data.format."""
    documents: Literal["auto", "file", "line", "blank"] | None = None
    """What one document is in it; null: data.documents."""
    text: str | None = None
    """The column that holds its text; null: data.text."""


class FiltersConfig(Section):
    """Which documents are left out; each rule counts what it takes away."""

    min_words: int = Field(default=5, ge=0)
    """Shorter documents are left out (Han characters count as words)."""
    max_words: int | None = Field(default=None, ge=1)
    """Longer documents are left out; null: none."""
    max_symbols: float = Field(default=0.5, gt=0, le=1)
    """Most share of characters that are neither letters nor blanks."""
    max_repeated_lines: float = Field(default=0.5, gt=0, le=1)
    """Most share of lines that repeat an earlier line of the document, from four lines on."""
    language: str | None = None
    """Keep documents in this language only: en, de, fr, es, it, pt, nl, zh, ja, ko, ...; null: all."""


class CorpusConfig(Section):
    """The raw text, and how to read it."""

    name: str | None = None
    """With `format: hub` the id of the data set."""
    format: Annotated[str, OneOf(CORPUS_FORMATS, "auto")] = "auto"
    """text, conll (words), jsonl, parquet, csv, tsv, wikipedia, warc (WET), hub, config (a YAML); auto: by suffix."""
    train: str | list[str | CorpusFile] | None = None
    """A path, a glob or a list of them, also of {path, weight, format, documents}; with `format: hub` a split."""
    documents: Literal["auto", "file", "line", "blank"] = "auto"
    """Text files: what one document is. auto: between blank lines where there are any, else the whole file."""
    text: str = "text"
    """Tables, JSON lines, Hub: the column that holds the text."""
    encoding: str = "auto"
    """Text encoding; auto: UTF-8, else what the bytes show, and it is said."""
    subset: str | None = None
    """Configuration name of a Hub data set that has several."""
    revision: str | None = None
    """Branch, tag or commit of a Hub data set."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first n documents of each file: for a quick try."""
    held_out: float = Field(default=0.02, gt=0, lt=0.5)
    """Share of the documents (by hash) that is not trained on: half validation, half test."""
    split_seed: int = 0
    """Changes which documents are held out; independent of `seed`."""
    duplicates: Literal["keep", "exact", "near"] = "near"
    """Documents that occur twice: keep all, one of equal ones, or one of nearly equal ones (MinHash)."""
    near: float = Field(default=0.8, ge=0.5, lt=1)
    """Jaccard similarity of five-word runs from which documents are nearly equal."""
    filters: FiltersConfig = FiltersConfig()
    """Which documents are left out."""
    evaluation_sets: list[str] = Field(default_factory=list)
    """Files whose texts should not stand in the corpus; what overlaps (13 words in a row) is counted and reported."""
    overlap: Literal["report", "drop"] = "report"
    """What becomes of documents that overlap with evaluation_sets."""

    @model_validator(mode="after")
    def _something_to_read(self) -> "CorpusConfig":
        if self.format == "hub":
            if self.name is None:
                raise ValueError("format: hub needs name: the id of the data set on the Hub")
        elif self.train is None:
            raise ValueError("say where the text is: data.train: FILE, or a list of them")
        given = [one.weight if isinstance(one, CorpusFile) else None for one in self.sources]
        weights = [weight for weight in given if weight is not None]
        if weights and len(weights) < len(given):
            raise ValueError("some sources have a weight and others none; give one to each, or to none")
        if weights and abs(sum(weights) - 1) > _SUM_TOLERANCE:
            raise ValueError(f"the weights of the sources sum to {sum(weights):g}, not to 1")
        return self

    @property
    def sources(self) -> list[CorpusFile]:
        """The sources, each with all that is said of it."""
        given = self.train if isinstance(self.train, list) else [self.train or "train"]
        return [CorpusFile(path=one) if isinstance(one, str) else one for one in given]


class PretrainModelConfig(Section):
    """A new model of some architecture and size, or an encoder to go on with."""

    name: str | None = None
    """Go on with this model (a path, a run, a name of `lmfit list models`, a Hub id); null: from random weights."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    trust_remote_code: bool = False
    """Run Python code that comes with a Hub model. Off: such models are refused."""
    architecture: Literal["bert", "roberta", "electra", "modernbert", "gpt2"] = "bert"
    """What is built from random weights; gpt2 is the decoder for clm."""
    layers: int = Field(default=4, ge=1)
    """Number of layers."""
    width: int = Field(default=256, ge=8)
    """Width of the hidden states."""
    heads: int | None = Field(default=None, ge=1)
    """Attention heads; null: one per 64 of width (at least two)."""
    feed_forward: int | None = Field(default=None, ge=8)
    """Width inside the feed-forward blocks; null: four times the width."""
    embedding_width: int | None = Field(default=None, ge=8)
    """electra: width of the embedding table; null: the width."""
    positions: int | None = Field(default=None, ge=8)
    """Longest input; null: 512, or pretraining.max_length where that is more."""

    @model_validator(mode="after")
    def _fits(self) -> "PretrainModelConfig":
        shape = self.model_fields_set - {"name", "revision", "trust_remote_code"}
        changed = sorted(n for n in shape if getattr(self, n) != type(self).model_fields[n].default)
        if self.name is not None and changed:
            raise ValueError(f"{', '.join(changed)} shape a new model; with name the model has its own")
        if self.width % self.head_count:
            raise ValueError(f"width {self.width} is no multiple of its {self.head_count} heads")
        if self.architecture == "modernbert" and self.width // self.head_count % 2:
            each = f"{self.width // self.head_count} (width {self.width}, {self.head_count} heads)"
            raise ValueError(f"modernbert turns its dimensions in pairs: a head cannot be {each} wide")
        return self

    @property
    def head_count(self) -> int:
        """Attention heads."""
        return self.heads or max(2, self.width // 64)


class TokenizerConfig(Section):
    """The tokenizer: trained on the corpus, or taken from a model."""

    name: str | None = None
    """Take it from this model (a path, a run, a Hub id); null: trained, or the one of model.name."""
    kind: Literal["wordpiece", "bpe", "unigram", "characters"] = "wordpiece"
    """How pieces are found; bpe works on bytes, so it knows no unknown token."""
    vocabulary: int = Field(default=8192, ge=64)
    """Number of pieces, special tokens included."""
    lowercase: bool = True
    """Lower-case the text, and take accents off (wordpiece, unigram, characters)."""
    separate_han: bool = True
    """Keep Chinese characters apart, each as a word of its own."""
    sample: str = "50 MB"
    """It is trained on at most so much text, spread over the corpus."""

    @field_validator("sample")
    @classmethod
    def _size(cls, value: str) -> str:
        if size_bytes(value) < 1:
            raise ValueError("expected a size such as 50 MB")
        return value

    @model_validator(mode="after")
    def _trained_or_taken(self) -> "TokenizerConfig":
        fields = type(self).model_fields
        asked = [name for name in fields if name != "name" and getattr(self, name) != fields[name].default]
        if self.name is not None and asked:
            raise ValueError(f"{', '.join(asked)}: no effect with name, whose tokenizer is trained already")
        return self


class MaskingConfig(Section):
    """Which tokens `mlm` hides; drawn anew in every epoch."""

    rate: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens that are predicted."""
    unit: Literal["token", "word", "span"] = "token"
    """What is hidden together: single tokens, whole words, or spans of words (SpanBERT)."""
    mean_span: float = Field(default=3.0, ge=1)
    """unit: span: mean number of words in a span (their lengths are geometric)."""
    split: list[float] = Field(default_factory=lambda: [0.8, 0.1, 0.1], min_length=3, max_length=3)
    """Shares of the predicted tokens that become [MASK], become a random token, stay as they are."""

    @field_validator("split")
    @classmethod
    def _shares(cls, value: list[float]) -> list[float]:
        if min(value) < 0 or abs(sum(value) - 1) > _SUM_TOLERANCE:
            raise ValueError("the three shares (mask, random, keep) must sum to 1")
        return value


class RampConfig(Section):
    """A batch that grows."""

    start: float = Field(default=0.25, gt=0, lt=1)
    """Share of the batch that the first step takes."""
    steps: int = Field(ge=1)
    """Number of steps until the batch is whole."""


class PretrainingConfig(Section):
    """What is learnt from the text."""

    objectives: list[Objective] | dict[Objective, float] = Field(default=_MASKED)
    """A list, or a mapping to weights: mlm, nsp or sop beside mlm, or clm alone. The loss is their weighted sum."""
    max_length: int = Field(default=128, ge=8)
    """Tokens of a sequence; a sequence never crosses the end of a document."""
    tokenizer: TokenizerConfig = TokenizerConfig()
    """The tokenizer."""
    masking: MaskingConfig = MaskingConfig()
    """Which tokens `mlm` hides."""
    beginning: Literal["counts", "random"] = "counts"
    """A new model's embeddings and output biases: by co-occurrence and frequency in the training text, or random."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout while pretraining (0 suits few epochs); model/ keeps the usual 0.1 for fine-tuning."""
    batch_ramp: RampConfig | None = None
    """A batch that grows, e.g. {start: 0.25, steps: 1000}."""
    probes: list[str] = Field(default_factory=list)
    """Fine-tunes (files, or names of starters) at the end, from this model and from what it began with, compared."""
    probe_seeds: list[int] = Field(default_factory=lambda: [1, 2, 3], min_length=1)
    """Seeds of each probe."""

    @field_validator("objectives")
    @classmethod
    def _sensible(cls, value: Any) -> dict[Objective, float]:
        weights: dict[Objective, float] = dict(value) if isinstance(value, Mapping) else dict.fromkeys(value, 1.0)
        if len(weights) < len(value):
            raise ValueError("an objective stands there twice; to give it more weight write e.g. {mlm: 2.0, nsp: 1.0}")
        if not weights or min(weights.values()) <= 0:
            raise ValueError("at least one objective, each with a weight above 0")
        if "clm" in weights and len(weights) > 1:
            raise ValueError("clm stands alone: a causal model sees no masked words")
        if "nsp" in weights and "sop" in weights:
            raise ValueError("nsp and sop share one head; keep one of them")
        if "clm" not in weights and "mlm" not in weights:
            raise ValueError("nsp and sop stand beside mlm; add it")
        return weights

    @property
    def weights(self) -> dict[str, float]:
        """Objective -> weight."""
        given = self.objectives
        return {name: given[name] if isinstance(given, dict) else 1.0 for name in given}

    @property
    def pair(self) -> Literal["nsp", "sop"] | None:
        """The objective about two segments, where there is one."""
        return "nsp" if "nsp" in self.weights else "sop" if "sop" in self.weights else None


class PretrainTrainingConfig(TrainingConfig):
    """The training loop, with defaults for training from random weights."""

    batch_size: int = Field(default=64, ge=1)
    """Sequences per optimizer step, over all devices."""
    learning_rate: float = Field(default=1.0e-3, gt=0)
    """Peak learning rate."""
    evaluate_every: Literal["epoch"] | int | float = 0.1
    """When to evaluate on held-out documents: epoch, a number of steps, or a share of all steps (below 1)."""
    checkpoint_every: Literal["epoch"] | int | float = 0.1
    """When to write a checkpoint: epoch, a number of steps, or a share of all steps (below 1)."""

    @model_validator(mode="after")
    def _of_fine_tuning(self) -> "PretrainTrainingConfig":
        named = {"r_drop": self.r_drop, "adversarial": self.adversarial, "best_metric": self.best_metric}
        for name, value in named.items():
            if value is not None:
                raise ValueError(f"{name} is for fine-tuning; pretraining keeps the weights of the lowest loss")
        if self.sharding == "full":
            raise ValueError(
                "sharding: full is for fine-tuning; several processes pretrain with the whole model on each"
            )
        if self.head_first or self.unfreeze is not None:
            raise ValueError(
                "head_first and unfreeze are for fine-tuning; pretraining trains all weights from the start"
            )
        if self.packing == "on":
            raise ValueError("packing is for fine-tuning; pretraining cuts documents into sequences of like length")
        return self


class PretrainEvaluationConfig(Section):
    """How held-out text is scored."""

    test: bool = True
    """Score the test part at the end; false leaves it aside and scores validation only, as trials of a search do."""
    resamples: int = Field(default=1000, ge=100)
    """Bootstrap resamples (of documents) behind each 95 % interval."""
    tokens: int = Field(default=50_000, ge=100)
    """Most held-out tokens that one evaluation looks at."""
    pseudo_perplexity: int = Field(default=50, ge=0)
    """Test sequences whose pseudo-perplexity is computed at the end, one pass per token; 0: none."""
    language: Literal["en", "zh"] = "en"
    """Language of report.html."""


class PretrainConfig(Section):
    """The whole config of `lmfit pretrain`."""

    model: PretrainModelConfig = PretrainModelConfig()
    """A new model's architecture and size, or the name of one to go on with."""
    data: CorpusConfig
    """The raw text."""
    pretraining: PretrainingConfig = PretrainingConfig()
    """What is learnt from it."""
    training: PretrainTrainingConfig = PretrainTrainingConfig()
    """The training loop."""
    device: DeviceConfig = DeviceConfig()
    """The machine."""
    evaluation: PretrainEvaluationConfig = PretrainEvaluationConfig()
    """Scores and report."""
    output: str | None = None
    """Run folder; null: runs/<config name>, then -2, -3."""
    seed: int = Field(default=13, ge=0, lt=2**32)
    """Seed of everything random."""

    @model_validator(mode="after")
    def _fitting(self) -> "PretrainConfig":
        causal = "clm" in self.pretraining.weights
        if self.model.name is None and causal != (self.model.architecture == "gpt2"):
            kind = "a decoder: model.architecture: gpt2" if causal else "an encoder, which gpt2 is not"
            raise ValueError(f"{'clm' if causal else 'mlm'} needs {kind}")
        if self.pretraining.pair and self.model.name is None and self.model.architecture != "bert":
            raise ValueError(f"{self.pretraining.pair} needs model.architecture: bert, which has a head for it")
        if causal and self.pretraining.masking != MaskingConfig():
            raise ValueError("pretraining.masking: has no effect with clm, which hides no tokens")
        if (most := self.model.positions) is not None and most < self.pretraining.max_length:
            told = f"pretraining.max_length {self.pretraining.max_length} is more than the {most} of model.positions"
            raise ValueError(told)
        tokenizer = self.pretraining.tokenizer
        if self.model.name is not None and tokenizer != TokenizerConfig(name=tokenizer.name):
            raise ValueError("pretraining.tokenizer says how one is trained; model.name brings its own")
        if causal and self.model.name is None and tokenizer.name is None and tokenizer.kind != "bpe":
            raise ValueError("clm takes pretraining.tokenizer.kind: bpe, which can write any text")
        if self.pretraining.batch_ramp and "epoch" in (self.training.evaluate_every, self.training.checkpoint_every):
            raise ValueError("with pretraining.batch_ramp evaluate_every and checkpoint_every are steps or shares")
        return self
