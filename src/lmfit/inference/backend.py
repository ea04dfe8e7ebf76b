"""What turns a batch into logits, whatever computes them."""

from typing import Protocol

import numpy as np

from lmfit.data.collate import Batch


class Backend(Protocol):
    """Computes logits; the predictor knows no more of a model."""

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of a batch that suits it."""

    @property
    def quick(self) -> "Backend | None":
        """The same model in faster, coarser arithmetic; None where there is none."""

    def logits(self, batch: Batch) -> np.ndarray:
        """(B, C) or (B, L, C) float32."""
