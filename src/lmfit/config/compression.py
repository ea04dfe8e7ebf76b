"""The `compression:` section."""

from typing import Literal

from pydantic import Field

from lmfit.config.schema import FinetuneConfig
from lmfit.config.section import Section
from lmfit.config.smaller import DistillConfig, JointConfig, PruneConfig, TrimConfig

Quantization = Literal["int8", "int8-static", "fp16", "bf16", "int4"]


class CertificateLimits(Section):
    """How far a compressed model may be from its parent; what falls short is kept and marked, with exit code 3."""

    max_drop: float | None = Field(default=None, ge=0, lt=1)
    """Most that the headline metric may lose on the test rows, as a fraction; null: only told, not required."""


class CompressionConfig(Section):
    """What is done to a trained model to make it smaller and faster."""

    quantize: Quantization | None = None
    """int8 (weights and embeddings, for speed), int8-static (activations calibrated, too), fp16, bf16, int4 (size)."""
    prune: PruneConfig | None = None
    """Remove attention heads and feed-forward neurons."""
    distill: DistillConfig | None = None
    """Train a student that follows the run; `training` says how long."""
    trim_vocabulary: TrimConfig | None = None
    """Keep the tokens that the task needs, not those of all texts."""
    joint: JointConfig | None = None
    """Prune, distil and learn under int8 rounding in one training; needs `prune` and `distill`."""
    certificate: CertificateLimits = CertificateLimits()
    """Limits that the result must keep."""


class CompressConfig(FinetuneConfig):
    """The config of `lmfit compress`: that of the run that is compressed, and how."""

    compression: CompressionConfig = CompressionConfig()
    """What is done to the model."""
