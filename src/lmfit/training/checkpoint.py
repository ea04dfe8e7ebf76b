"""Checkpoints that survive anything: written beside, flushed, checksummed, renamed; verified before use."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lmfit import console
from lmfit.durable import publish
from lmfit.models.lora import untouched

EXACT, ROUNDING = "exact", "rounding"
NO_CONDITIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass
class TrainState:
    """Where training stands. All else follows from (config, seed, step). skipped: steps that updated nothing.

    evaluations, last_value: how many there were, and the score of the last one (None: not defined).
    micro_batch_tokens: the padded tokens that micro-batches were brought down to, where memory ran out.
    budget_seconds: wall-clock time spent of a budget; planned_at: the step after which it was planned last (0: it has
    not been), planned_from: the step of the schedule of `total_steps` that it stood at then.
    """

    step: int = 0
    total_steps: int = 0
    best_value: float | None = None
    best_step: int = 0
    evaluations: int = 0
    last_value: float | None = None
    evaluations_without_gain: int = 0
    train_seconds: float = 0.0
    tokens: int = 0
    stopped: str = ""
    log_bytes: int = 0
    unlogged_losses: list[float] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    scaler: dict[str, Any] = field(default_factory=dict)
    micro_batch_tokens: int | None = None
    budget_seconds: float = 0.0
    planned_at: int = 0
    planned_from: float = 0.0


class Checkpoints:
    """The checkpoints/ folder of a run: step-00000420/ for each kept step, best-00000400/ with the best weights.

    conditions: under what the run works (machine, versions, settings); each checkpoint records them.
    """

    def __init__(self, folder: Path, keep: int, conditions: Mapping[str, Any] = NO_CONDITIONS) -> None:
        self.folder, self.keep, self._conditions = folder, keep, dict(conditions)
        self._verified: Path | None = None

    def save(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: TrainState) -> Path:
        """Write a checkpoint of `state`, unless it is there already, and remove the oldest beyond `keep`."""
        return self.save_as(lambda folder: _write_whole(folder, model, optimizer), state)

    def save_as(self, write: Callable[[Path], None], state: TrainState) -> Path:
        """The same, of the safetensors files that `write` puts into a folder."""
        target = self.folder / f"step-{state.step:08d}"
        if is_whole(target) and _state_in(target) == state:
            return target
        self._write(target, write, {"state": asdict(state), "conditions": self._conditions})
        self._verified = None
        for old in [step for step in self._steps() if step != target][: 1 - self.keep or None]:
            shutil.rmtree(old, ignore_errors=True)
        self._clear_best(state.best_step)
        return target

    def save_best(self, model: torch.nn.Module, step: int, value: float) -> None:
        """Write the weights that scored best so far; those that a kept checkpoint counts as best stay."""
        self._write(self._best(step), lambda folder: _write_whole(folder, model), {"step": step, "value": value})
        self._clear_best(step)

    def remark(self, **facts: Any) -> None:
        """Conditions that have changed, for the checkpoints to come."""
        self._conditions |= facts

    def conditions(self) -> dict[str, Any] | None:
        """The conditions under which the newest whole checkpoint was made; None where there is none."""
        newest = self._newest()
        return None if newest is None else json.loads((newest / "state.json").read_text()).get("conditions", {})

    def load_best(self, model: torch.nn.Module, step: int) -> bool:
        """Put the best weights, those of `step`, into `model`; false where they are not there whole."""
        if not is_whole(self._best(step)):
            return False
        model.load_state_dict(load_file(self._best(step) / "model.safetensors"), strict=False)
        return True

    def restore(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> TrainState | None:
        """Load the newest whole checkpoint into model and optimizer; None where there is none."""
        found = self.newest()
        if found is None:
            return None
        folder, state = found
        if (folder / "model.safetensors").is_file():
            model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
            load_optimizer(optimizer, load_file(folder / "optimizer.safetensors"))
        else:
            from lmfit.training.parts import read_parts

            read_parts(folder, model, optimizer)
        return state

    def newest(self) -> tuple[Path, TrainState] | None:
        """The newest whole checkpoint and its state; None where there is none."""
        folder = self._newest()
        return None if folder is None else (folder, _state_in(folder))

    def _newest(self) -> Path | None:
        """The newest whole checkpoint. A damaged one is put aside, a half-written one removed; both are said."""
        if self._verified is not None and self._verified.is_dir():
            return self._verified
        self._finish_swaps()
        for left in (*self.folder.glob(".writing-*"), *self.folder.glob(".old-*")):
            console.warn(f"checkpoint {left.name.partition('-')[2]} was not written to its end and is left out")
            shutil.rmtree(left, ignore_errors=True)
        for folder in reversed(self._steps()):
            if is_whole(folder):
                self._verified = folder
                return folder
            console.warn(f"checkpoint {folder.name} is damaged or incomplete; taking the one before it")
            folder.rename(folder.with_name(f"damaged-{folder.name}-{time.time_ns()}"))
        return None

    def _finish_swaps(self) -> None:
        """Put back what a crash caught between the two renames of a swap."""
        for old in self.folder.glob(".old-*"):
            target = old.with_name(old.name.removeprefix(".old-"))
            if target.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif is_whole(old):
                old.rename(target)

    def _steps(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("step-*") if p.is_dir())

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}"

    def _clear_best(self, now: int) -> None:
        """Remove best weights that neither the run nor a kept checkpoint counts as best any more."""
        counted = [_state_in(step).best_step for step in self._steps() if is_readable(step)]
        kept = [self._best(step) for step in (now, *counted)]
        for old in self.folder.glob("best-*"):
            if old not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def _write(self, target: Path, write: Callable[[Path], None], facts: Mapping[str, Any]) -> None:
        temporary = target.with_name(f".writing-{target.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            temporary.mkdir(parents=True)
            write(temporary)
            (temporary / "state.json").write_text(json.dumps(facts))
            sums = {path.name: _checksum(path) for path in sorted(temporary.iterdir())}
            (temporary / "checksums.json").write_text(json.dumps(sums))
            publish(temporary, target)
        except Exception:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _write_whole(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
    save_file(weights(model), folder / "model.safetensors")
    if optimizer is not None:
        save_file(optimizer_tensors(optimizer), folder / "optimizer.safetensors")


def _state_in(folder: Path) -> TrainState:
    return TrainState(**json.loads((folder / "state.json").read_text())["state"])


def is_readable(folder: Path) -> bool:
    """Whether the state of a checkpoint is whole."""
    return _agrees(folder, ("state.json",))


def is_whole(folder: Path) -> bool:
    """Whether every file of a checkpoint is there with the content it was written with."""
    return _agrees(folder)


def _agrees(folder: Path, names: tuple[str, ...] | None = None) -> bool:
    try:
        sums = json.loads((folder / "checksums.json").read_text())
        return bool(sums) and all(_checksum(folder / name) == sums[name] for name in names or sums)
    except (OSError, ValueError, KeyError):
        return False


def checkpoint_bytes(model: torch.nn.Module, *, averaged: bool = False) -> tuple[int, int]:
    """Size of the weights, and of a checkpoint: weights, AdamW's two moments and the average of what is trained."""
    held = sum(tensor.nbytes for tensor in weights(model).values())
    trained = sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad)
    return held, held + (3 if averaged else 2) * trained


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The model's tensors by name, each shared tensor once, ready for safetensors.

    Of a model with adapters only what is trained: what they adapt is the same again wherever the model is made anew.
    """
    seen: set[int] = set()
    kept: dict[str, torch.Tensor] = {}
    left_out = untouched(model)
    for name, tensor in model.state_dict().items():
        if name in left_out:
            continue
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            kept[name] = tensor.detach().contiguous()
    return kept


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's state as flat tensors named "parameter index.state name"."""
    return {name: value.detach().contiguous() for name, value in optimizer_state(optimizer).items()}


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The same tensors as they lie, which may be parts of what other ranks hold the rest of."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value) for index, values in state.items() for name, value in values.items()
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
