"""The versions that decide results, told without importing the libraries."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

from lmfit.version import __version__


def versions() -> dict[str, str]:
    """lmfit, Python and the libraries that decide results."""
    found = {"lmfit": __version__, "python": platform.python_version(), "platform": sys.platform}
    for name in ("torch", "transformers", "tokenizers", "numpy"):
        try:
            found[name] = _torch_version() if name == "torch" else version(name)
        except PackageNotFoundError:
            continue
    return found


def _torch_version() -> str:
    """As torch tells it, with the platform it was built for (2.15.0+cu132), which its metadata leave out."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise PackageNotFoundError("torch")
    return str(run_path(str(Path(spec.origin).with_name("version.py")))["__version__"])
