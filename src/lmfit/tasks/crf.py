"""Tags by a conditional random field: its loss over labelled subwords, its best sequence and its probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from lmfit.data.collate import IGNORED
from lmfit.tasks.decoding import ConstrainedDecoder, viterbi

if TYPE_CHECKING:
    import torch

    from lmfit.models.crf import Crf
    from lmfit.tasks.tensors import Tensors


def crf_loss(crf: "Crf", logits: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
    """The negative log-likelihood of each row's labelled subwords as one sequence, weighed by row, summed, shape ().

    logits (B, L, C); subwords without a label are left out of the sequence.
    """
    labelled = batch["labels"] != IGNORED
    order = (~labelled).byte().argsort(dim=1, stable=True)[:, : max(1, int(labelled.sum(1).max()))]
    scores = logits.gather(1, order[..., None].expand(-1, -1, logits.shape[2]))
    mask = labelled.gather(1, order)
    tags = batch["labels"].gather(1, order).clamp_min(0)
    return -(batch["weight"] * crf.log_likelihood(scores, tags, mask)).sum()


@dataclass(frozen=True)
class Chain:
    """The scores of a CRF as arrays, which need no torch: start and end (C,), follow (C, C)."""

    start: np.ndarray
    follow: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Chain | None":
        """From a head's tensors by name; None for another kind of head."""
        if "crf.transitions" not in arrays:
            return None
        return cls(*(arrays[f"crf.{name}"].astype(np.float64) for name in ("start", "transitions", "end")))


def chain_of(crf: "Crf") -> Chain:
    """The scores of a CRF as they are now."""
    return Chain(*(p.detach().double().cpu().numpy() for p in (crf.start, crf.transitions, crf.end)))


def decode_crf(chain: Chain, logits: np.ndarray, rules: ConstrainedDecoder | None) -> tuple[np.ndarray, np.ndarray]:
    """The most probable sequence of tags (W,) and each word's probabilities (W, C), from scores (W, C).

    rules: what may follow what; impossible sequences then have no probability.
    """
    start, follow, end = chain.start, chain.follow, chain.end
    if rules is not None:
        start, follow = start + rules.start, follow + rules.follow
    if not len(logits):
        return np.zeros(0, np.int64), logits
    scores = logits.astype(np.float64)
    return viterbi(scores, start, follow, end), marginals(scores, start, follow, end)


def marginals(scores: np.ndarray, start: np.ndarray, follow: np.ndarray, end: np.ndarray) -> np.ndarray:
    """P(tag of word | scores), (W, C), by the forward-backward algorithm (Rabiner 1989, section III)."""
    before, after = np.zeros_like(scores), np.zeros_like(scores)
    before[0], after[-1] = start + scores[0], end
    for i in range(1, len(scores)):
        before[i] = logsumexp(before[i - 1][:, None] + follow, axis=0) + scores[i]
    for i in range(len(scores) - 2, -1, -1):
        after[i] = logsumexp(follow + scores[i + 1] + after[i + 1], axis=1)
    joint = before + after
    found: np.ndarray = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    return found
