from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

from lmfit.models.joint_head import joint_head


def test_more_rows_in_training_and_none_afterwards(tiny: Callable[[str], Path]) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny("bert"), num_labels=3)
    inputs = {"input_ids": torch.tensor([[2, 7, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    own, names = model.classifier, set(model.state_dict())
    with joint_head(model, 3, 4, seed=5):
        assert model.eval()(**inputs).logits.shape == (1, 3)
        assert model.train()(**inputs).logits.shape == (1, 7)
        assert names < set(model.state_dict())
        first = model.classifier.beside.weight.detach().clone()
        with torch.no_grad():
            model.classifier.weight.zero_()
    assert model.classifier is own
    assert set(model.state_dict()) == names
    assert not own.weight.any()
    with joint_head(model, 3, 4, seed=5):
        assert torch.equal(model.classifier.beside.weight, first)
