"""The temperature that validation data asks for, whatever computes the logits, and what run.json tells of it."""

from itertools import islice
from typing import Any

from lmfit.data.sources import Source
from lmfit.evaluation.calibration import Temperature, fit_temperature
from lmfit.inference.predictor import Predictor
from lmfit.stages.seen import Seen

MOST_EXAMPLES = 2048


def temperature_for(predictor: Predictor, split: Source) -> Temperature | str:
    """Fitted on at most 2,048 examples; a sentence where the logits should stay as they are."""
    seen, stride = Seen(predictor.task), -(-len(split) // MOST_EXAMPLES)
    for _ in seen.watch(predictor.stream(islice(split, 0, None, stride))):
        pass
    outcomes = seen.outcomes()
    return "answers are numbers, not classes" if outcomes is None else fit_temperature(outcomes)


def changed(fitted: Temperature) -> dict[str, Any]:
    """For run.json: a temperature that the logits were divided by."""
    nll = {"nll_before": fitted.nll_before, "nll_after": fitted.nll_after}
    return {"method": "temperature", "temperature": fitted.value, "items": fitted.items, **nll}


def unchanged(why: str) -> dict[str, Any]:
    """For run.json: why the logits were not divided."""
    return {"method": "none", "temperature": None, "why": why}
