"""Heads that transformers has no class for: another pooling, a hidden layer, a CRF beside the tag scores.

Their weights are in model/head.safetensors; what they stand on is saved so that transformers loads it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lmfit.errors import ConfigError
from lmfit.models.crf import Crf
from lmfit.models.freeze import encoder_of
from lmfit.models.plain import HEAD_FILE as FILE

if TYPE_CHECKING:
    from lmfit.config.model import ModelConfig
    from lmfit.models.load import ModelSource

HEAD_KEY = "head"
_OWN = ("own_head.", "crf.")

Facts = dict[str, str | None]
"""The kind of a head and its pooling, as a model folder tells them."""


class PooledHead(nn.Module):
    """Hidden states (B, L, D) of a text to its logits (B, C).

    pooling: cls (the first token), mean (of all tokens), attention (a weighted mean, whose weights are learnt: Yang et
    al. 2016, without their projection). kind: linear, or mlp with a hidden layer of D units and GELU.
    """

    def __init__(self, width: int, labels: int, kind: str, pooling: str, dropout: float, std: float) -> None:
        super().__init__()
        self.pooling = pooling
        self.attention = nn.Linear(width, 1) if pooling == "attention" else None
        self.dense = nn.Linear(width, width) if kind == "mlp" else None
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, labels)
        for layer in (self.attention, self.dense, self.out):
            if layer is not None:
                nn.init.normal_(layer.weight, std=std)
                nn.init.zeros_(layer.bias)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """mask: (B, L), 1 for real tokens; None where all are."""
        pooled = self._pooled(hidden, mask)
        if self.dense is not None:
            pooled = torch.nn.functional.gelu(self.dense(self.dropout(pooled)))
        logits: Tensor = self.out(self.dropout(pooled))
        return logits

    def _pooled(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """(B, D)"""
        if self.pooling == "cls":
            return hidden[:, 0]
        real = torch.ones(hidden.shape[:2], device=hidden.device) if mask is None else mask
        if self.attention is None:
            weights = real.to(hidden.dtype) / real.sum(1, keepdim=True)
        else:
            scores = self.attention(hidden).squeeze(2).float().masked_fill(real == 0, -torch.inf)
            weights = torch.softmax(scores, dim=1).to(hidden.dtype)
        return (weights[:, :, None] * hidden).sum(1)


def facts_of(config: "ModelConfig") -> Facts | None:
    """What a config asks for; None for the head that transformers gives the model."""
    if config.head == "linear" and config.pooling is None:
        return None
    return {"kind": config.head, "pooling": config.pooling}


def give_head(model: Any, facts: Facts) -> None:
    """Put a head into a model: a CRF beside the head that it has, any other one in that one's place.

    New weights are drawn from torch's RNG. Raises ConfigError for pooling by the first token of a decoder.
    """
    if facts["kind"] == "crf":
        model.crf = Crf(model.config.num_labels)
        return
    encoder, config = encoder_of(model), model.config
    pooling = facts["pooling"] or ("mean" if hasattr(model, "score") else "cls")
    if pooling == "cls" and hasattr(model, "score"):
        what = "the first token of a decoder has seen nothing but itself"
        raise ConfigError(what, where="model.pooling", fix="model.pooling=mean, attention or null (the last token)")
    for name, child in list(model.named_children()):
        if child is not encoder:
            delattr(model, name)
    dropout: Any = getattr(config, "classifier_dropout", None) or getattr(config, "hidden_dropout_prob", 0.0)
    std = getattr(config, "initializer_range", 0.02)
    model.own_head = PooledHead(config.hidden_size, config.num_labels, str(facts["kind"]), pooling, dropout, std)
    model.__class__ = _headed(type(model))


def fit_crf(model: Any) -> None:
    """A CRF whose tags are no longer those of the model begins anew."""
    if hasattr(model, "crf") and len(model.crf.start) != model.config.num_labels:
        model.crf = Crf(model.config.num_labels)


def _headed(kind: type[Any]) -> type[Any]:
    """The class of a model, its forward pass with the head; its name stays."""

    def forward(self: Any, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any) -> Any:
        from transformers.modeling_outputs import SequenceClassifierOutput

        found = encoder_of(self)(input_ids=input_ids, attention_mask=attention_mask, **others)
        logits = self.own_head(found.last_hidden_state, attention_mask)
        return SequenceClassifierOutput(logits=logits, hidden_states=getattr(found, "hidden_states", None))

    return type(kind.__name__, (kind,), {"forward": forward})


def own_tensors(model: torch.nn.Module) -> dict[str, Tensor]:
    """The weights of a head that transformers does not know, by name; nothing for any other model."""
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith(_OWN)}


def save_with_head(folder: Path, model: Any) -> None:
    """Write what transformers loads (the encoder; of a CRF the tagger without it), and the head beside it."""
    own = own_tensors(model)
    if hasattr(model, "own_head"):
        encoder: Any = encoder_of(model)
        encoder.config = model.config
        encoder.save_pretrained(folder)
    else:
        model.save_pretrained(folder, state_dict={k: v for k, v in model.state_dict().items() if k not in own})
    _save(folder, own)


def save_crf(folder: Path, model: Any) -> None:
    """Write the CRF of a model that has one."""
    _save(folder, {name: tensor for name, tensor in own_tensors(model).items() if name.startswith("crf.")})


def _save(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors of a head; nothing where there are none."""
    from safetensors.torch import save_file

    if tensors:
        save_file({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}, folder / FILE)


def load_head(model: Any, source: "ModelSource") -> None:
    """The head's weights from the folder or Hub repository that the model came from, into a model that has the head."""
    from safetensors.torch import load_file
    from transformers.utils import cached_file

    options = {"revision": source.revision} if source.kind == "hub" and source.revision else {}
    model.load_state_dict(load_file(str(cached_file(source.where, FILE, **options))), strict=False)
