"""The typed tree behind a config file: every key with its type, default and a sentence. No torch here."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from lmfit.catalog import FORMATS, PERTURBATIONS, TRACKERS
from lmfit.config.choice import OneOf
from lmfit.config.durations import seconds
from lmfit.config.sizes import size_bytes


class Section(BaseModel):
    """A part of the config. Unknown keys and wrong types are refused; values cannot change after loading."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


Column = int | str


class ModelConfig(Section):
    """The pretrained model to start from."""

    name: str = "minilm-l6"
    """A path, a run folder (keeps going from it), a name of `lmfit list models`, or a Hub id."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model; null: its main branch. The commit used is written to run.json."""
    trust_remote_code: bool = False
    """Run Python code that comes with a Hub model. Off: such models are refused."""
    freeze: Literal["none", "embeddings", "encoder"] | int = "none"
    """What is not trained: none, embeddings, encoder (all but the head), or n: embeddings and first n layers."""
    head_init: Literal["auto", "random", "class_means"] = "auto"
    """Start of a head, or of a trained head's rows for new labels: random, class_means, auto (means where it can)."""
    drop_labels: bool = False
    """Whether labels that a run knows and the training data lacks may be lost; else that is an error."""
    on_unknown: Literal["stop", "allow"] = "stop"
    """What to do when more than 10 % of the words become unknown tokens."""

    @field_validator("freeze")
    @classmethod
    def _layers(cls, value: Any) -> Any:
        if isinstance(value, int) and value < 0:
            raise ValueError("the number of frozen layers cannot be negative")
        return value


class SplitConfig(Section):
    """A part split off the training data, by a column or by a hash of the text, so that equal texts fall on one side.

    Rows added later move no old ones where a hash decides (stratified: at most a few next to the border).
    """

    split: float = Field(gt=0, lt=1)
    """Share of the training rows, e.g. 0.1."""
    by: Literal["random", "stratified", "group", "date"] = "random"
    """random; stratified: the same share of each class; group: whole groups of rows; date: the newest rows."""
    key: Column | None = None
    """The column that holds the group or the date; stratified: a column that stands for the label."""
    date_format: str = "auto"
    """How dates are written, e.g. "%d.%m.%y"; auto: found out on the whole column, and said."""

    @model_validator(mode="after")
    def _needs_key(self) -> "SplitConfig":
        if self.by in ("group", "date") and self.key is None:
            raise ValueError(f"by: {self.by} needs key: the column that holds the {self.by}")
        return self


class FileConfig(Section):
    """One of several files of a split, with what its rows weigh and where they come from."""

    path: str
    """A path or a glob; with `format: hub` a split name."""
    weight: float = Field(default=1.0, gt=0)
    """What each row of the file weighs in the training loss (others: 1); scores do not weigh rows."""
    source: str | None = None
    """A name for where the rows come from, kept with each row."""


Files = str | list[str | FileConfig]


class FoldsConfig(Section):
    """Cross-validation: each fold of the training data is once the validation data; then one model on all rows."""

    folds: int = Field(ge=2, le=1000)
    """How many parts."""
    by: Literal["random", "group", "stratified"] = "random"
    """random: by a hash of the text; group: rows with the same `key` share a fold; stratified: each class evenly."""
    key: Column | None = None
    """The column that holds the group; stratified: a column that stands for the label."""
    fold: int | None = Field(default=None, ge=0)
    """Train one model alone, with this fold (from 1) as validation data, or on all rows (0); null: all in turn."""

    @model_validator(mode="after")
    def _group_needs_key(self) -> "FoldsConfig":
        if self.by == "group" and self.key is None:
            raise ValueError("by: group needs key: the column that holds the group")
        if self.fold is not None and self.fold > self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds} does not exist")
        return self


