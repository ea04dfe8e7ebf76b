"""A command on several processes: started here, or by torchrun."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer

from lmfit import console
from lmfit.errors import ConfigError, InputError

Processes = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="Train on so many processes (GPUs) of this machine; several: torchrun."),
]

SAVING_SECONDS = 600
"""How long processes may take to save after a signal before they are killed."""

_state: dict[str, Any] = {"leads": False, "words": []}


def given(words: list[str]) -> list[str]:
    """Remember the words of the command line, with which its processes are started."""
    _state["words"] = words
    return words


def is_alone(asked: int | None) -> bool:
    """Whether neither --processes nor torchrun makes several processes of this one."""
    return max(int(os.environ.get("WORLD_SIZE", "1")), asked or 1) == 1


def on_processes(asked: int | None, device: str, check: Callable[[], object]) -> None:
    """Start the processes that are asked for, or follow rank 0 where this is another process of a training.

    Returns where this process is the only one, or rank 0, which does the work of the command. check: finds the user's
    mistakes before anything is started. Raises InputError where both torchrun and --processes start processes.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count > 1 and int(os.environ.get("RANK", "0")) > 0:
        from lmfit.stages.following import follow

        code = follow()
        sys.stderr.flush()
        os._exit(code)
    _state["leads"] = count > 1
    if not is_alone(asked) and ":" in device:
        fix = f"--device {device.partition(':')[0]}: each process takes the GPU of its number"
        raise ConfigError(f"`{device}` is one device", where="--device", fix=fix)
    if asked is not None and asked > 1:
        if count > 1:
            raise InputError("torchrun has started the processes already", where="--processes", fix="leave it out")
        check()
        raise typer.Exit(_start(asked))


def _start(count: int) -> int:
    """Run this very command on `count` processes; the exit code of rank 0."""
    import logging

    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch").setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=f"lmfit-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        shutdown_timeout=SAVING_SECONDS,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "lmfit", *_without_processes(_state["words"]))
    except SignalException as stopped:
        return 128 + int(stopped.sigval)
    except ChildFailedError as failed:
        code = failed.failures[0].exitcode if 0 in failed.failures else 1
        if code < 0:
            console.warn(f"process 0 was killed by signal {-code}; go on with: lmfit resume")
        return code if code > 0 else 1
    return 0


def _without_processes(words: list[str]) -> list[str]:
    """The words of the command line but for --processes N."""
    kept: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--processes":
            words.pop(0)
        elif not word.startswith("--processes="):
            kept.append(word)
    return kept


def say_goodbye(code: int) -> None:
    """Rank 0 at its end: the others leave with the same exit code; then it leaves at once, without the seconds that
    unloading libraries takes. Who watches all processes cannot change the code now.
    """
    if _state["leads"]:
        from lmfit.training.distributed import COMPANY

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        COMPANY.end(code)
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
