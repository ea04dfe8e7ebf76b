import itertools

import numpy as np
import pytest

from lmfit.evaluation.entities import repair_iob2
from lmfit.tasks.decoding import ConstrainedDecoder

LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def brute_force(probabilities: np.ndarray) -> tuple[int, ...]:
    """The best valid sequence among all sequences."""
    valid = (
        path
        for path in itertools.product(range(len(LABELS)), repeat=len(probabilities))
        if repair_iob2([LABELS[i] for i in path]) == [LABELS[i] for i in path]
    )
    return max(valid, key=lambda path: np.log(probabilities[np.arange(len(path)), path]).sum())


@pytest.mark.parametrize("seed", range(20))
def test_finds_the_most_probable_valid_sequence(seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.full(len(LABELS), 0.5), size=4)
    assert tuple(ConstrainedDecoder(LABELS).best(probabilities)) == brute_force(probabilities)


def test_a_valid_greedy_answer_is_kept() -> None:
    probabilities = np.eye(len(LABELS))[[3, 4, 0, 1]] * 0.9 + 0.02
    assert ConstrainedDecoder(LABELS).best(probabilities).tolist() == [3, 4, 0, 1]


def test_no_words() -> None:
    assert len(ConstrainedDecoder(LABELS).best(np.zeros((0, len(LABELS))))) == 0
