from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.compression.export import export
from lmfit.data.collate import Batch
from lmfit.errors import InputError
from lmfit.inference.onnx import open_session, run_session
from lmfit.models.modeling_pruned import blocks_of
from lmfit.models.pruned import note_widths

HEADS = ("AutoModelForTokenClassification", "AutoModelForSequenceClassification")


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra", "roberta"])
def test_attention_of_every_layer_becomes_one_node(family: str, exported: Callable[..., Any]) -> None:
    for head in HEADS:
        found = exported(family, head).exported
        assert found.fused, found
        assert (found.attention, found.layers) == (2, 2)


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert", "albert"])
def test_answers_are_those_of_pytorch(family: str, exported: Callable[..., Any], batch: Batch) -> None:
    made = exported(family)
    if not made.framer.uses_types:
        batch = {name: array for name, array in batch.items() if name != "token_type_ids"}
    kept = batch["attention_mask"] > 0
    found = run_session(open_session(made.exported.path), batch)
    np.testing.assert_allclose(found[kept], made.wanted(batch)[kept], atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert"])
def test_the_runtime_leaves_sums_and_layer_norms_apart(
    family: str, exported: Callable[..., Any], tmp_path: Path
) -> None:
    """SkipLayerNormalization takes about five times as long as the two nodes that it stands for."""
    import onnx
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    InferenceSession(str(exported(family).exported.path), options)
    kinds = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert "SkipLayerNormalization" not in kinds
    assert kinds.count("LayerNormalization") >= kinds.count("Sum") >= 4


def test_weights_that_stand_aside_come_back(wide: Callable[..., Any], batch: Batch) -> None:
    """Layers with weights large enough to be left out of the graph while it is fused, all of them alike in shape."""
    made = wide()
    assert made.exported.fused, made.exported
    kept = batch["attention_mask"] > 0
    found = run_session(open_session(made.exported.path), batch)
    np.testing.assert_allclose(found[kept], made.wanted(batch)[kept], atol=1e-5)


def test_a_layer_without_heads_has_nothing_to_fuse(exported: Callable[..., Any], tmp_path: Path) -> None:
    made = exported("bert")
    model = deepcopy(made.model)
    blocks_of(model)[0].keep([])
    note_widths(model)
    found = export(model, made.framer, tmp_path)
    assert (found.attention, found.layers, found.why) == (1, 1, "")


def test_what_is_not_fused_is_told(exported: Callable[..., Any]) -> None:
    found = exported("modernbert").exported
    assert not found.fused
    assert "does not know the attention of 2 layers" in found.why


def test_a_model_that_cannot_be_traced_is_refused(exported: Callable[..., Any], tmp_path: Path) -> None:
    made = exported("bert")

    class Odd(type(made.model)):  # type: ignore[misc]
        def forward(self, **inputs: Any) -> Any:
            if torch.onnx.is_in_onnx_export():
                raise ValueError("no way")
            return super().forward(**inputs)

    odd = Odd(made.model.config).eval()
    with pytest.raises(InputError, match="Odd cannot be exported to ONNX: no way"):
        export(odd, made.framer, tmp_path)
