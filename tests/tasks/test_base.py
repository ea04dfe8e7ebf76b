import pytest
import torch

from lmfit.config.tasks import TextClassificationSettings
from lmfit.data.example import Origin
from lmfit.tasks.base import Stats
from lmfit.tasks.tensors import cross_entropies, symmetric_divergence

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3], [9.0, 1.0, 0.0]], dtype=torch.float64)
TARGETS = torch.tensor([0, 2, -100])


def losses(weights: torch.Tensor | None = None, logits: torch.Tensor = LOGITS, **settings: object) -> torch.Tensor:
    return cross_entropies(logits, TARGETS, TextClassificationSettings(**settings), weights)


def test_cross_entropy_is_minus_the_log_probability() -> None:
    p = torch.softmax(LOGITS, 1)
    assert losses().tolist() == pytest.approx([-float(p[0, 0].log()), -float(p[1, 2].log()), 0])


def test_weights_multiply() -> None:
    weights = torch.tensor([2.0, 1.0, 5.0], dtype=torch.float64)
    assert losses(weights).tolist() == pytest.approx((losses() * torch.tensor([2, 5, 0])).tolist())


def test_smoothing_spreads_the_target() -> None:
    log_p = torch.log_softmax(LOGITS, 1)
    expected = -(0.7 * log_p[0, 0] + 0.3 * log_p[0].mean())
    assert float(losses(label_smoothing=0.3)[0]) == pytest.approx(float(expected))


def test_focal_loss() -> None:
    p = torch.softmax(LOGITS, 1)[0, 0]
    assert float(losses(loss="focal", focal_gamma=2.0)[0]) == pytest.approx(float((1 - p) ** 2 * -p.log()))


def test_focal_loss_with_gamma_zero_is_cross_entropy() -> None:
    assert torch.allclose(losses(loss="focal", focal_gamma=0.0), losses())


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_of_a_certain_answer_has_a_finite_gradient(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0, 0], [0, 0, 200.0], [200.0, 0, 0]], requires_grad=True)
    losses(logits=logits, loss="focal", focal_gamma=gamma).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_stats_keep_the_first_distinct_words_and_three_places() -> None:
    stats = Stats()
    for line, case in enumerate("aabcdefghijklm", start=1):
        stats.note("unknown", Origin("a.csv", line), case)
    assert stats.as_dict() == {
        "counts": {"unknown": 14},
        "first": {"unknown": list("abcdefghij")},
        "places": {"unknown": ["a.csv:1", "a.csv:2", "a.csv:3"]},
    }


def test_symmetric_divergence_is_the_mean_of_both_kl_divergences() -> None:
    first, second = torch.randn(2, 5, 7, dtype=torch.float64)
    p, q = torch.distributions.Categorical(logits=first), torch.distributions.Categorical(logits=second)
    kl = torch.distributions.kl_divergence
    assert torch.allclose(symmetric_divergence(first, second), (kl(p, q) + kl(q, p)) / 2)
