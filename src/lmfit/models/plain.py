"""A model folder that lmfit wrote, read without torch and transformers: its facts and its tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lmfit.errors import InputError
from lmfit.runs import read_json

LMFIT_KEY = "lmfit"
ONNX_FILE = "model.onnx"
HEAD_FILE = "head.safetensors"
"""What of a head is not in the weights that transformers loads, nor in an ONNX graph."""


@dataclass(frozen=True)
class PlainTokenizer:
    """What a Framer needs of a tokenizer, under the names that transformers uses."""

    backend_tokenizer: Any
    model_input_names: list[str]
    pad_token_id: int | None
    unk_token_id: int | None


def read_facts(folder: Path) -> Mapping[str, Any]:
    """Task, lengths and tokenizer facts of a model in ONNX. Raises InputError where lmfit did not write it."""
    facts = read_json(folder / "config.json", "model folder").get(LMFIT_KEY)
    if not isinstance(facts, dict) or "tokenizer" not in facts:
        what = f"`{folder}` holds an ONNX file that lmfit did not write"
        raise InputError(what, where=str(folder / "config.json"), fix="make one: lmfit compress RUN --quantize int8")
    return facts


def read_tokenizer(folder: Path, facts: Mapping[str, Any]) -> PlainTokenizer:
    """The tokenizer of a model in ONNX. Raises InputError where its file is missing or damaged."""
    from tokenizers import Tokenizer

    path, told = folder / "tokenizer.json", facts["tokenizer"]
    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise InputError(f"the tokenizer cannot be read: {error}", where=str(path), fix="copy the run again") from None
    return PlainTokenizer(backend, list(told["inputs"]), told["pad"], told["unknown"])


def read_head(folder: Path) -> Mapping[str, np.ndarray]:
    """The tensors of a head that stand beside the model; none for most. Raises InputError where they are damaged."""
    from safetensors.numpy import load_file

    path = folder / HEAD_FILE
    if not path.is_file():
        return {}
    try:
        found: Mapping[str, np.ndarray] = load_file(path)
    except Exception as error:  # safetensors raises its own class for damaged files, OSError for others
        raise InputError(f"the head cannot be read: {error}", where=str(path), fix="copy the run again") from None
    return found
