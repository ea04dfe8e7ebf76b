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


def companions_hash(folder: Path) -> str:
    """The sha256 over names and hashes of what decides answers besides the weights: tokenizer, labels, settings."""
    weights = {path for pattern in _WEIGHTS for path in folder.glob(pattern)}
    files = sorted(path for path in folder.iterdir() if path.is_file() and path not in weights)
    held = [f"{path.name} {_hash_of(path)}" for path in files if path.suffix != ".md" and path.name[0] != "."]
    return sha256("\n".join(held).encode()).hexdigest()


def _hash_of(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def parent_of(run: Run) -> Run:
    """The run that a compressed one was made from: where it lies seen from there, where it lay, or as it was called."""
    manifest = run.manifest
    called = Path(str(manifest.get("parent")))
    places = [*(run.path.resolve() / path for path in manifest.get("parent_paths", ())), called]
    found = next((path.resolve() for path in places if (path / "run.json").is_file()), called.resolve())
    return Run(called if found == called.resolve() else found)


def check_certified(run: Run, folder: Path) -> None:
    """Raises InputError where a compressed model is not the one that run.json and certificate.json tell of.

    Warns where answers may differ from the certified ones, since the processor multiplies in another way. A model
    folder that was taken out of its run is not checked.
    """
    if not (run.path / "run.json").is_file():
        return
    found = weights_hash(folder)
    if run.manifest.get("model", {}).get("sha256", found) != found:
        what = f"{ONNX_FILE} is not the file that run.json tells of: it is damaged, or was replaced"
        raise InputError(what, where=str(folder / ONNX_FILE), fix=f"copy the run again, or make it anew: {_again(run)}")
    path = run.path / CERTIFICATE
    if not path.is_file():
        return
    certificate = _whole(run, read_json(path, "compressed run"))
    if certificate["child"]["sha256"] != found:
        what = f"{CERTIFICATE} is about other weights than those in {folder.name}/: one of them is damaged, or replaced"
        raise InputError(what, where=str(path), fix=f"put the right one back, or make the run anew: {_again(run)}")
    if certificate["child"].get("companions_sha256") not in (None, companions_hash(folder)):
        what = f"tokenizer, labels or settings in {folder.name}/ are others than when the model was certified"
        raise InputError(what, where=str(folder), fix=f"copy the run again, or make it anew: {_again(run)}")
    if (folder / ONNX_FILE).is_file():
        _warn_of_other_machine(run, certificate)


def _whole(run: Run, certificate: dict[str, Any]) -> dict[str, Any]:
    """The certificate. Raises InputError where something that is needed of it is missing."""
    try:
        machines = [one["machine"] for one in (certificate, *certificate.get("repeated", []))]
        whole = all(isinstance(one["cpu"], str) and isinstance(one["flags"], list) for one in machines)
        whole = (
            whole
            and isinstance(certificate["child"]["sha256"], str)
            and certificate["split"] in ("train", "validation", "test")
        )
    except (KeyError, TypeError):
        whole = False
    if not whole:
        fix = f"copy it again, or make the run anew: {_again(run)}"
        raise InputError(f"{CERTIFICATE} is damaged", where=str(run.path / CERTIFICATE), fix=fix)
    return certificate


def _warn_of_other_machine(run: Run, certificate: dict[str, Any]) -> None:
    if not any(_like_here(one) for one in (certificate, *certificate.get("repeated", []))):
        known = ", ".join(map(str, certificate["machine"]["flags"])) or "unknown instructions"
        console.warn(
            f"certified on {certificate['machine']['cpu']} ({known}); this processor computes otherwise, and answers "
            f"may differ: lmfit evaluate {run.path} --certify"
        )


def _like_here(certificate: dict[str, Any]) -> bool:
    return bool(certificate["machine"]["flags"] == cpu_flags())


def _again(run: Run) -> str:
    return f"lmfit compress {parent_of(run).path} --config {run.path / 'config.yaml'} -o NEW"
