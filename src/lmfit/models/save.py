"""Write a model folder that lmfit, `from_pretrained` and `pipeline()` all read."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lmfit.data.framing import Framer
from lmfit.durable import publish
from lmfit.models.load import quiet_transformers
from lmfit.models.plain import LMFIT_KEY, ONNX_FILE
from lmfit.models.pruned import write_code
from lmfit.version import __version__


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
    facts = _facts(framer, task_name, task_state, calibration)
    with _appearing(folder) as temporary, quiet_transformers():
        setattr(model.config, LMFIT_KEY, facts)
        write_code(temporary, model)
        model.save_pretrained(temporary)
        framer.tokenizer.save_pretrained(temporary)


def save_onnx(
    folder: Path,
    model: Any,
    graph: Path,
    framer: Framer,
    task_name: str,
    task_state: dict[str, Any],
    calibration: Mapping[str, Any],
) -> None:
    """The ONNX file `graph` made of `model`, with all that prediction needs besides (models/plain.py reads it)."""
    tokenizer = framer.tokenizer
    told = {"inputs": tokenizer.model_input_names, "pad": tokenizer.pad_token_id, "unknown": tokenizer.unk_token_id}
    facts = _facts(framer, task_name, task_state, calibration) | {"tokenizer": told}
    with _appearing(folder) as temporary, quiet_transformers():
        setattr(model.config, LMFIT_KEY, facts)
        model.config.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        (temporary / "tokenizer.json").write_text(framer.backend.to_str(), encoding="utf-8")
        shutil.copyfile(graph, temporary / ONNX_FILE)


def _facts(
    framer: Framer, task_name: str, task_state: dict[str, Any], calibration: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "version": __version__,
        "task": task_name,
        "state": task_state,
        "max_length": framer.max_length,
        "overflow": framer.overflow,
        "calibration": calibration,
    }


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder to write into; it takes its name when all is written."""
    temporary = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    publish(temporary, folder)
