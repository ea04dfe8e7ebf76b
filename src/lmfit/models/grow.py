"""More data later: a trained head whose rows are kept by the names of their labels, for a changed set of labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from lmfit.models.freeze import encoder_of
from lmfit.models.head import LabelledInputs, last_inputs

_SCALES = torch.logspace(-2, 1.5, 22, dtype=torch.float64)
_OFFSETS = torch.linspace(-2, 2, 17, dtype=torch.float64)


@dataclass(frozen=True)
class Growth:
    """The labels of a trained head (before) and those of the training data (after), both in the order of rows."""

    before: Sequence[str]
    after: Sequence[str]

    @property
    def kept(self) -> list[str]:
        """Labels whose rows are kept."""
        return [label for label in self.after if label in set(self.before)]

    @property
    def new(self) -> list[str]:
        """Labels that the head does not know."""
        return [label for label in self.after if label not in set(self.before)]

    @property
    def dropped(self) -> list[str]:
        """Labels that the training data does not have."""
        return [label for label in self.before if label not in set(self.after)]

    def __str__(self) -> str:
        return f"{len(self.kept)} labels kept by name, {len(self.new)} new, {len(self.dropped)} dropped"


def grow_head(model: Any, growth: Growth, settings: Mapping[str, Any]) -> bool:
    """Give the model a row per label of `growth.after`; rows of known labels keep their weights, others are random.

    `settings` (labels) go to the model's config. False where the model has no linear layer with a row per label.
    """
    found = label_layer(model, len(growth.before))
    if found is None:
        return False
    holder, name, old = found
    layer = nn.Linear(old.in_features, len(growth.after), bias=old.bias is not None)
    nn.init.normal_(layer.weight, std=getattr(model.config, "initializer_range", 0.02))
    row_of = {label: i for i, label in enumerate(growth.before)}
    to, of = zip(*((i, row_of[label]) for i, label in enumerate(growth.after) if label in row_of), strict=True)
    with torch.no_grad():
        layer.weight[list(to)] = old.weight[list(of)]
        if old.bias is not None:
            nn.init.zeros_(layer.bias)
            layer.bias[list(to)] = old.bias[list(of)]
    setattr(holder, name, layer)
    for key, value in settings.items():
        setattr(model.config, key, value)
    model.num_labels = len(growth.after)
    return True


@torch.no_grad()
def start_new_rows(model: Any, growth: Growth, rows: LabelledInputs) -> int:
    """Set the head's new rows from labelled rows, beside the old rows as they are; returns how many were set.

    As in weight imprinting (Qi et al. 2018) a row is the unit mean of its class's centred features; one scale and one
    offset for all of them have the least cross entropy of the whole head. Classes without rows stay random.
    """
    found = label_layer(model, len(growth.after))
    if found is None:
        return 0
    layer = found[2]
    features, gold = last_inputs(model, rows, layer)
    seen = set(gold.tolist())
    new = [i for i, label in enumerate(growth.after) if label not in set(growth.before) and i in seen]
    if not new:
        return 0
    mean = features.mean(0)
    units = torch.stack([normalize((features[gold == i] - mean).mean(0), dim=0) for i in new])
    weight, bias = layer.weight.double().cpu(), layer.bias.double().cpu() if layer.bias is not None else torch.zeros(1)
    logits = features @ weight.T + bias
    logits[:, [i for i, label in enumerate(growth.after) if label in set(growth.new) and i not in new]] = -torch.inf
    scale, offset = _best_fit(logits, (features - mean) @ units.T, gold, new)
    layer.weight[new] = (scale * units).to(layer.weight)
    if layer.bias is not None:
        layer.bias[new] = (offset - scale * units @ mean).to(layer.bias)
    return len(new)


def _best_fit(logits: Tensor, raw: Tensor, gold: Tensor, new: list[int]) -> tuple[Tensor, Tensor]:
    """Scale and offset of `raw` (N, K) in the columns `new` of `logits` (N, C) with the least cross entropy."""
    spread = raw.std().clamp_min(1e-9)
    best = (torch.inf, _SCALES[0], _OFFSETS[0])
    known = [i for i in range(logits.shape[1]) if i not in new]
    level = logits[:, known].logsumexp(1)
    for scale in _SCALES / spread:
        for offset in level.mean() + _OFFSETS * level.std().clamp_min(1.0):
            logits[:, new] = scale * raw + offset
            loss = float(cross_entropy(logits, gold))
            if loss < best[0]:
                best = (loss, scale, offset)
    return best[1], best[2]


def label_layer(model: Any, labels: int) -> tuple[nn.Module, str, nn.Linear] | None:
    """The last linear layer outside the encoder with a row per label: (its holder, its name there, itself)."""
    encoder = encoder_of(model)
    inside = set(encoder.modules()) if encoder is not model else set()
    found = None
    for path, module in model.named_modules():
        if isinstance(module, nn.Linear) and module not in inside and module.out_features == labels:
            holder, _, name = path.rpartition(".")
            found = (model.get_submodule(holder), name, module)
    return found
