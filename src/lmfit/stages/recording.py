"""run.json as it fills: status, device, versions, data, timing."""

import errno
import os
import platform
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from time import time
from types import FrameType
from typing import Any

import torch
from safetensors import SafetensorError

from lmfit.data.audit.against import write_hashes
from lmfit.device import Device, peak_memory_bytes
from lmfit.errors import Interrupted, LmfitError
from lmfit.runs import Run, write_json
from lmfit.stages.assignment import assignment
from lmfit.stages.prepare import Prepared
from lmfit.training.checkpoint import TrainState
from lmfit.version import __version__


@contextmanager
def recorded(run: Run) -> Iterator[None]:
    """Write how the work ended: finished (the last thing written), interrupted, or failed with the reason.

    Raises Interrupted for SIGINT and SIGTERM, LmfitError where the disk refuses what is written.
    """
    try:
        with _terminable():
            yield
    except (Interrupted, KeyboardInterrupt) as stopped:
        run.record(status="interrupted")
        if isinstance(stopped, Interrupted):
            raise
        number = signal.SIGTERM if isinstance(stopped, _Terminated) else signal.SIGINT
        what = "interrupted at once; what the last checkpoint holds is safe"
        raise Interrupted(number, what=what, fix=f"go on with: lmfit resume {run.path}") from None
    except BaseException as error:
        refused = refused_by_disk(error)
        first = (refused or str(error) or " ").splitlines()[0]
        with suppress(OSError):
            run.record(status="failed", error=f"{type(error).__name__}: {first}".removesuffix(": "))
        if refused:
            what = f"the disk refuses what the run writes: {refused}; what the last checkpoint holds is safe"
            raise LmfitError(what, where=str(run.path), fix=f"make room, then: lmfit resume {run.path}") from error
        raise
    run.record(status="finished", finished=time())


class _Terminated(KeyboardInterrupt):
    """SIGTERM outside training, where it cannot wait for the end of a step."""


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does; only a program's main thread can listen."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def refused_by_disk(error: BaseException) -> str:
    """What the disk says where it refuses to take more (full, over quota, read-only, broken); else nothing."""
    if isinstance(error, OSError) and error.errno in _DISK:
        return os.strerror(error.errno)
    told = re.search(r"os error (\d+)", str(error)) if isinstance(error, SafetensorError) else None
    return os.strerror(int(told[1])) if told and int(told[1]) in _DISK else ""


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def record_start(run: Run, stage: str, prepared: Prepared, device: Device, exactness: str, **remarks: Any) -> None:
    """What is known before training, and the user's remarks; ledger.json, splits.json, hashes of training texts."""
    config = prepared.config
    write_json(run.path / "ledger.json", prepared.ledger.as_dict(texts=config.evaluation.texts))
    write_hashes(run.path, prepared.audit)
    write_json(run.path / "splits.json", assignment(prepared))
    run.record(
        status="running",
        error=None,
        stage=stage,
        task=prepared.task.name,
        pipeline_options=prepared.task.pipeline_options,
        backend="pytorch",
        exactness=exactness,
        seed=config.seed if config.seeds is None else None,
        seeds=config.seeds,
        device=device.describe(),
        precision=device.precision,
        versions=versions(),
        data=prepared.fingerprints,
        model={"name": config.model.name, "kind": prepared.source.kind, "commit": prepared.commit},
        parent=config.model.name if prepared.source.kind == "run" else None,
        warnings=prepared.ledger.warnings,
        timing={"prepare_seconds": round(prepared.seconds, 3)},
        **remarks,
    )


def record_result(
    run: Run, model: Any, state: TrainState, device: Device, evaluate_seconds: float, predict_rate: float, **facts: Any
) -> None:
    """What is known after evaluation."""
    manifest = run.manifest
    parameters = sum(p.numel() for p in model.parameters())
    size = sum(path.stat().st_size for path in run.model.rglob("*") if path.is_file())
    timing = manifest["timing"] | {
        "train_seconds": round(state.train_seconds, 3),
        "evaluate_seconds": round(evaluate_seconds, 3),
    }
    skipped = f"{len(state.skipped)} of {state.step} steps taught nothing: their loss was not a number (offending/)"
    run.record(
        timing=timing,
        warnings=[*manifest["warnings"], *([skipped] if state.skipped else [])],
        model=manifest["model"] | {"parameters": parameters, "bytes": size},
        steps=state.step,
        best_step=state.best_step if state.best_value is not None else state.step,
        stopped=state.stopped,
        throughput={
            "tokens_per_second": round(state.tokens / max(state.train_seconds, 1e-9), 1),
            "predict_tokens_per_second": round(predict_rate, 1),
        },
        peak_memory_bytes=peak_memory_bytes(device),
        **facts,
    )


def record_children(run: Run, children: Sequence[Run], **facts: Any) -> None:
    """What is known of a run made of several: times added up, the rest that of the chosen child."""
    manifests = {child.path.name: child.manifest for child in children}
    kept = manifests[facts["several"]["chosen"]]
    timing = run.manifest["timing"] | {
        name: round(sum(manifest["timing"][name] for manifest in manifests.values()), 3)
        for name in ("train_seconds", "evaluate_seconds")
    }
    memory = max((manifest["peak_memory_bytes"] or 0 for manifest in manifests.values()), default=0)
    same = {name: kept[name] for name in ("model", "steps", "best_step", "stopped", "throughput")}
    run.record(timing=timing, peak_memory_bytes=memory, **same, **facts)


def versions() -> dict[str, str]:
    """lmfit, Python and the libraries that decide results."""
    found = {"lmfit": __version__, "python": platform.python_version(), "platform": sys.platform}
    for name in ("torch", "transformers", "tokenizers", "numpy"):
        try:
            found[name] = torch.__version__ if name == "torch" else version(name)
        except PackageNotFoundError:
            continue
    return found
