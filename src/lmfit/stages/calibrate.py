"""Temperature scaling on validation data, folded into the model's head."""

from typing import Any

from lmfit import console
from lmfit.device import Device
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor
from lmfit.models.temperature import divide_logits
from lmfit.stages.prepare import Prepared
from lmfit.stages.temperature import changed, temperature_for, unchanged
from lmfit.tasks.base import model_inputs
from lmfit.tasks.tensors import tensors


def calibrate(prepared: Prepared, model: Any, device: Device) -> dict[str, Any]:
    """Fit a temperature on at most 2,048 validation examples and divide the logits by it; answers stay the same.

    To be done before a backend makes a copy of the weights in lower precision: it would not be divided.
    Returns facts for run.json: "temperature" (None where nothing was changed) with "why", "items" and the mean negative
    log-likelihood without and with it.
    """
    found = _calibrate(prepared, model, device)
    if found["temperature"] is not None:
        console.say(
            f"calibration: logits divided by {found['temperature']:.3f}, fitted on {found['items']:,} validation items"
        )
    return found


def _calibrate(prepared: Prepared, model: Any, device: Device) -> dict[str, Any]:
    split, task = prepared.splits.validation, prepared.task
    if prepared.config.evaluation.calibration == "none":
        return unchanged("evaluation.calibration is none")
    if split is None:
        return unchanged("there is no validation data")
    predictor = Predictor(TorchBackend(model, device.in_full_precision()), task, prepared.framer)
    fitted = temperature_for(predictor, split)
    if isinstance(fitted, str):
        return unchanged(fitted)
    batch = model_inputs(tensors(task.collate([prepared.rows[0]], prepared.framer)))
    inputs = {name: tensor.to(next(model.parameters()).device) for name, tensor in batch.items()}
    if not divide_logits(model, fitted.value, inputs):
        return unchanged("this model's answers are not made by one last linear layer")
    return changed(fitted)