class DataConfig(Section):
    """Where the labelled data is and how to read it."""

    name: str | None = None
    """A name of `lmfit list datasets`, or with `format: hub` a Hub data set id."""
    format: Annotated[str, OneOf(FORMATS, "auto")] = "auto"
    """File format, of `lmfit list formats`; auto: by suffix or contents, and what was chosen is said."""
    train: Files | None = None
    """Training file: a path, a glob or a list of them, also of {path, weight, source}; with `format: hub` a split."""
    validation: Files | SplitConfig | FoldsConfig | None = None
    """Validation file, or {split: 0.1} to split it off the training data, or {folds: 5} for cross-validation."""
    test: Files | SplitConfig | None = None
    """Test file, or {split: 0.1} to split it off the training data."""
    columns: dict[str, Column | list[Column]] = Field(default_factory=dict)
    """Where tokens, labels, text, text_pair, label, id, document stand: name, position (-1: last) or a list of them."""
    header: Literal["auto"] | bool = "auto"
    """Whether the first row of a table names its columns."""
    delimiter: str = "auto"
    """What separates columns (csv, tsv) or the label from the text (text); auto is found out and said."""
    quoting: Literal["auto", "standard", "none"] = "auto"
    """Whether double quotes enclose fields of a table; auto: standard for csv, none for tsv."""
    sheet: Column | None = None
    """Sheet of an .xlsx file: its name, or its position from 0; null: the first one."""
    encoding: str = "auto"
    """Text encoding; auto: UTF-8, else what the bytes show, and it is said."""
    label_first: bool = True
    """Text format: the label stands before the text (true) or after it (false)."""
    label_separator: str | None = None
    """Multi-label tables: what separates the labels in one field."""
    unfit_spans: Literal["stop", "drop"] = "stop"
    """Marked spans that no tag per word can hold (they overlap, lie outside, have gaps): an error, or left out."""
    scheme: Literal["auto", "IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BMES", "plain"] = "auto"
    """Tagging scheme, normalised to IOB2; plain: tags without prefixes (parts of speech)."""
    words: Literal["auto", "whitespace", "unicode", "characters"] = "auto"
    """How raw text becomes words; auto: characters for Han text, else unicode. Stored with the model."""
    max_length: int | None = Field(default=None, ge=8)
    """Longest model input in tokens; null: 256, or the model's positions where they are fewer."""
    overflow: Literal["window", "truncate", "error"] = "window"
    """What becomes of longer inputs: overlapping windows whose answers are joined, a cut, or an error."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first n examples of each split, test too: for a quick try, whose scores compare with no other."""
    limit_per_class: int | None = Field(default=None, ge=1)
    """Use only n training examples of each class (chosen by hash); text classification only."""
    split_seed: int = 0
    """Changes which rows `split` takes; independent of `seed`."""
    revision: str | None = None
    """Branch, tag or commit of a Hub data set."""
    subset: str | None = None
    """Configuration name of a Hub data set that has several."""

    @model_validator(mode="after")
    def _something_to_read(self) -> "DataConfig":
        if self.name is None and self.train is None:
            raise ValueError("say what to train on: data.train: FILE, or data: NAME of `lmfit list datasets`")
        if self.format == "hub" and self.name is None:
            raise ValueError("format: hub needs name: the id of the data set on the Hub")
        for name in ("validation", "test"):
            files = getattr(self, name)
            given = files if isinstance(files, list) else []
            if any(isinstance(file, FileConfig) and file.weight != 1 for file in given):
                raise ValueError(f"weight acts on training rows only; take it out of {name}")
        return self


class EarlyStopping(Section):
    """Stop when the best metric no longer improves."""

    patience: int = Field(default=2, ge=1)
    """Evaluations without improvement before training stops."""
    min_delta: float = Field(default=0.0, ge=0)
    """Smaller gains do not count as improvement."""


