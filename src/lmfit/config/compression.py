"""The `compression:` section."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from lmfit.config.schema import FinetuneConfig
from lmfit.config.section import Section
from lmfit.config.smaller import LEARNT, DistillConfig, JointConfig, PruneConfig, TrimConfig

Quantization = Literal["int8", "int8-static", "fp16", "bf16", "int4", "fp32"]
RATIOS = ("latency_ratio", "throughput_ratio", "size_ratio")
"""Targets that say how many times as fast (single rows, batches) and how many times smaller than its parent."""
RETAINED = "_retained"
"""Behind the name of a metric: the share of the parent's value that must be left."""


class CertificateLimits(Section):
    """How far a compressed model may be from its parent; what falls short is kept and marked, with exit code 3."""

    max_drop: float | None = Field(default=None, ge=0, lt=1)
    """Most that the headline metric may lose on the test rows, as a fraction; null: only told, not required."""


class CompressionConfig(Section):
    """What is done to a trained model to make it smaller and faster."""

    quantize: Quantization | None = None
    """int8 (weights, embeddings; speed), int8-static (activations calibrated), fp16, bf16, int4 (size), fp32 (ONNX)."""
    embedding_bits: Literal[8, 4] = 8
    """quantize: int8: bits of the embeddings; 4: in blocks of 32 with a scale each, for large vocabularies."""
    prune: PruneConfig | None = None
    """Remove attention heads and feed-forward neurons."""
    distill: DistillConfig | None = None
    """Train a student that follows the run; `training` says how long."""
    trim_vocabulary: TrimConfig | None = None
    """Keep the tokens that the task needs, not those of all texts."""
    joint: JointConfig | None = None
    """Prune, distil and learn under int8 rounding in one training; needs `prune` and `distill`."""
    targets: dict[str, float] = Field(default_factory=dict)
    """What must be reached: {latency_ratio: 5, size_ratio: 4, f1_retained: 0.98}; any metric as NAME_retained."""
    ablation: bool = False
    """Make it also with each of prune, quantize and distill on and off (RUN/children); the report compares them."""
    certify_pytorch: bool = False
    """Score and certify the PyTorch model beside a quantized one, too (RUN/children/pytorch)."""
    certificate: CertificateLimits = CertificateLimits()
    """Limits that the result must keep."""

    @field_validator("targets")
    @classmethod
    def _known_targets(cls, targets: dict[str, float]) -> dict[str, float]:
        wrong = []
        for name, value in targets.items():
            retained = name.endswith(RETAINED) and name != RETAINED
            if not retained and name not in RATIOS:
                wrong.append(f"`{name}` is no target: {', '.join(RATIOS)}, or a metric as NAME{RETAINED}")
            elif value <= 0 or (retained and value > 1):
                wrong.append(f"{name}: {'a share of the parent: above 0, at most 1' if retained else 'above 0'}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return targets

    @property
    def rounds(self) -> bool:
        """Whether what is shipped rounds to 8-bit integers, so that a joint training learns under that."""
        return self.quantize in ("int8", "int8-static")

    @model_validator(mode="after")
    def _together(self) -> "CompressionConfig":
        prune = self.prune
        if self.embedding_bits != 8 and not self.rounds:
            raise ValueError("embedding_bits goes with quantize: int8 or int8-static")
        if prune is not None and prune.scores in LEARNT and self.joint is None:
            raise ValueError(f"{prune.scores} is learnt in training: add compression.joint={{}}")
        timed = prune is not None and (prune.latency_ratio is not None or "latency_ratio" in self.targets)
        if prune is not None and prune.length is not None and not timed:
            raise ValueError("prune.length: has no effect without a target of latency")
        return self

    @model_validator(mode="after")
    def _shares(self) -> "CompressionConfig":
        if (joint := self.joint) is not None:
            shares = joint.dense + joint.ramp + (joint.quantize if self.rounds else 0.0)
            if shares > 1 + 1e-9:
                raise ValueError("joint: dense, ramp and quantize are shares of the steps: together at most 1")
        return self

    @model_validator(mode="after")
    def _aimed(self) -> "CompressionConfig":
        prune = self.prune
        aims = any(name == "latency_ratio" or (name.endswith(RETAINED) and not self.joint) for name in self.targets)
        if prune is None or prune.pattern != "structured" or aims:
            return self
        if (prune.sparsity, prune.size, prune.latency_ratio, prune.layers) == (None, None, None, None):
            told = "prune needs a target: its own (sparsity, size, latency_ratio, layers), or compression.targets"
            raise ValueError(told)
        return self


class CompressConfig(FinetuneConfig):
    """The config of `lmfit compress`: that of the run that is compressed, and how."""

    compression: CompressionConfig = CompressionConfig()
    """What is done to the model."""
