"""A tiny exported model with its framer."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from lmfit.compression.export import Exported, export
from lmfit.data.collate import Batch
from lmfit.data.framing import Framer
from lmfit.tasks.tensors import forward, tensors
from tiny_models import FAMILIES


class Made(NamedTuple):
    """A model, its framer and its graph."""

    model: Any
    framer: Framer
    exported: Exported

    def wanted(self, batch: Batch) -> np.ndarray:
        """What PyTorch answers."""
        with torch.no_grad():
            found: np.ndarray = forward(self.model, tensors(batch)).numpy()
        return found


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """`exported(family, auto_class)`: a random model of a family, exported once."""
    import transformers

    @cache
    def make(family: str, auto: str = "AutoModelForTokenClassification", **nodes: bool) -> Made:
        config, tokenizer = FAMILIES[family]()
        config.num_labels = 3
        torch.manual_seed(0)
        model = getattr(transformers, auto).from_config(config).eval()
        framer = Framer(tokenizer, 48)
        folder = tmp_path_factory.mktemp("graph")
        return Made(model, framer, export(model, framer, folder, **nodes))

    return make


@pytest.fixture(scope="session")
def wide(exported: Callable[..., Made], tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Made]:
    """A random BERT whose weights are large enough to stand aside while the graph is fused and quantized."""
    from transformers import BertConfig, BertForTokenClassification

    @cache
    def make() -> Made:
        torch.manual_seed(0)
        sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 256}
        model = BertForTokenClassification(BertConfig(vocab_size=5000, num_labels=3, **sizes)).eval()
        framer = exported("bert").framer
        return Made(model, framer, export(model, framer, tmp_path_factory.mktemp("wide")))

    return make


@pytest.fixture
def batch() -> Batch:
    """Two rows, one of them padded."""
    ids = np.random.default_rng(1).integers(5, 40, (2, 12))
    mask = np.ones_like(ids)
    mask[1, 7:] = 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
