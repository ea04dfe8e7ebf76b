"""What training needs of tasks in tensors: batches, logits, losses. Torch is imported here and in `text_losses`."""

import torch

from lmfit.config.tasks import ClassificationLoss
from lmfit.data.collate import IGNORED, Batch
from lmfit.tasks.base import model_inputs

Tensors = dict[str, torch.Tensor]


def tensors(batch: Batch) -> Tensors:
    """A batch as tensors on the CPU, which share its memory."""
    return {name: torch.from_numpy(array) for name, array in batch.items()}


def forward(model: torch.nn.Module, batch: Tensors) -> torch.Tensor:
    """The logits of a batch in float32 (float64 where the model computes so): (B, C) or (B, L, C)."""
    logits: torch.Tensor = model(**model_inputs(batch)).logits
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def cross_entropies(
    logits: torch.Tensor,
    targets: torch.Tensor,
    settings: ClassificationLoss,
    weights: torch.Tensor | None,
) -> torch.Tensor:
    """The loss of each target: logits (N, C), targets (N,) to (N,); 0 where the target is -100.

    Cross entropy with label smoothing (Szegedy et al. 2016, section 7) or focal loss
    (1 - p)^gamma * -log p (Lin et al. 2017, equation 5), each target weighted by its label's weight.
    """
    losses = torch.nn.functional.cross_entropy(
        logits, targets, weights, reduction="none", ignore_index=IGNORED, label_smoothing=settings.label_smoothing
    )
    if settings.loss == "cross_entropy":
        return losses
    p = torch.softmax(logits, dim=-1).gather(1, targets.clamp_min(0)[:, None]).squeeze(1)
    return losses * (1 - p).clamp_min(torch.finfo(p.dtype).tiny) ** settings.focal_gamma


def binary_cross_entropies(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The loss of each label of each row, as if it stood alone: (B, C) to (B, C); `weights` of the labels (C,)."""
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, weights, reduction="none")


def symmetric_divergence(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The mean of both Kullback-Leibler divergences between softmax distributions: logits (..., C) twice to (...).

    (KL(p, q) + KL(q, p)) / 2 = sum (p - q)(log p - log q) / 2; the constants between logits and logarithms cancel.
    """
    p, q = torch.softmax(first, dim=-1), torch.softmax(second, dim=-1)
    return ((p - q) * (first - second)).sum(dim=-1) / 2


def tempered_divergence(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 KL(softmax(teacher / T), softmax(student / T)) (Hinton et al. 2015): logits (..., C) twice to (...)."""
    aim = torch.log_softmax(teacher / temperature, dim=-1)
    apart = aim.exp() * (aim - torch.log_softmax(student / temperature, dim=-1))
    return temperature**2 * apart.sum(dim=-1)
