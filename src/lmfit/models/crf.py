"""A linear-chain conditional random field over the tags of a sentence (Lafferty, McCallum & Pereira 2001)."""

import torch
from torch import Tensor, nn


class Crf(nn.Module):
    """Scores sequences of C tags: each tag's own score, that of the step before it, of beginning and of ending.

    transitions: (C, C) from a tag (row) to the next (column); start, end: (C,). All are 0 at first: without them the
    tags are independent.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        self.end = nn.Parameter(torch.zeros(tags))

    def log_likelihood(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """log P(tags | scores), (B,): scores (B, T, C), tags (B, T), mask (B, T) true for the first tags of each row.

        0 for a row without tags.
        """
        return self.score(scores, tags, mask) - self.log_partition(scores, mask)

    def score(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """The score of one sequence per row, (B,)."""
        own = scores.gather(2, tags[..., None]).squeeze(2) * mask
        steps = self.transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]
        last = tags.gather(1, (mask.sum(1, keepdim=True) - 1).clamp_min(0)).squeeze(1)
        total: Tensor = own.sum(1) + steps.sum(1) + (self.start[tags[:, 0]] + self.end[last]) * mask[:, 0]
        return total

    def log_partition(self, scores: Tensor, mask: Tensor) -> Tensor:
        """log of the sum over all sequences of e^score, (B,), by the forward algorithm; 0 for a row without tags."""
        alpha = self.start + scores[:, 0]
        for step in range(1, scores.shape[1]):
            after = torch.logsumexp(alpha[:, :, None] + self.transitions, dim=1) + scores[:, step]
            alpha = torch.where(mask[:, step, None], after, alpha)
        return torch.logsumexp(alpha + self.end, dim=1) * mask[:, 0]