class TrainingConfig(Section):
    """The training loop."""

    epochs: float | None = Field(default=None, gt=0)
    """Passes over the data; null: 3, or as many as give 200 steps, unless max_steps or budget is given."""
    max_steps: int | None = Field(default=None, ge=1)
    """Number of optimizer steps, instead of epochs."""
    budget: str | None = None
    """Wall-clock time for training, e.g. 30m or 1h30m; turned into max_steps after 20 timed steps."""
    batch_size: int = Field(default=32, ge=1)
    """Examples per optimizer step, over all devices."""
    batch_tokens: int | None = Field(default=None, ge=16)
    """Tokens per optimizer step, instead of batch_size."""
    micro_batch_size: Literal["auto"] | int = "auto"
    """Examples per forward pass; the gradients of one step are summed. auto: by tokens and device."""
    learning_rate: float = Field(default=5.0e-5, gt=0)
    """Peak learning rate."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Layer-wise decay: each layer below the head learns at this factor of the one above (1: all alike)."""
    head_learning_rate: float | None = Field(default=None, gt=0)
    """Peak learning rate of the task head; null: learning_rate."""
    schedule: Literal["linear", "cosine", "constant", "wsd"] = "linear"
    """Learning rate after warm-up: to zero by a line or a cosine, constant, or warm-up-stable-decay (last 20 %)."""
    warmup: float = Field(default=0.1, ge=0)
    """Below 1 a share of all steps, else a number of steps."""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW's decoupled weight decay (not on biases and normalisation weights)."""
    adam_betas: list[float] = Field(default_factory=lambda: [0.9, 0.999], min_length=2, max_length=2)
    """AdamW's decay rates of the two moments."""
    adam_epsilon: float = Field(default=1.0e-8, gt=0)
    """AdamW's epsilon."""
    max_grad_norm: float | None = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm; null: never."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Arithmetic of the forward pass; auto: what the device does well. Weights stay fp32."""
    evaluate_every: Literal["epoch"] | int | float = "epoch"
    """When to evaluate on the validation split: epoch, a number of steps, or a share of all steps (below 1)."""
    checkpoint_every: Literal["epoch"] | int | float = "epoch"
    """When to write a checkpoint: epoch, a number of steps, or a share of all steps (below 1)."""
    keep: int = Field(default=2, ge=1)
    """Checkpoints kept, besides the best one."""
    early_stopping: EarlyStopping | None = None
    """Stop early, e.g. {patience: 2}; null: train to the end."""
    best_metric: str | None = None
    """The metric that decides which weights are kept, of `lmfit list metrics`; null: the task's headline metric."""
    on_nan: Literal["stop", "skip"] = "stop"
    """A step whose loss or gradient is not finite updates nothing: stop there, or skip it; its batch is kept."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Average the weights over the steps at this decay, e.g. 0.999; scores, best weights and model/ are the average."""
    r_drop: float | None = Field(default=None, gt=0)
    """R-Drop: rows pass twice with other dropout; the answers' divergence, times this (e.g. 1.0), joins the loss."""
    adversarial: Literal["fgm"] | None = None
    """Train also on embeddings moved against the model: fgm (fast gradient method), about twice the time a step."""
    adversarial_epsilon: float = Field(default=1.0, gt=0)
    """How far fgm moves the embedding table (L2 norm of the whole move)."""
    gradient_checkpointing: bool = False
    """Keep only the inputs of layers for the gradient and compute the rest again: the same numbers, less memory."""
    compile: bool = False
    """Compile the encoder's layers for training (torch.compile; needs a C++ compiler, else a warning says so)."""
    log_every: int = Field(default=10, ge=1)
    """Steps between two lines of log.jsonl."""

    @field_validator("evaluate_every", "checkpoint_every")
    @classmethod
    def _interval(cls, value: Any) -> Any:
        if isinstance(value, int | float) and (value <= 0 or (value > 1 and value != int(value))):
            raise ValueError("expected `epoch`, a whole number of steps, or a share between 0 and 1")
        return value

    @field_validator("adam_betas")
    @classmethod
    def _decay_rates(cls, value: list[float]) -> list[float]:
        if not all(0 <= rate < 1 for rate in value):
            raise ValueError("both rates lie between 0 and 1 (below 1)")
        return value

    @field_validator("budget")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            seconds(value)
        return value

    @field_validator("micro_batch_size")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected auto or a whole number from 1")
        return value

    @model_validator(mode="after")
    def _one_length(self) -> "TrainingConfig":
        given = [k for k in ("epochs", "max_steps", "budget") if getattr(self, k) is not None]
        if len(given) > 1:
            others = " or ".join(f"training.{name}=null" for name in given)
            raise ValueError(f"{' and '.join(given)} exclude each other; keep one, leave the other out ({others})")
        if self.batch_tokens is not None and "batch_size" in self.model_fields_set:
            raise ValueError("batch_size and batch_tokens exclude each other; keep one")
        return self

    @model_serializer(mode="wrap")
    def _loadable(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the batch_size that batch_tokens overrules, so that what is written can be loaded."""
        values: dict[str, Any] = handler(self)
        if self.batch_tokens is not None:
            del values["batch_size"]
        return values


class DeviceConfig(Section):
    """What a run may take of the machine. Which device computes is said by --device, not here."""

    memory_limit: float | str = 0.8
    """CPU: memory of the process, a share of what the machine (its cgroup) has, or 6GB; micro-batches keep to it."""

    @field_validator("memory_limit")
    @classmethod
    def _share_or_size(cls, value: Any) -> Any:
        if isinstance(value, str):
            if size_bytes(value) == 0:
                raise ValueError("there must be some memory")
        elif isinstance(value, int | float) and not 0 < value <= 1:
            raise ValueError("expected a share above 0 and up to 1, or a size such as 6GB")
        return value


class OperatingPoint(Section):
    """How many false alarms one label may give."""

    label: str
    """The label that is looked for."""
    false_alarm_rate: float = Field(gt=0, lt=1)
    """Share of the rows without it that may be flagged; the threshold for it is chosen on validation data."""


class EvaluationConfig(Section):
    """How scores are computed and reported."""

    resamples: int = Field(default=1000, ge=100)
    """Bootstrap resamples behind each 95 % interval."""
    slices: list[str] = Field(default_factory=list)
    """Score parts of the data too: by each value of an input column, by length, language (script) or source."""
    operating_points: list[OperatingPoint] = Field(default_factory=list)
    """Recall of a label at a false-alarm rate, e.g. [{label: NEGATIVE, false_alarm_rate: 0.05}]."""
    costs: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Cost of mistakes: {gold: {predicted: cost}}; what is not named costs 1, a right answer 0. Single-label texts."""
    robustness: list[Annotated[str, OneOf(PERTURBATIONS)]] = Field(default_factory=list)
    """Score the test rows changed, too, and the drop: names of `lmfit list perturbations`, e.g. [case, typos]."""
    calibration: Literal["auto", "none"] = "auto"
    """auto: logits are divided by a temperature fitted on validation data where that makes its labels likelier."""
    texts: bool = True
    """Whether users' texts may appear in the report and in predictions/."""
    language: Literal["en", "zh"] = "en"
    """Language of report.html."""


class TaskSettings(Section):
    """The `task:` section; each task's settings extend it (lmfit.config.tasks)."""

    name: str
    """The task, of `lmfit list tasks`."""


class FinetuneConfig(Section):
    """The whole config of `lmfit finetune`."""

    task: TaskSettings
    """A task's name, or a mapping with its name and settings."""
    model: ModelConfig = ModelConfig()
    """A model's name, or a mapping with its name and settings."""
    data: DataConfig
    """A data set's name, or a mapping that says where the data is."""
    training: TrainingConfig = TrainingConfig()
    """The training loop."""
    device: DeviceConfig = DeviceConfig()
    """The machine."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """Scores and report."""
    tracking: Annotated[list[Annotated[str, OneOf(TRACKERS)]] | str | None, OneOf(TRACKERS)] = None
    """Where the numbers of training go too: tensorboard (RUN/tensorboard), mlflow (MLFLOW_TRACKING_URI), or a list."""
    output: str | None = None
    """Run folder; null: runs/<config name>, then -2, -3."""
    seed: int = Field(default=13, ge=0, lt=2**32)
    """Seed of everything random."""
    seeds: list[int] | None = None
    """Train once with each of these seeds, e.g. [1, 2, 3], and report mean, spread and an interval that holds both."""

    @field_validator("seeds")
    @classmethod
    def _several(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and (len(value) < 2 or len(set(value)) < len(value)):
            raise ValueError("expected at least two seeds, all different; for a single one write seed: 1")
        if value is not None and not all(0 <= seed < 2**32 for seed in value):
            raise ValueError("a seed is a whole number from 0 to 4294967295")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "FinetuneConfig":
        if self.seeds is not None and "seed" in self.model_fields_set:
            raise ValueError("seed and seeds exclude each other; keep one")
        if self.seeds is not None and self.cross_validated:
            raise ValueError("seeds and data.validation.folds cannot be combined; measure one of them at a time")
        if self.training.adversarial is not None and self.model.freeze not in ("none", 0):
            raise ValueError(
                "training.adversarial moves embeddings along their gradient; model.freeze leaves them none"
            )
        return self

    @property
    def trackers(self) -> list[str]:
        """The trackers that `tracking` names, each once."""
        named = self.tracking if isinstance(self.tracking, list) else [self.tracking]
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def cross_validated(self) -> bool:
        """Whether the run is made of folds."""
        return isinstance(self.data.validation, FoldsConfig) and self.data.validation.fold is None


STAGE_CONFIGS = {"finetune": FinetuneConfig}
"""The config of each stage."""
