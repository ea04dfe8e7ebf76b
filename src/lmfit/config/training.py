"""The `training:` and `device:` sections."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from lmfit.config.durations import seconds
from lmfit.config.section import Section
from lmfit.config.sizes import size_bytes


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
    """Wall-clock time of training with its evaluations, e.g. 30m; turned into steps, planned again as it passes."""
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
    head_first: int = Field(default=0, ge=0)
    """Steps at the start in which only the head learns."""
    unfreeze: int | None = Field(default=None, ge=1)
    """Gradual unfreezing: with each epoch after the first n more layers, from the top, learn too; null: all at once."""
    l2_sp: float | None = Field(default=None, gt=0)
    """L2-SP: the encoder's weights decay at this rate towards where they started instead of towards 0, e.g. 10."""
    schedule: Literal["linear", "cosine", "constant", "wsd"] = "linear"
    """Learning rate after warm-up: to zero by a line or a cosine, constant, or warm-up-stable-decay (last 20 %)."""
    warmup: float = Field(default=0.1, ge=0)
    """Below 1 a share of all steps, else a number of steps."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw; muon: Muon for the matrices of the layers, AdamW for the rest."""
    muon_learning_rate: float = Field(default=0.02, gt=0)
    """optimizer: muon: peak learning rate of the matrices."""
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
    """When to evaluate on the validation split: epoch (of many tiny ones: every few), a number or a share of steps."""
    checkpoint_every: Literal["epoch"] | int | float = "epoch"
    """When to write a checkpoint: epoch (of many tiny ones: every few), a number or a share of steps."""
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
    packing: Literal["auto", "on", "off"] = "auto"
    """Train without padding, all rows of a forward pass in one sequence; auto: off, as CUDA graphs gain more."""
    cuda_graphs: Literal["auto", "off"] = "auto"
    """One GPU: record a step's kernels once for each shape of a batch and launch them together; auto: where it can."""
    compile: bool = False
    """Compile the encoder's layers for training (torch.compile; needs a C++ compiler, else a warning says so)."""
    sharding: Literal["none", "full"] = "none"
    """Several processes: each holds the whole model, or (full, FSDP2) a part of weights, gradients, optimizer state."""
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
        if self.packing == "on" and self.compile:
            raise ValueError("packing and compile exclude each other; keep one (training.compile=false)")
        if self.sharding == "full" and (untried := self._not_in_parts()):
            raise ValueError(f"sharding: full does not go with {' and '.join(untried)}; keep one of them")
        if self.optimizer == "muon" and (self.ema is not None or self.l2_sp is not None):
            raise ValueError("ema and l2_sp go with AdamW's steps, not with optimizer: muon")
        if self.batch_tokens is not None and "batch_size" in self.model_fields_set:
            raise ValueError("batch_size and batch_tokens exclude each other; keep one")
        if self.adversarial is not None and (self.head_first or self.unfreeze is not None):
            raise ValueError("adversarial moves embeddings; with unfreeze or head_first they do not learn at first")
        return self

    def _not_in_parts(self) -> list[str]:
        """What is asked for and was not tried with a model in parts."""
        asked = {
            "packing": self.packing == "on",
            "optimizer: muon": self.optimizer == "muon",
            "l2_sp": self.l2_sp is not None,
            "head_first": self.head_first > 0,
            "unfreeze": self.unfreeze is not None,
            "compile": self.compile,
        }
        return [name for name, given in asked.items() if given]

    @model_serializer(mode="wrap")
    def _loadable(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the batch_size that batch_tokens overrules, so that what is written can be loaded."""
        values: dict[str, Any] = handler(self)
        if self.batch_tokens is not None:
            values.pop("batch_size", None)
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
