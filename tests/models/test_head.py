from collections.abc import Callable, Iterator

import pytest
import torch

from lmfit.models.head import Inputs, start_from_class_means


def funnel() -> torch.nn.Module:
    """Its hidden states grow shorter from block to block."""
    from transformers import FunnelConfig, FunnelForSequenceClassification

    sizes = {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32, "block_sizes": [1, 1]}
    return FunnelForSequenceClassification(FunnelConfig(vocab_size=40, num_labels=2, **sizes))


def t5() -> torch.nn.Module:
    """An encoder and a decoder, with hidden states of their own."""
    from transformers import T5Config, T5ForSequenceClassification

    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
    return T5ForSequenceClassification(T5Config(vocab_size=40, num_labels=2, **sizes))


@pytest.mark.parametrize("make", [funnel, t5])
def test_encoders_without_a_hidden_state_per_token_start_from_features(make: Callable[[], torch.nn.Module]) -> None:
    """Rows of a class are equal, so that even random weights tell them apart."""
    torch.manual_seed(0)
    words = torch.tensor([[20, 21, 22, 23, 24, 1], [30, 31, 32, 33, 34, 1]])
    gold = torch.arange(16) % 2
    ids = words[gold]

    def rows() -> Iterator[tuple[Inputs, torch.Tensor]]:
        yield {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, gold

    model = make().eval()
    assert start_from_class_means(model, rows, 2) == "features"
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    assert bool((logits.argmax(1) == gold).all())
