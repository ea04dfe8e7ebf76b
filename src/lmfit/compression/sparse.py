"""Weights set to zero one by one: for size when packed and research; no faster on a CPU, which skips no products."""

from typing import Any

import torch

from lmfit.models.freeze import layers_of

OF_FOUR = 2


def zero_smallest(model: Any, share: float) -> None:
    """Set the share of smallest magnitude, over all matrices of the encoder's layers together, to zero."""
    matrices = _matrices(model)
    sizes = torch.cat([matrix.abs().flatten() for matrix in matrices])
    limit = sizes.kthvalue(max(1, round(share * len(sizes)))).values
    for matrix in matrices:
        matrix[matrix.abs() <= limit] = 0


def zero_two_of_four(model: Any) -> None:
    """Of each four neighbours in a row set the two of smallest magnitude to zero (Mishra et al. 2021).

    Matrices whose rows are no multiple of four stay as they are.
    """
    for matrix in _matrices(model):
        if matrix.shape[1] % 4 == 0:
            groups = matrix.view(len(matrix), -1, 4)
            smallest = groups.abs().topk(OF_FOUR, dim=-1, largest=False).indices
            groups.scatter_(-1, smallest, 0.0)


def zeros(model: Any) -> float:
    """The share of zeros in the matrices of the encoder's layers."""
    matrices = _matrices(model)
    return sum(int((matrix == 0).sum()) for matrix in matrices) / max(1, sum(matrix.numel() for matrix in matrices))


def _matrices(model: Any) -> list[torch.Tensor]:
    """Weights of the linear layers in the encoder's layers, to be written to."""
    linear = [m for layer in layers_of(model) for m in layer.modules() if isinstance(m, torch.nn.Linear)]
    return [module.weight.data for module in linear]
