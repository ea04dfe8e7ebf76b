"""Fold a temperature into a model's head, so that every loader of the model gives calibrated scores."""

from typing import Any

import torch
from torch import nn


@torch.no_grad()
def divide_logits(model: Any, temperature: float, inputs: dict[str, torch.Tensor]) -> bool:
    """Divide the logits by `temperature`: weights and bias of the layer that makes them. False if there is none.

    A CRF's answers hang on more than the logits. A layer is taken for what it is only if the logits of `inputs` then
    are divided; else nothing is changed.
    """
    classes = model.config.num_labels
    linear = [module for module in model.modules() if isinstance(module, nn.Linear) and module.out_features == classes]
    if not linear or hasattr(model, "crf"):
        return False
    head, training = linear[-1], model.training
    model.eval()
    wanted = model(**inputs).logits / temperature
    kept = [(parameter, parameter.clone()) for parameter in head.parameters()]
    for parameter, _ in kept:
        parameter.div_(temperature)
    done = torch.allclose(model(**inputs).logits, wanted, rtol=1e-4, atol=1e-5)
    for parameter, before in kept:
        if not done:
            parameter.copy_(before)
    model.train(training)
    return bool(done)
