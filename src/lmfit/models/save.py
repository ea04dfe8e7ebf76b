"""Write a model folder that lmfit, `from_pretrained` and `pipeline()` all read."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmfit.data.framing import Framer
from lmfit.durable import publish
from lmfit.models.load import quiet_transformers
from lmfit.models.pruned import write_code
from lmfit.version import __version__

LMFIT_KEY = "lmfit"


def save_model(
    folder: Path,
    model: Any,
    framer: Framer,
    task_name: str,
    task_state: dict[str, Any],
    calibration: Mapping[str, Any],
) -> None:
    """Weights (safetensors), config with real label names, tokenizer; appears whole.

    calibration: what was done to the logits; the weights hold it already, so it is only told.
    """
    temporary = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    facts = {
        "version": __version__,
        "task": task_name,
        "state": task_state,
        "max_length": framer.max_length,
        "overflow": framer.overflow,
        "calibration": calibration,
    }
    setattr(model.config, LMFIT_KEY, facts)
    write_code(temporary, model)
    with quiet_transformers():
        model.save_pretrained(temporary)
        framer.tokenizer.save_pretrained(temporary)
    publish(temporary, folder)
