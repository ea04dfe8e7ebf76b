"""What a run that goes on must have in common with the one that began: settings, data, machine, versions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import torch

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.device import Device, use_threads
from lmfit.errors import ConfigError, InputError
from lmfit.evaluation.comparison.settings import changes, flat
from lmfit.runs import Run, inside
from lmfit.stages.versions import versions
from lmfit.training.checkpoint import EXACT, ROUNDING, Checkpoints

LENGTH = ("training.epochs", "training.max_steps")
FREE_OF_SEVERAL = ("training.keep", "training.log_every", "training.on_nan", "device.memory_limit")
FREE = (*LENGTH, *FREE_OF_SEVERAL)
_MACHINE = ("kind", "name", "precision", "threads", "processes")
_VERSIONS = ("lmfit", "torch", "transformers", "tokenizers", "numpy")


def conditions(loaded: LoadedConfig[Any], device: Device, exactness: str) -> dict[str, Any]:
    """What a checkpoint records of the run: machine and versions, settings, and whether it was exact so far."""
    return {"machine": _machine(device), "settings": settings_of(loaded), "exactness": exactness}


def settings_of(loaded: LoadedConfig[Any]) -> dict[str, Any]:
    """All settings but where the run lies: its folder can be moved."""
    settings = loaded.having(output=None).resolved()
    if name := settings["model"]["name"]:
        settings["model"]["name"] = inside(name)
    return settings


def _machine(device: Device) -> dict[str, Any]:
    """What decides the last digits of a result."""
    facts, libraries = device.describe(), versions()
    return (
        {name: facts[name] for name in _MACHINE}
        | {"instructions": torch.backends.cpu.get_cpu_capability()}
        | {name: libraries[name] for name in _VERSIONS if name in libraries}
    )


def go_on(run: Run, loaded: LoadedConfig[Any], device: Device, *, inexact: bool) -> tuple[Device, str]:
    """The device to go on with, and whether the result will be `exact` or equal only up to `rounding`.

    Without a checkpoint all begins anew, which is said. Raises ConfigError where settings have changed that decide what
    was learnt so far, InputError where machine or versions have and `inexact` does not allow it.
    """
    before = Checkpoints(run.path / "checkpoints", keep=1).conditions()
    if before is None:
        console.say(f"{run.path}: there is no checkpoint yet; training starts from the beginning")
        return device, EXACT
    changed = _changed(before.get("settings", {}), loaded)
    refuse_changed(changed)
    machine = before.get("machine", {})
    if not inexact:
        device = with_threads(device, machine.get("threads"))
    now = _machine(device)
    others = [f"{name} {machine[name]}, now {now.get(name)}" for name in machine if machine[name] != now.get(name)]
    if others and not inexact:
        raise InputError(
            f"not as when the checkpoint was written: {'; '.join(others)}",
            where=str(run.path),
            fix=f"go on where it began, or be content with equality up to rounding: lmfit resume {run.path} --inexact",
        )
    for what in others:
        console.warn(f"not as when the checkpoint was written: {what}; exactness: rounding")
    for key in changed.keys() & set(LENGTH):
        console.warn(f"{key}: {changed[key]}; the schedule is that of the new length from here; exactness: rounding")
    as_before = not others and not changed.keys() & set(LENGTH)
    return device, EXACT if as_before and before.get("exactness") == EXACT else ROUNDING


def with_threads(device: Device, threads: int | None) -> Device:
    """As many threads as before: sums are split among them, so another number gives other last digits."""
    if threads is None or threads == device.threads or device.kind != "cpu":
        return device
    console.say(f"computing with {threads} threads, as the run began, not with {device.threads}")
    use_threads(threads)
    return replace(device, threads=threads)


def _changed(before: Mapping[str, Any], loaded: LoadedConfig[Any]) -> dict[str, str]:
    """What differs; a key that an older lmfit did not know differs where something else than its default is asked."""
    asked = flat(before).keys() | flat(loaded.config.model_dump(exclude_defaults=True)).keys()
    return {key: told for key, told in changes(before, settings_of(loaded)).items() if key in asked}


def refuse_changed(changed: Mapping[str, str], free: tuple[str, ...] = FREE) -> None:
    """Raises ConfigError where a setting has changed that may not change in the middle of a run."""
    refused = {key: told for key, told in changed.items() if key not in free}
    if refused:
        told = "; ".join(f"{key}: {what}" for key, what in refused.items())
        allowed = ", ".join([*free, "--device"])
        fix = f"only these may change: {allowed}; for others start a new run"
        raise ConfigError(f"a run goes on as it began; changed: {told}", where=", ".join(refused), fix=fix)


class Fingerprinted(Protocol):
    """What was prepared for training."""

    @property
    def fingerprints(self) -> dict[str, Any]:
        """Files, rows and content hash of each split."""


def refuse_changed_data(run: Run, prepared: Fingerprinted) -> None:
    """Raises InputError where the data is not what the run began with."""
    before = run.manifest.get("data", {})
    for name, facts in prepared.fingerprints.items():
        if name in before and before[name]["sha256"] != facts["sha256"]:
            raise InputError(
                f"the {name} data has changed since the run began",
                where=", ".join(facts["files"][:3]),
                fix="put the old files back, or start a new run",
            )
