"""Several ranks of one training, forked from the test: torch is imported already, so that each costs little."""

import multiprocessing
import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

FORK = multiprocessing.get_context("fork")


class Told(NamedTuple):
    """How a rank ended: exit code (negative: killed by that signal) and what it wrote."""

    code: int
    out: str
    err: str


def on_ranks(count: int, folder: Path, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What `work(*arguments)` returns on each rank."""

    def entry(rank: int) -> int:
        (folder / f"result-{rank}").write_bytes(pickle.dumps(work(*arguments)))
        return 0

    for rank, told in enumerate(_run(count, folder, entry)):
        assert told.code == 0, f"rank {rank}: {told}"
    return [pickle.loads((folder / f"result-{rank}").read_bytes()) for rank in range(count)]


def command_on_ranks(
    count: int, folder: Path, *words: object, before: Callable[[int], object] = lambda rank: None, **env: str
) -> list[Told]:
    """An lmfit command on several ranks, as torchrun starts it; `before` is called on each rank."""

    def entry(rank: int) -> int:
        from lmfit.cli import main

        before(rank)
        try:
            main([str(word) for word in words])
        except SystemExit as left:
            return int(left.code or 0)
        return 0

    return _run(count, folder, entry, **env)


def _run(count: int, folder: Path, entry: Callable[[int], int], **env: str) -> list[Told]:
    folder.mkdir(parents=True, exist_ok=True)
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), **env}
    arguments = [(rank, folder, shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, entry) for rank in range(count)]
    processes = [FORK.Process(target=_enter, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        if process.is_alive():
            process.kill()
            process.join()
    texts = [[(folder / f"{name}-{rank}").read_text() for name in ("out", "err")] for rank in range(count)]
    return [Told(process.exitcode or 0, *text) for process, text in zip(processes, texts, strict=True)]


def _enter(rank: int, folder: Path, env: dict[str, str], entry: Callable[[int], int]) -> None:
    os.environ.update(env)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / f"{name}-{rank}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        code = entry(rank)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
