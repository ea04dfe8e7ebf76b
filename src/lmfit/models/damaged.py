"""What is wrong with a model folder, found in its files before any library stumbles over them."""

import json
from pathlib import Path
from typing import Any

from lmfit.errors import InputError
from lmfit.models.lora import CONFIG_FILE as ADAPTER_CONFIG
from lmfit.models.lora import WEIGHTS_FILE as ADAPTER
from lmfit.models.plain import HEAD_FILE

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_TOKENIZERS = ("tokenizer.json", "vocab.*", "*.model", "*.spm", "*.tiktoken", "tekken.json")
_POINTER = b"version "
"""The first eight bytes of what git-lfs leaves in place of a large file."""
_COPY = "copy the folder again, or download the model again"


def check_config(folder: Path, name: str, *, trusted: bool) -> None:
    """Raises InputError where config.json is no JSON object, or of a model that transformers has no code for.

    trusted: whether code in the folder may be run (model.trust_remote_code).
    """
    from transformers import CONFIG_MAPPING

    path = folder / "config.json"
    told = _object(path, name)
    kind = told.get("model_type")
    if trusted or kind is None or kind in CONFIG_MAPPING:
        return
    what = f"cannot load the model `{name}`: transformers has no architecture `{kind}`"
    fix = "check model_type; a newer transformers may know it"
    if "auto_map" in told:
        what += ", and code in a model's folder is not run"
        fix = "take another model, or, where you trust that code: model.trust_remote_code=true"
    raise InputError(what, where=str(path), fix=fix)


def check_tokenizer(folder: Path, name: str) -> None:
    """Raises InputError where a folder holds no file that a tokenizer could be made of."""
    if any(any(folder.glob(pattern)) for pattern in _TOKENIZERS):
        return
    what = f"cannot load the tokenizer of `{name}`: the folder holds none (tokenizer.json, vocab.txt, ...)"
    fix = "copy tokenizer.json and tokenizer_config.json from where the model comes from"
    raise InputError(what, where=str(folder), fix=fix)


def check_weights(folder: Path, name: str) -> None:
    """Raises InputError where the weights of a folder are absent, pickled, incomplete or cut off."""
    if (folder / ADAPTER_CONFIG).is_file():
        files = [folder / ADAPTER]
    elif (folder / WEIGHTS).is_file():
        files = [folder / WEIGHTS]
    elif (folder / INDEX).is_file():
        files = _shards(folder, name)
    else:
        raise _no_weights(folder, name)
    for path in [*files, *folder.glob(HEAD_FILE)]:
        _check_file(path, name)


def check_vocabulary(tokenizer: Any, config: Any, name: str) -> None:
    """Raises InputError where a tokenizer gives ids that the model has no embedding for; padding can be given one."""
    rows = getattr(config, "vocab_size", None)
    most = max((i for i in tokenizer.get_vocab().values() if i != tokenizer.pad_token_id), default=-1) + 1
    if rows is not None and most > rows:
        what = f"the tokenizer of `{name}` has {most:,} tokens, its embedding table {rows:,} rows"
        fix = "take the tokenizer that belongs to these weights, or widen the table: model.resize_token_embeddings"
        raise InputError(what, where="model.name", fix=fix)


def _object(path: Path, name: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = f"cannot load the model `{name}`: {path.name} is no JSON ({error})"
        raise InputError(what, where=str(path), fix=_COPY) from None
    if not isinstance(told, dict):
        what = f"cannot load the model `{name}`: {path.name} holds no JSON object"
        raise InputError(what, where=str(path), fix=_COPY)
    return told


def _shards(folder: Path, name: str) -> list[Path]:
    """The files of weights in several parts."""
    table = _object(folder / INDEX, name).get("weight_map")
    files = sorted({folder / str(file) for file in table.values()}) if isinstance(table, dict) else []
    missing = [path.name for path in files if not path.is_file()]
    if missing or not files:
        count = f"{len(missing)} of {len(files)} files of weights are missing: {', '.join(missing[:3])}"
        what = count if files else f"{INDEX} names no files"
        raise InputError(f"cannot load the model `{name}`: {what}", where=str(folder / INDEX), fix=_COPY)
    return files


def _no_weights(folder: Path, name: str) -> InputError:
    pickled = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern) if path.name[:9] != "training_")
    if not pickled:
        what = f"cannot load the model `{name}`: the folder holds no weights ({WEIGHTS})"
        return InputError(what, where=str(folder), fix=_COPY)
    what = (
        f"cannot load the model `{name}`: its weights are pickled ({pickled[0]}), and unpickling runs what is in them"
    )
    fix = (
        'where you trust the file, convert it with transformers alone: python -c "import transformers as t; '
        f"t.AutoModel.from_pretrained('{folder}').save_pretrained('{folder}')\""
    )
    return InputError(what, where=str(folder / pickled[0]), fix=fix)


def _check_file(path: Path, name: str) -> None:
    """Raises InputError where a safetensors file is absent, or is not as long as its header says."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            begin = file.read(8)
            length = int.from_bytes(begin, "little")
            header = file.read(length) if length <= size - 8 else b""
        tensors = json.loads(header)
        ends = [entry["data_offsets"][1] for key, entry in tensors.items() if key != "__metadata__"]
        whole = 8 + length + max(ends, default=0) == size
    except OSError as error:
        what = f"cannot load the model `{name}`: {path.name} cannot be read ({error.strerror})"
        raise InputError(what, where=str(path), fix=_COPY) from None
    except (ValueError, TypeError, LookupError, AttributeError):
        whole = False
    if not whole:
        pointer = begin == _POINTER
        what = "is a pointer of git-lfs, not the file itself" if pointer else "is cut off or damaged"
        fix = "fetch what it points to: git lfs pull" if pointer else _COPY
        raise InputError(f"cannot load the model `{name}`: {path.name} {what}", where=str(path), fix=fix)
