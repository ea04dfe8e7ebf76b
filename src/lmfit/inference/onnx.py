"""ONNX Runtime on the CPU: sessions, and the backend around one. Neither torch nor transformers is imported here."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lmfit.data.collate import Batch
from lmfit.errors import InputError, MissingExtra
from lmfit.inference.backend import Backend
from lmfit.machine import cpu_threads

BATCH_TOKENS = 1024


def open_session(path: Path) -> Any:
    """A session for a model file, on the threads of `machine.cpu_threads`.

    Raises MissingExtra without ONNX Runtime, InputError where the file is damaged.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra("a model in ONNX", "onnx") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = cpu_threads(), 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own for every kind of damage
        first = str(error).strip().splitlines()[0]
        fix = "copy the run again, or make it again: lmfit compress"
        raise InputError(f"the ONNX file cannot be loaded: {first}", where=str(path), fix=fix) from None


def run_session(session: Any, batch: Batch) -> np.ndarray:
    """Logits of a batch, float32; a task that gives no segments means the first one."""
    found: np.ndarray = session.run(None, feeds(session.get_inputs(), batch))[0]
    return found


def feeds(inputs: Iterable[Any], batch: Batch) -> Batch:
    """What the inputs of a session or a graph are given."""
    names = [one.name for one in inputs]
    return {name: batch[name] if name in batch else np.zeros_like(batch["input_ids"]) for name in names}


class OnnxBackend:
    """A model file, in the arithmetic that it was written for: there is nothing quicker."""

    batch_tokens = BATCH_TOKENS
    quick: Backend | None = None

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)

    def logits(self, batch: Batch) -> np.ndarray:
        """(B, C) or (B, L, C) float32."""
        return run_session(self._session, batch)
