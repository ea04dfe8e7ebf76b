"""The CRF against enumeration: partition, likelihood, gradients, best sequence, marginals."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from lmfit.data.collate import IGNORED
from lmfit.models.crf import Crf
from lmfit.tasks.crf import chain_of, crf_loss, decode_crf, marginals
from lmfit.tasks.decoding import ConstrainedDecoder

TAGS = 3


@pytest.fixture
def crf() -> Crf:
    torch.manual_seed(0)
    made = Crf(TAGS).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


def by_hand(crf: Crf, scores: torch.Tensor, path: tuple[int, ...]) -> torch.Tensor:
    total = crf.start[path[0]] + crf.end[path[-1]]
    total = total + sum(scores[i, tag] for i, tag in enumerate(path))
    return total + sum(crf.transitions[a, b] for a, b in pairwise(path))


def paths(length: int) -> list[tuple[int, ...]]:
    return list(product(range(TAGS), repeat=length))


def batch(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return torch.randn(len(lengths), max(lengths), TAGS, dtype=torch.float64), mask


def test_partition_is_the_sum_over_all_sequences(crf: Crf) -> None:
    lengths = [4, 1, 3]
    scores, mask = batch(lengths)
    found = crf.log_partition(scores, mask)
    for row, length in enumerate(lengths):
        every = torch.stack([by_hand(crf, scores[row], path) for path in paths(length)])
        assert torch.allclose(found[row], torch.logsumexp(every, 0), atol=1e-12)


def test_probabilities_of_all_sequences_add_up_to_one(crf: Crf) -> None:
    scores, _ = batch([4])
    every = torch.tensor(paths(4))
    mask = torch.ones_like(every, dtype=torch.bool)
    likelihoods = crf.log_likelihood(scores.expand(len(every), -1, -1), every, mask)
    assert float(likelihoods.detach().exp().sum()) == pytest.approx(1, abs=1e-12)


def test_gradients(crf: Crf) -> None:
    scores, mask = batch([4, 2])
    tags = torch.tensor([[0, 2, 1, 1], [2, 0, 0, 0]])
    inputs = (scores.requires_grad_(), *crf.parameters())

    def likelihood(scores: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return crf.log_likelihood(scores, tags, mask).sum()

    assert torch.autograd.gradcheck(likelihood, inputs)


def test_rows_without_tags_count_nothing(crf: Crf) -> None:
    scores, _ = batch([3, 3])
    tags, mask = torch.zeros(2, 3, dtype=torch.long), torch.tensor([[True] * 3, [False] * 3])
    assert float(crf.log_likelihood(scores, tags, mask)[1]) == 0.0


def test_best_sequence_and_marginals(crf: Crf) -> None:
    scores = batch([5])[0][0]
    every = paths(5)
    totals = torch.stack([by_hand(crf, scores, path) for path in every])
    shares = torch.softmax(totals, 0)
    best, probabilities = decode_crf(chain_of(crf), scores.numpy(), None)
    assert tuple(best) == every[int(totals.argmax())]
    for word in range(5):
        expected = [
            float(sum(p for p, path in zip(shares, every, strict=True) if path[word] == t)) for t in range(TAGS)
        ]
        assert probabilities[word] == pytest.approx(expected, abs=1e-12)


def test_rules_hold(crf: Crf) -> None:
    labels = ["O", "B-X", "I-X"]
    rules = ConstrainedDecoder(labels)
    scores = batch([6])[0][0].detach().numpy() + np.array([0.0, 0.0, 4.0])
    allowed = [path for path in paths(6) if rules.allows(np.array(path))]
    totals = [float(by_hand(crf, torch.from_numpy(scores), path).detach()) for path in allowed]
    best, probabilities = decode_crf(chain_of(crf), scores, rules)
    assert tuple(best) == allowed[int(np.argmax(totals))]
    assert probabilities[0, 2] == pytest.approx(0, abs=1e-12)


def test_no_words() -> None:
    best, probabilities = decode_crf(chain_of(Crf(TAGS)), np.zeros((0, TAGS), np.float32), None)
    assert (len(best), probabilities.shape) == (0, (0, TAGS))


def test_zero_transitions_are_independent_tags() -> None:
    scores = np.random.default_rng(0).normal(size=(4, TAGS))
    zero = np.zeros(TAGS)
    found = marginals(scores, zero, np.zeros((TAGS, TAGS)), zero)
    assert found == pytest.approx(np.exp(scores) / np.exp(scores).sum(1, keepdims=True))


def test_loss_leaves_out_what_has_no_label(crf: Crf) -> None:
    scores, _ = batch([6, 6])
    labels = torch.tensor([[IGNORED, 1, IGNORED, 0, 2, IGNORED], [IGNORED] * 6])
    weight = torch.tensor([2.0, 1.0], dtype=torch.float64)
    found = crf_loss(crf, scores, {"labels": labels, "weight": weight})
    tags, mask = torch.tensor([[1, 0, 2]]), torch.ones(1, 3, dtype=torch.bool)
    assert float(found) == pytest.approx(-2 * float(crf.log_likelihood(scores[:1, [1, 3, 4]], tags, mask)))
