"""One cast for three projections changes no answer, and gradients by bf16's rounding only."""

import pytest
import torch
from transformers import AutoModel

from lmfit.models.shared_cast import shared_cast


def passed(model, enabled):
    ids = torch.arange(12).view(2, 6) + 5
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    hidden.float().pow(2).sum().backward()
    return hidden.detach().float(), [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra"])
def test_answers_are_equal_and_gradients_nearly(tiny, family):
    model = AutoModel.from_pretrained(tiny(family)).eval()
    plain, gradients = passed(model, True)
    with shared_cast(model):
        assert any(m._forward_pre_hooks for m in model.modules())
        cast, others = passed(model, True)
    assert torch.equal(cast, plain)
    for one, other in zip(gradients, others, strict=True):
        assert (one - other).norm() <= 0.02 * one.norm() + 1e-3
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_nothing_is_cast_in_full_precision(tiny):
    model = AutoModel.from_pretrained(tiny("bert")).eval()
    plain, gradients = passed(model, False)
    with shared_cast(model):
        cast, others = passed(model, False)
    assert torch.equal(cast, plain)
    assert all(map(torch.equal, gradients, others))
