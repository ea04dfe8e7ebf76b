from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lmfit.models.temperature import divide_logits

INPUTS = {"input_ids": torch.tensor([[2, 7, 9, 3]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "modernbert"])
@pytest.mark.parametrize("kind", ["AutoModelForSequenceClassification", "AutoModelForTokenClassification"])
def test_every_family_gives_divided_logits(family: str, kind: str, tiny: Callable[[str], Path]) -> None:
    import transformers

    model = getattr(transformers, kind).from_pretrained(tiny(family), num_labels=3).eval()
    with torch.no_grad():
        before = model(**INPUTS).logits
        assert divide_logits(model, 2.0, INPUTS)
        torch.testing.assert_close(model(**INPUTS).logits, before / 2)


def test_a_head_that_is_not_linear_is_left_alone(tiny: Callable[[str], Path]) -> None:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(tiny("bert"), num_labels=3).eval()
    model.classifier = torch.nn.Sequential(torch.nn.Linear(32, 3), torch.nn.Sigmoid())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert not divide_logits(model, 2.0, INPUTS)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
