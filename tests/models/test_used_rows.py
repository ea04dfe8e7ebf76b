"""A smaller embedding table trains to the same weights."""

import copy

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification

from lmfit.models.used_rows import UsedRows, used_rows

IDS = np.array([3, 5, 8, 13, 21])


def tiny(kind=BertForTokenClassification):
    config = BertConfig(
        vocab_size=100,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
    )
    torch.manual_seed(0)
    return kind(config)


def train(model, steps=5, decay=0.0):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2, weight_decay=decay, fused=True)
    generator = torch.Generator().manual_seed(1)
    losses = []
    model.train()
    for _ in range(steps):
        ids = torch.from_numpy(IDS)[torch.randint(len(IDS), (2, 4), generator=generator)]
        loss = model(input_ids=ids, labels=ids % 2).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_equal_losses_and_weights():
    plain, small = tiny(), tiny()
    expected = train(plain)
    with used_rows(small, IDS):
        assert isinstance(small.get_input_embeddings(), UsedRows)
        assert sum(p.numel() for p in small.parameters() if p.requires_grad) < sum(
            p.numel() for p in plain.parameters()
        )
        assert train(small) == expected
    assert type(small.get_input_embeddings()) is torch.nn.Embedding
    for name, tensor in plain.state_dict().items():
        assert torch.equal(small.state_dict()[name], tensor), name


def test_rows_out_of_use_keep_their_values():
    model = tiny()
    before = model.get_input_embeddings().weight.detach().clone()
    with used_rows(model, IDS):
        train(model, decay=0.1)
    after = model.get_input_embeddings().weight
    others = np.setdiff1d(np.arange(100), [*IDS, 0])
    assert torch.equal(after[others], before[others])
    assert not torch.equal(after[IDS], before[IDS])


def test_evaluation_meanwhile_knows_all_rows():
    model = tiny()
    ids = torch.tensor([[3, 50, 99, 5]])
    with used_rows(model, IDS):
        train(model)
        meanwhile = model.eval()(input_ids=ids).logits
    assert torch.equal(model(input_ids=ids).logits, meanwhile)


def test_a_checkpoint_holds_the_full_table():
    model = tiny()
    fresh = copy.deepcopy(model)
    with used_rows(model, IDS):
        train(model)
        kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert kept.keys() == fresh.state_dict().keys()
    with used_rows(fresh, IDS):
        fresh.load_state_dict(kept)
        assert torch.equal(
            fresh.get_input_embeddings().weight, kept["bert.embeddings.word_embeddings.weight"][[0, *IDS]]
        )
        train(fresh)
        train_on = copy.deepcopy(model)
        with used_rows(train_on, IDS):
            train(train_on)
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), train_on.parameters(), strict=True))


def test_an_id_out_of_use_is_no_silent_mistake():
    model = tiny().train()
    with used_rows(model, IDS), pytest.raises(IndexError):
        model(input_ids=torch.tensor([[4]]))


@pytest.mark.parametrize("why", ["frozen", "tied", "not worth it"])
def test_left_alone(why):
    model = tiny(BertForMaskedLM if why == "tied" else BertForTokenClassification)
    model.get_input_embeddings().requires_grad_(why != "frozen")
    with used_rows(model, np.arange(90) if why == "not worth it" else IDS):
        assert type(model.get_input_embeddings()) is torch.nn.Embedding


@pytest.mark.parametrize("loaded", [False, True])
def test_a_model_that_is_in_training_mode_already_is_judged_as_it_was_trained(loaded):
    """Nothing tells it so anew, neither before its first step nor behind a checkpoint that was loaded."""
    model = tiny().train()
    ids = torch.from_numpy(IDS)[None]
    with used_rows(model, IDS):
        if loaded:
            model.load_state_dict(copy.deepcopy(model.state_dict()))
        table = model.get_input_embeddings()
        with torch.no_grad():
            table.weight.add_(1)
        trained = table(ids)
        assert torch.equal(model.eval().get_input_embeddings()(ids), trained)
