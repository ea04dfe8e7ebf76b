"""Scores of a language model on held-out documents: sums per document, so that the bootstrap resamples documents.

U documents
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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

    def without_pseudo(self) -> "LanguageSums":
        """The same, but for the pseudo-perplexity."""
        nothing = np.zeros(self.count)
        return replace(self, pseudo_losses=nothing, pseudo_tokens=nothing)


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
