"""Several processes work on one run: rank 0 runs the stage, the others train along whenever it calls."""

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.device import of_process, use_threads
from lmfit.errors import LmfitError
from lmfit.runs import Run, list_runs
from lmfit.stages.calling import Call
from lmfit.stages.training import thawing
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.distributed import COMPANY, Dismissed, Ranks, is_restarted, job
from lmfit.training.hooks import Follow
from lmfit.training.transfer import receive


def follow() -> int:
    """Any rank but 0: train along with rank 0 until it ends. The exit code, which is that of rank 0."""
    console.be_silent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        if COMPANY.called():
            ranks = COMPANY.ranks()
            while True:
                train_along(ranks, receive(ranks))
    except (Dismissed, LmfitError):
        pass
    except Exception as error:
        sys.stderr.write(f"error: process {COMPANY.rank}: {type(error).__name__}: {error}\n")
    code = COMPANY.leave()
    if code is None and COMPANY.rank == 1:
        sys.stderr.write("error: process 0 of the training is gone without a word\nhint: go on with lmfit resume\n")
    return LmfitError.exit_code if code is None else code


def train_along(ranks: Ranks, call: Call) -> None:
    """Any other rank: take part in a training, without a word."""
    with ranks.agreed():
        device = of_process(call.device, COMPANY.local_rank)
        use_threads(device.threads)
        call.model.to(device.torch_device)
    hooks = [*thawing(call.material.config.training), Follow("")]
    replace(call, device=device).train(Checkpoints(Path(), keep=1), hooks)


def begun_before(loaded: LoadedConfig[Any]) -> Run | None:
    """The run that this job had begun before torchrun restarted it; None where it was not restarted."""
    if not is_restarted():
        return None
    output = loaded.config.output
    known = list_runs() if output is None else [Run(Path(output))]
    return next((run for run in known if (run.path / "run.json").is_file() and run.manifest.get("job") == job()), None)
