"""Packed rows give the logits and gradients of padded ones, and know nothing of each other."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch.nn.attention import varlen
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from lmfit.errors import ConfigError
from lmfit.models import packing
from lmfit.models.packing import Layout, packed
from lmfit.models.quick_dropout import quick_dropout
from tiny_models import FAMILIES

Model = Callable[..., Any]
LENGTHS = [3, 9, 1, 6, 9]
HEADS = {"words": AutoModelForTokenClassification, "texts": AutoModelForSequenceClassification}
KNOWN = ["bert", "distilbert", "electra", "roberta", "xlm-roberta"]


def made(family: str, head: str, dropout: float = 0.0) -> Any:
    config, _ = FAMILIES[family]()
    for name in vars(config).copy():
        if "dropout" in name and isinstance(getattr(config, name), float):
            setattr(config, name, dropout)
    config.num_labels = 4
    torch.manual_seed(3)
    return HEADS[head].from_config(config).train()


def batch() -> dict[str, torch.Tensor]:
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 40, mask.shape, generator=generator)
    return {"input_ids": torch.where(mask, ids, 1), "attention_mask": mask.long()}


def learnt(model: Any, weight: torch.Tensor, only: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The logits that count, and the gradients of a weighted sum of them."""
    logits = model(**batch()).logits
    logits = logits[only] if logits.ndim == 3 else logits
    model.zero_grad()
    (logits.tanh() * weight[: len(logits)]).sum().backward()
    return logits.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def by_block_mask(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    begins: torch.Tensor,
    same: torch.Tensor,
    longest: int,
    longest_too: int,
    *,
    scale: float | None,
) -> torch.Tensor:
    """What the kernel of GPUs computes: an explicit block mask over all tokens, (T, H, D)."""
    assert torch.equal(begins, same)
    assert longest == longest_too == int(begins.diff().max())
    row = torch.repeat_interleave(torch.arange(len(begins) - 1), begins.diff().long())
    parts = [part.transpose(0, 1) for part in (query, key, value)]
    mask = row[:, None] == row[None]
    return torch.nn.functional.scaled_dot_product_attention(*parts, mask, scale=scale).transpose(0, 1)


@pytest.mark.parametrize("kernel", [False, True])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", KNOWN)
def test_packed_equals_padded(family: str, head: str, kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model, only = made(family, head), batch()["attention_mask"].bool()
    weight = torch.randn(sum(LENGTHS), 4, generator=torch.Generator().manual_seed(2))
    logits, gradients = learnt(model, weight, only)
    if kernel:
        monkeypatch.setattr(packing, "has_kernel", lambda query, dropout: True)
        monkeypatch.setattr(varlen, "varlen_attn", by_block_mask)
    with packed(model):
        found, others = learnt(model, weight, only)
    torch.testing.assert_close(found, logits, atol=1e-5, rtol=1e-5)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, atol=1e-5, rtol=1e-5)


def test_only_real_tokens_pass_through_the_layers() -> None:
    model, seen = made("bert", "texts"), []
    model.bert.encoder.layer[0].register_forward_pre_hook(lambda layer, given: seen.append(given[0].shape[:2]))
    with packed(model):
        model(**batch())
        model.eval()(**batch())
    model.train()(**batch())
    assert seen == [(1, sum(LENGTHS)), (5, 9), (5, 9)]


def test_rows_know_nothing_of_each_other() -> None:
    model, given = made("bert", "words"), batch()
    with packed(model):
        before = model(**given).logits
        given["input_ids"][1, :5] = 7
        after = model(**given).logits
    others = [0, 2, 3, 4]
    assert torch.equal(before[others], after[others])
    assert not torch.equal(before[1], after[1])


@pytest.mark.parametrize("form", [nullcontext, quick_dropout])
def test_dropout_follows_the_seed(form: Callable[[Any], AbstractContextManager[None]]) -> None:
    model, found = made("bert", "texts", 0.3), []
    with form(model), packed(model):
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            found.append(model(**batch()).logits)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_the_model_is_as_it_was_afterwards() -> None:
    model = made("bert", "texts")
    before = model.config._attn_implementation
    with packed(model):
        assert model.config._attn_implementation != before
    assert model.config._attn_implementation == before
    assert not model.bert._forward_hooks
    assert not model.bert.pooler._forward_pre_hooks


def test_a_layout_there_and_back() -> None:
    mask = batch()["attention_mask"]
    layout, values = Layout.of(mask), torch.randn(5, 9, 2)
    assert layout.ends.tolist() == [0, 3, 12, 13, 19, 28]
    assert layout.longest == 9
    assert torch.equal(layout.unpack(layout.pack(values)), values * mask[..., None])


def test_families_that_are_not_known_are_refused() -> None:
    with (
        pytest.raises(ConfigError, match="rows of a modernbert model cannot be packed"),
        packed(made("modernbert", "texts")),
    ):
        pytest.fail("packed")
