"""What is minimised for each kind of problem that a text can pose; logits (B, C), all of them (B,)."""

import torch

from lmfit.config.tasks import ClassificationLoss
from lmfit.tasks.labels import Problem
from lmfit.tasks.tensors import binary_cross_entropies, cross_entropies, symmetric_divergence, tempered_divergence


def losses(
    problem: Problem,
    logits: torch.Tensor,
    target: torch.Tensor,
    settings: ClassificationLoss,
    weights: torch.Tensor | None,
) -> torch.Tensor:
    """Cross entropy; of several labels the mean of their binary cross entropies; of a number the squared error.

    target: (B,), of several labels (B, C); weights: of labels, (C,).
    """
    if problem == "regression":
        return (logits.squeeze(-1) - target) ** 2
    if problem == "multi_label":
        return binary_cross_entropies(logits, target, weights).mean(dim=1)
    return cross_entropies(logits, target.long(), settings, weights)


def divergences(problem: Problem, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """How far two answers differ: the mean of both KL divergences (of several labels the mean over them).

    Of numbers the squared difference, which is that divergence where the squared error is the loss.
    """
    if problem == "regression":
        return (first - second).squeeze(-1) ** 2
    if problem == "multi_label":
        return ((first.sigmoid() - second.sigmoid()) * (first - second)).mean(dim=1) / 2
    return symmetric_divergence(first, second)


def soft_losses(problem: Problem, logits: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """How far an answer is from the teacher's: KL divergence at a temperature (of several labels the mean over them);
    of numbers the squared difference.
    """
    if problem == "regression":
        return (logits - teacher).squeeze(-1) ** 2
    if problem == "multi_label":
        ours, theirs = (torch.stack([one, torch.zeros_like(one)], -1) for one in (logits, teacher))
        return tempered_divergence(ours, theirs, temperature).mean(dim=1)
    return tempered_divergence(logits, teacher, temperature)
