"""Scores of a language model on held-out documents: sums per document, so that the bootstrap resamples documents.

U documents
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmfit.evaluation.intervals import FloatArray, Grouping, Support
from lmfit.evaluation.scores import Counted, Scores

_MOST_NATS = 700.0


@dataclass(frozen=True)
class LanguageSums:
    """Sums over each document, all (U,): losses in nats and hits of predicted tokens, hits of pairs, what they rest on.

    causal: whether the tokens are all of the text, one after the other; else hidden ones.
    pseudo_losses, pseudo_tokens: of texts whose tokens were hidden one at a time (Salazar et al. 2020, equation 1).
    """

    causal: bool
    losses: FloatArray
    hits: FloatArray
    tokens: FloatArray
    pair_hits: FloatArray
    pairs: FloatArray
    pseudo_losses: FloatArray
    pseudo_tokens: FloatArray

    @classmethod
    def of(cls, documents: int, *, causal: bool) -> "LanguageSums":
        """Sums of nothing yet."""
        return cls(causal, *(np.zeros(documents) for _ in range(7)))

    @property
    def count(self) -> int:
        """Number of documents."""
        return len(self.tokens)

    @property
    def width(self) -> int:
        """Numbers that a sample takes while it is scored."""
        return 7

    def scores(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every metric of R samples of documents: (R, U) to name -> (R,)."""

        def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
            with np.errstate(divide="ignore", invalid="ignore"):
                found: FloatArray = (weights @ above) / (weights @ below)
            return found

        loss = ratio(self.losses, self.tokens)
        found = {"loss": loss}
        if self.causal:
            found["perplexity"] = _exp(loss)
        else:
            found["masked_accuracy"] = ratio(self.hits, self.tokens)
        if self.pairs.any():
            found["nsp_accuracy"] = ratio(self.pair_hits, self.pairs)
        if self.pseudo_tokens.any():
            found["pseudo_perplexity"] = _exp(ratio(self.pseudo_losses, self.pseudo_tokens))
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Each document as a prediction row: what its scores rest on (`gold`), and what the model made of it."""
        rests = np.stack([self.tokens, self.pairs, self.pseudo_tokens], axis=1)
        made = np.stack([self.losses, self.hits, self.pair_hits, self.pseudo_losses], axis=1)
        return [
            {"causal": self.causal, "gold": gold.tolist(), "sums": sums.tolist()}
            for gold, sums in zip(rests, made, strict=True)
        ]

    @classmethod
    def from_rows(cls, gold: Sequence[Sequence[float]], predicted: Sequence[Sequence[float]]) -> "LanguageSums":
        """What `rows` wrote: of each document `gold`, and (causal, *sums)."""
        tokens, pairs, pseudo_tokens = np.array(gold, np.float64).T
        losses, hits, pair_hits, pseudo_losses = np.array([row[1:] for row in predicted], np.float64).T
        causal = bool(predicted[0][0])
        return cls(causal, losses, hits, tokens, pair_hits, pairs, pseudo_losses, pseudo_tokens)


def score_language(sums: LanguageSums, *, resamples: int = 1000, seed: int = 0) -> Scores:
    """The metrics of held-out text with 95 % intervals over documents."""
    rests: Mapping[str, FloatArray] = {
        "loss": sums.tokens,
        "perplexity": sums.tokens,
        "masked_accuracy": sums.tokens,
        "nsp_accuracy": sums.pairs,
        "pseudo_perplexity": sums.pseudo_tokens,
    }
    names = sums.scores(np.ones((1, sums.count)))
    support = {name: Support(int(rests[name].sum())) for name in names}
    group = Grouping(np.arange(sums.count), sums.count, "documents")
    return Counted("language", group, sums, support, {}).scores(resamples, seed)


def _exp(nats: FloatArray) -> FloatArray:
    found: FloatArray = np.exp(np.minimum(nats, _MOST_NATS))
    return found
