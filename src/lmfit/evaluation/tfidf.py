"""TF-IDF with a linear model: the strong baseline of text classification. Deterministic, bounded in time and memory."""

import heapq
import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier

from lmfit.data.example import Example, Examples

# bounds that keep fitting within about half a minute and 1 GB
MAX_ROWS = 100_000
MAX_CHARACTERS = 10_000_000
MAX_CHARACTERS_X_CLASSES = 300_000_000
MAX_FEATURES = 100_000
MAX_FEATURES_X_CLASSES = 20_000_000

_BLANKS_OF_WORDS = 0.05
_COSINE_WEIGHT = 3.0
_BATCH = 4096


class TfidfFeatures:
    """Sparse rows of examples: words and word pairs, or 1 to 3 characters where the texts have hardly any blanks.

    A pair of texts gives the features of either side, their difference and product, and their cosine.
    """

    def __init__(self, examples: Sequence[Example], classes: int) -> None:
        texts = [text for example in examples for text in _sides(example)]
        self.pairs = any(example.text_pair is not None for example in examples)
        self.characters = not _has_blanks(examples)
        words = {"token_pattern": r"\w+|[^\w\s]", "ngram_range": (1, 2)}
        characters = {"analyzer": "char", "ngram_range": (1, 3)}
        most = max(1, min(MAX_FEATURES, MAX_FEATURES_X_CLASSES // classes))
        settings = characters if self.characters else words
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, max_features=most, **settings).fit(texts)

    def __call__(self, examples: Sequence[Example]) -> csr_matrix:
        """Features (rows, F) of examples."""
        first = self._vectorizer.transform([example.text for example in examples])
        if not self.pairs:
            return first
        second = self._vectorizer.transform([example.text_pair or "" for example in examples])
        product = first.multiply(second)
        cosine = csr_matrix(np.asarray(product.sum(axis=1)).reshape(-1, 1))
        return hstack([first, second, abs(first - second), product, _COSINE_WEIGHT * cosine], format="csr")


class TfidfModel:
    """A linear model on TF-IDF features."""

    def __init__(self, model: BaseEstimator, examples: Sequence[Example], gold: NDArray[Any], classes: int) -> None:
        self.features = TfidfFeatures(examples, classes)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Label .* is present in all training examples")
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model = model.fit(self.features(examples), gold)

    def predict(self, examples: Sequence[Example]) -> NDArray[Any]:
        """Answers of the model: (rows, 1), or (rows, C) after fitting on C columns."""
        batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
        return np.concatenate([self._model.predict(self.features(b)).reshape(len(b), -1) for b in batches])

    def __str__(self) -> str:
        return f"TF-IDF of {'1 to 3 characters' if self.features.characters else 'words and word pairs'}"


def classifier() -> BaseEstimator:
    """Logistic regression, one label against the rest, by dual coordinate descent.

    On 150 labels it is ten times as fast as liblinear's primal solver, at equal accuracy, and the multinomial solvers
    need gigabytes there.
    """
    one = LogisticRegression(C=10.0, solver="liblinear", dual=True, tol=0.1, max_iter=50, random_state=0)
    return OneVsRestClassifier(one)


def regressor() -> BaseEstimator:
    """Ridge regression."""
    return Ridge(alpha=1.0, solver="sparse_cg", tol=1e-3)


def draw(train: Examples, classes: int) -> list[Example]:
    """Examples to fit on, in random order with a fixed seed: all of them, or as many as the bounds allow."""
    generator = random.Random(0)
    keyed = ((generator.random(), i, example) for i, example in enumerate(train))
    drawn = [example for _, _, example in heapq.nsmallest(MAX_ROWS, keyed)]
    ends = np.cumsum([sum(map(len, _sides(example))) for example in drawn])
    most = min(MAX_CHARACTERS if _has_blanks(drawn) else MAX_CHARACTERS // 4, MAX_CHARACTERS_X_CLASSES // classes)
    return drawn[: max(1, int(np.searchsorted(ends, most, side="right")))]


def all_blank(examples: Sequence[Example]) -> bool:
    """Whether no text holds anything but white space."""
    return not any(text.strip() for example in examples for text in _sides(example))


def _sides(example: Example) -> tuple[str, ...]:
    return (example.text,) if example.text_pair is None else (example.text, example.text_pair)


def _has_blanks(examples: Sequence[Example]) -> bool:
    """Whether words are set apart by blanks, judged by the first 1,000 examples."""
    seen = "".join(text for example in examples[:1000] for text in _sides(example))
    return sum(map(str.isspace, seen)) >= _BLANKS_OF_WORDS * len(seen)
