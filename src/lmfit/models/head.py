"""The task head: start it afresh, or from the class means of the training rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from lmfit.models.freeze import encoder_of

Inputs = dict[str, Tensor]
LabelledInputs = Callable[[], Iterable[tuple[Inputs, Tensor]]]
"""Model inputs of some rows with the class of each, (B,); read anew at each call."""

CLEARLY_BELOW = 0.8
BETTER = 0.95
SCALES = 21


@dataclass(frozen=True)
class Prototypes:
    """A nearest-class-mean classifier: weight (C, D), bias (C,), and its leave-one-out cross entropy."""

    weight: Tensor
    bias: Tensor
    loss: float


def reset_head(model: nn.Module) -> None:
    """Draw the weights outside the encoder anew (a head trained for other labels must not be taken for these)."""
    encoder = encoder_of(model)
    std = getattr(model.config, "initializer_range", 0.02)
    for child in model.children():
        if child is encoder:
            continue
        for module in child.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=std)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


@torch.no_grad()
def start_from_class_means(model: nn.Module, rows: LabelledInputs, classes: int) -> str:
    """Set the head's weights from labelled rows; returns what was done: "none", "features" or "mean pooling".

    Prototypical networks (Snell et al. 2017) and weight imprinting (Qi et al. 2018): the weights of a class are the
    unit mean of its rows' centred features; their scale has the least leave-one-out cross entropy. "mean pooling":
    the dense layer before (a pooler) becomes the ridge map from its input to the mean of the last hidden states,
    where that has the lower loss: most sentence encoders were trained on that mean; not where there is no hidden state
    for each token (T5, Funnel). Where the loss stays near the entropy of the labels (an untrained encoder) nothing is
    changed.
    """
    inputs, _ = next(iter(rows()))
    final, dense = _row_layers(model, inputs, classes)
    if final is None:
        return "none"
    features, before, pooled, gold = _capture(model, rows, final, dense)
    if int(gold.min()) == int(gold.max()) or features.allclose(features[0]):
        return "none"
    found, done = prototypes(features, gold, classes), "features"
    shares = torch.bincount(gold).double() / len(gold)
    chance = float(-torch.xlogy(shares, shares).sum())
    if dense is not None and dense.bias is not None and len(pooled):
        kept = dense.weight.clone(), dense.bias.clone()
        _map_to(dense, before, pooled)
        mapped = prototypes(_capture(model, rows, final, None)[0], gold, classes)
        if mapped.loss < min(BETTER * found.loss, CLEARLY_BELOW * chance):
            found, done = mapped, "mean pooling"
        else:
            dense.weight.copy_(kept[0])
            dense.bias.copy_(kept[1])
    if found.loss > CLEARLY_BELOW * chance:
        return "none"
    final.weight.copy_(found.weight)
    if final.bias is not None:
        final.bias.copy_(found.bias)
    return done


def prototypes(features: Tensor, gold: Tensor, classes: int) -> Prototypes:
    """The nearest-class-mean classifier of features (N, D) with classes (N,); classes without rows get zeros."""
    mean, rows = features.mean(0), torch.arange(len(gold))
    counts = torch.bincount(gold, minlength=classes)
    centred = features - mean
    sums = torch.zeros(classes, features.shape[1], dtype=features.dtype).index_add_(0, gold, centred)
    unit = normalize(sums, dim=1)
    logits = centred @ unit.T
    spread = logits.std().clamp_min(1e-9)
    logits[rows, gold] = (centred * normalize(sums[gold] - centred, dim=1)).sum(1)
    left = counts[gold] > 1
    scales = torch.logspace(-2, 0, SCALES, dtype=features.dtype) / spread
    if not left.any():
        return Prototypes(scales[-1] * unit, -scales[-1] * unit @ mean, 0.0)
    losses = torch.stack([cross_entropy(scale * logits[left], gold[left]) for scale in scales])
    scale = scales[int(losses.argmin())]
    return Prototypes(scale * unit, -scale * unit @ mean, float(losses.min()))


@torch.no_grad()
def last_inputs(model: nn.Module, rows: LabelledInputs, layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """What `layer` sees of each labelled row, (N, D) in float64, and the class of each, (N,)."""
    features, _, _, gold = _capture(model, rows, layer, None)
    return features, gold


def _row_layers(model: nn.Module, inputs: Inputs, classes: int) -> tuple[nn.Linear | None, nn.Linear | None]:
    """Of the layers that see one vector per row: the last, with `classes` outputs, and a square one right before it."""
    seen: list[nn.Linear] = []
    rows = len(inputs["input_ids"])

    def note(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        if arguments[0].dim() == 2 and len(arguments[0]) == rows and isinstance(module, nn.Linear):
            seen.append(module)

    with _Hooks(model, [(module, note) for module in model.modules() if isinstance(module, nn.Linear)]):
        model(**inputs)
    if not seen or seen[-1].out_features != classes:
        return None, None
    final, before = seen[-1], seen[-2:-1]
    square = [m for m in before if m.in_features == m.out_features == final.in_features]
    return final, square[0] if square else None


def _capture(
    model: nn.Module, rows: LabelledInputs, final: nn.Linear, dense: nn.Linear | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Per row in float64: the inputs of the two layers, the mean of the last hidden states, and the class.

    Of what there is nothing of (no layer before, no hidden state for each token) it is empty.
    """
    features: list[Tensor] = []
    before: list[Tensor] = []
    pooled: list[Tensor] = []
    gold: list[Tensor] = []
    hooks = [(final, lambda _, arguments: features.append(arguments[0].double().cpu()))]
    if dense is not None:
        hooks.append((dense, lambda _, arguments: before.append(arguments[0].double().cpu())))
    with _Hooks(model, hooks):
        for inputs, classes in rows():
            found = model(**inputs, output_hidden_states=True)
            hidden = getattr(found, "hidden_states", None)
            mask = inputs["attention_mask"]
            if hidden is not None and hidden[-1].shape[:2] == mask.shape:
                pooled.append(_mean(hidden[-1].float(), mask).double().cpu())
            gold.append(classes.cpu())
    if len(pooled) < len(gold):
        pooled.clear()
    return torch.cat(features), _joined(before), _joined(pooled), torch.cat(gold)


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Hidden states (B, L, D) to their mean over real tokens, (B, D)."""
    real = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * real).sum(1) / real.sum(1)


def _joined(pieces: list[Tensor]) -> Tensor:
    return torch.cat(pieces) if pieces else torch.empty(0)


def _map_to(dense: nn.Linear, source: Tensor, target: Tensor, penalty: float = 0.1, spread: float = 0.25) -> None:
    """Ridge regression from source to target, centred, scaled to where tanh is nearly linear."""
    mean = source.mean(0)
    source, target = source - mean, target - target.mean(0)
    gram = source.T @ source
    gram += penalty * gram.trace() / len(gram) * torch.eye(len(gram), dtype=source.dtype)
    weight = torch.linalg.solve(gram, source.T @ target).T * (spread / target.std())
    dense.weight.copy_(weight)
    dense.bias.copy_(-weight @ mean)


class _Hooks:
    """Forward pre-hooks inside a block, with the model in evaluation mode."""

    def __init__(self, model: nn.Module, hooks: Iterable[tuple[nn.Module, Callable[..., None]]]) -> None:
        self.model, self.hooks = model, list(hooks)

    def __enter__(self) -> None:
        self.training = self.model.training
        self.model.eval()
        self.handles = [module.register_forward_pre_hook(hook) for module, hook in self.hooks]

    def __exit__(self, *_: object) -> None:
        self.model.train(self.training)
        for handle in self.handles:
            handle.remove()
