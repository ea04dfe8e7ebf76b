from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.config.pretraining import MaskingConfig
from lmfit.data.rows import Row
from lmfit.models.load import quiet_transformers
from lmfit.pretraining.masking import Masking, Vocabulary
from lmfit.pretraining.objective import PretrainObjective, cross_entropies


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra", "roberta", "modernbert", "deberta-v2", "albert"])
def test_a_head_at_the_hidden_places_gives_what_the_whole_one_gives(family: str, tiny: Callable[[str], Path]) -> None:
    from transformers import AutoModelForMaskedLM

    with quiet_transformers():
        model = AutoModelForMaskedLM.from_pretrained(tiny(family)).eval()
    vocabulary = Vocabulary(60, 4, np.arange(60) < 5, np.zeros(60, bool))
    objective = PretrainObjective({"mlm": 1.0}, 0, Masking(MaskingConfig(rate=0.3), vocabulary, 1, "train"))
    draw = np.random.default_rng(0)
    rows = [Row({"input_ids": draw.integers(5, 60, size=n)}, {"number": n, "pair": -1}) for n in (9, 14)]
    batch = objective.collate(rows)
    with torch.no_grad():
        found = objective.forward(model, batch).tokens
        whole = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert len(found) == len(batch["gold"]) < batch["input_ids"].numel() / 2
    assert torch.allclose(found, whole.reshape(-1, whole.shape[-1])[batch["at"]], atol=1e-5)
    assert not model.cls._forward_pre_hooks if hasattr(model, "cls") else True


def test_micro_batches_add_up_to_the_step_with_two_objectives() -> None:
    objective = PretrainObjective({"mlm": 1.0, "nsp": 2.0}, 0, _masking())
    tokens, pair = torch.randn(7, 9), torch.randn(4, 2)
    whole = {"gold": torch.arange(7) % 9, "pair_gold": torch.tensor([0, 1, -100, 1])}
    assert objective.targets(whole).tolist() == [7, 3]
    from lmfit.pretraining.objective import Answers

    loss = (objective.loss(Answers(tokens, pair), whole) / objective.targets(whole)).sum()
    expected = cross_entropies(tokens, whole["gold"]).mean() + 2 * torch.nn.functional.cross_entropy(
        pair, whole["pair_gold"], ignore_index=-100
    )
    assert torch.allclose(loss, expected)


def test_a_causal_model_predicts_each_next_token() -> None:
    objective = PretrainObjective({"clm": 1.0}, 0, None)
    rows: list[Any] = [
        Row({"input_ids": np.array(ids)}, {"number": 0, "pair": -1}) for ids in ([5, 6, 7], [8, 9, 10, 11])
    ]
    batch = objective.collate(rows)
    assert batch["gold"].tolist() == [6, 7, 9, 10, 11]
    assert batch["at"].tolist() == [0, 1, 4, 5, 6]


def _masking() -> Masking:
    return Masking(MaskingConfig(), Vocabulary(9, 4, np.arange(9) < 5, np.zeros(9, bool)), 1, "train")
