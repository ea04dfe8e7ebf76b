"""Whether a compressed model is the one that its certificate is about, and was certified on a machine like this one."""

from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.errors import InputError
from lmfit.machine import cpu_flags
from lmfit.models.plain import ONNX_FILE
from lmfit.runs import Run, read_json

CERTIFICATE = "certificate.json"
_WEIGHTS = ("*.safetensors", "*.onnx")


def weights_hash(folder: Path) -> str:
    """The sha256 of a model's weights: of its file, or over the hashes of its files where there are several."""
    files = sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern))
    hashes = [_hash_of(path) for path in files]
    return hashes[0] if len(hashes) == 1 else sha256("".join(hashes).encode()).hexdigest()


def _hash_of(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def check_certified(run: Run, folder: Path) -> None:
    """Raises InputError where the model file is not the one that run.json and certificate.json tell of.

    Warns where answers may differ from the certified ones, since the processor multiplies in another way. A model
    folder that was taken out of its run is not checked.
    """
    if not (run.path / "run.json").is_file():
        return
    told = run.manifest.get("model", {}).get("sha256")
    if told is not None and told != weights_hash(folder):
        what = f"{ONNX_FILE} is not the file that run.json tells of: it is damaged, or was replaced"
        raise InputError(what, where=str(folder / ONNX_FILE), fix=f"copy the run again, or make it anew: {_again(run)}")
    path = run.path / CERTIFICATE
    if not path.is_file():
        return
    certificate = read_json(path, "compressed run")
    if certificate.get("child", {}).get("sha256") != told:
        what = f"{CERTIFICATE} is about another model"
        raise InputError(what, where=str(path), fix=f"put the right one back, or make the run anew: {_again(run)}")
    if not any(_like_here(one) for one in (certificate, *certificate.get("repeated", []))):
        known = ", ".join(certificate["machine"]["flags"]) or "unknown instructions"
        console.warn(
            f"certified on {certificate['machine']['cpu']} ({known}); this processor computes otherwise, and answers "
            f"may differ: lmfit evaluate {run.path} --certify"
        )


def _like_here(certificate: dict[str, Any]) -> bool:
    return bool(certificate["machine"]["flags"] == cpu_flags())


def _again(run: Run) -> str:
    return f"lmfit compress {run.manifest.get('parent')} --quantize {run.manifest.get('quantization', 'int8')}"
