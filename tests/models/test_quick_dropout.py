"""Cheap dropout drops what it should, and leaves the model as it was."""

import pytest
import torch
from transformers import BertConfig, BertModel

from lmfit.models import quick_dropout as module
from lmfit.models.quick_dropout import ATTENTION, QuickDropout, dropout_mask, quick_attention, quick_dropout


def tiny(p=0.1):
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_dropout_prob=p,
        attention_probs_dropout_prob=p,
    )
    torch.manual_seed(0)
    return BertModel(config, add_pooling_layer=False)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_and_scale_of_a_mask(p):
    torch.manual_seed(1)
    mask = dropout_mask(torch.Size((400, 500)), torch.float32, p)
    assert mask.unique().tolist() == pytest.approx([0, 1 / (1 - p)])
    assert (mask == 0).float().mean().item() == pytest.approx(p, abs=0.005)


def test_masks_follow_the_seed_not_the_threads():
    threads = torch.get_num_threads()
    masks = []
    for count in (1, 2):
        torch.set_num_threads(count)
        torch.manual_seed(3)
        masks.append([dropout_mask(torch.Size((7, 9)), torch.bfloat16, 0.3) for _ in range(2)])
    torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*masks, strict=True))
    assert not torch.equal(*masks[0])


@pytest.mark.parametrize("padded", [False, True])
def test_attention_without_drops_is_sdpa(monkeypatch, padded):
    model = tiny(0.1).train()
    ids = torch.randint(50, (3, 8))
    mask = torch.ones_like(ids)
    if padded:
        mask[1, 5:] = 0
    expected = model.eval()(input_ids=ids, attention_mask=mask).last_hidden_state
    monkeypatch.setattr(module, "dropout_mask", lambda shape, dtype, p: torch.ones(shape, dtype=dtype))
    with quick_dropout(model.train()):
        found = model(input_ids=ids, attention_mask=mask).last_hidden_state
    kept = mask.bool()
    torch.testing.assert_close(found[kept], expected[kept], atol=1e-5, rtol=1e-5)


def test_attention_drops_on_average_nothing():
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 2, 5, 4) for _ in range(3))
    still = torch.nn.Module().train()
    still.is_causal = False
    expected, _ = quick_attention(still, query, key, value, None, dropout=0.0)
    drawn = torch.stack([quick_attention(still, query, key, value, None, dropout=0.2)[0] for _ in range(4000)])
    assert (drawn.std(0) > 0.01).any()
    torch.testing.assert_close(drawn.mean(0), expected, atol=0.04, rtol=0.05)


def test_the_model_is_as_it_was_after_the_block():
    model = tiny()

    def fail():
        assert model.config._attn_implementation == ATTENTION
        assert any(isinstance(m, QuickDropout) for m in model.modules())
        raise RuntimeError

    with pytest.raises(RuntimeError), quick_dropout(model):
        fail()
    assert model.config._attn_implementation == "sdpa"
    assert not any(isinstance(m, QuickDropout) for m in model.modules())


def test_no_dropout_in_evaluation():
    model = tiny().eval()
    ids = torch.randint(50, (2, 6))
    expected = model(input_ids=ids).last_hidden_state
    with quick_dropout(model):
        assert torch.equal(model(input_ids=ids).last_hidden_state, expected)
