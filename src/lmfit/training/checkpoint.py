"""Checkpoints that survive anything: written beside, flushed, checksummed, renamed; verified before use."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lmfit import console


@dataclass
class TrainState:
    """Where training stands. All else follows from (config, seed, step)."""

    step: int = 0
    total_steps: int = 0
    best_value: float | None = None
    best_step: int = 0
    evaluations_without_gain: int = 0
    train_seconds: float = 0.0
    tokens: int = 0
    stopped: str = ""
    log_bytes: int = 0
    unlogged_losses: list[float] = field(default_factory=list)
    scaler: dict[str, Any] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints/ folder of a run: step-00000420/ for each kept step, best/ with the best weights."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: TrainState) -> Path:
        """Write a checkpoint of `state`, unless it is there already, and remove the oldest beyond `keep`."""
        target = self.folder / f"step-{state.step:08d}"
        if is_whole(target) and _state_in(target) == state:
            return target
        tensors = {"model": weights(model), "optimizer": optimizer_tensors(optimizer)}
        self._write(target, tensors, {"state": asdict(state)})
        for old in [step for step in self._steps() if step != target][: 1 - self.keep or None]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def save_best(self, model: torch.nn.Module, step: int, value: float) -> None:
        """Write the weights that scored best so far."""
        self._write(self.folder / "best", {"model": weights(model)}, {"step": step, "value": value})

    def exist(self) -> bool:
        """Whether there is any checkpoint."""
        return bool(self._steps())

    def load_best(self, model: torch.nn.Module, step: int) -> bool:
        """Put the best weights, those of `step`, into `model`; false where they are not there whole."""
        folder = self.folder / "best"
        if not is_whole(folder) or json.loads((folder / "state.json").read_text())["step"] != step:
            return False
        model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
        return True

    def restore(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> TrainState | None:
        """Load the newest whole checkpoint into model and optimizer; None where there is none.

        A damaged one is put aside and said; what a crash left half-written is removed.
        """
        self._finish_swaps()
        for left in (*self.folder.glob(".writing-*"), *self.folder.glob(".old-*")):
            shutil.rmtree(left, ignore_errors=True)
        for folder in reversed(self._steps()):
            if not is_whole(folder):
                console.warn(f"checkpoint {folder.name} is damaged or incomplete; taking the one before it")
                folder.rename(folder.with_name(f"damaged-{folder.name}-{time.time_ns()}"))
                continue
            model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
            load_optimizer(optimizer, load_file(folder / "optimizer.safetensors"))
            return _state_in(folder)
        return None

    def _finish_swaps(self) -> None:
        """Put back what a crash caught between the two renames of `_write`."""
        for old in self.folder.glob(".old-*"):
            target = old.with_name(old.name.removeprefix(".old-"))
            if not target.exists() and is_whole(old):
                old.rename(target)

    def _steps(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("step-*") if p.is_dir())

    def _write(self, target: Path, tensors: Mapping[str, dict[str, torch.Tensor]], facts: Mapping[str, Any]) -> None:
        temporary = target.with_name(f".writing-{target.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, held in tensors.items():
            save_file(held, temporary / f"{name}.safetensors")
        (temporary / "state.json").write_text(json.dumps(facts))
        sums = {path.name: _checksum(path) for path in sorted(temporary.iterdir())}
        (temporary / "checksums.json").write_text(json.dumps(sums))
        for path in temporary.iterdir():
            _flush(path)
        _flush(temporary)
        if target.exists():
            old = target.with_name(f".old-{target.name}")
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
            temporary.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(target)
        _flush(target.parent)


def _state_in(folder: Path) -> TrainState:
    return TrainState(**json.loads((folder / "state.json").read_text())["state"])


def is_whole(folder: Path) -> bool:
    """Whether every file of a checkpoint is there with the content it was written with."""
    try:
        sums = json.loads((folder / "checksums.json").read_text())
        return bool(sums) and all(_checksum(folder / name) == value for name, value in sums.items())
    except (OSError, ValueError):
        return False


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The model's tensors by name, each shared tensor once, ready for safetensors."""
    seen: set[int] = set()
    kept: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            kept[name] = tensor.detach().contiguous()
    return kept


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's state as flat tensors named "parameter index.state name"."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value).detach().contiguous()
        for index, values in state.items()
        for name, value in values.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put flat tensors of `optimizer_tensors` back."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
