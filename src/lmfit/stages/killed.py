"""A training process that watches what it is doing, and that is killed with SIGKILL at a moment told beforehand."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from lmfit.config.load import load_config
from lmfit.errors import LmfitError
from lmfit.evaluation.report import write_report
from lmfit.models.save import save_model
from lmfit.runs import Run
from lmfit.stages import finetune
from lmfit.stages.calibrate import calibrate
from lmfit.stages.scoring import score_run
from lmfit.stages.verify_resume import CHECKPOINT, EVALUATION, RESULTS, TRAINING, Moment
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.hooks import KeepBest
from lmfit.training.trainer import Trainer

_PHASES = {
    Trainer.step.__code__: TRAINING,
    KeepBest.on_step.__code__: EVALUATION,
    Checkpoints._write.__code__: CHECKPOINT,
    **dict.fromkeys((work.__code__ for work in (calibrate, score_run, save_model, write_report)), RESULTS),
}
_PERIOD_SECONDS = 0.0005
_SWITCH_SECONDS = 0.001
"""The main thread waits this long before it interrupts the watcher: a stack that moves while it is read is no stack."""


def live(config: str, folder: str, device: str, moment: Moment | None, told: str) -> None:
    """Begin the run, or go on with it, until it is finished or the moment has come; words and errors go to `told`.

    What was seen is written beside the run folder: FOLDER.seen.json at the end, FOLDER.killed.json before a kill.
    """
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    watcher = Watcher(Path(folder), moment)
    watcher.start()
    try:
        if (Path(folder) / "run.json").is_file():
            finetune.resume(Run(Path(folder)), device=device)
        else:
            finetune.run(load_config("finetune", Path(config), [f"output={json.dumps(folder)}"]), device=device)
    except LmfitError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    watcher.tell()


class Watcher(threading.Thread):
    """Looks at the main thread's stack every half a millisecond: which phase, at which step, since when."""

    def __init__(self, folder: Path, moment: Moment | None) -> None:
        super().__init__(daemon=True)
        self.folder, self.moment = folder, moment
        self.seconds: dict[str, list[float]] = {}
        sys.setswitchinterval(_SWITCH_SECONDS)

    def run(self) -> None:
        """Watch for the moment; a visit that ends before it comes halves the delay for the next one."""
        main = threading.main_thread().ident or 0
        visit, since = ("", 0), time.monotonic()
        delay = self.moment.delay if self.moment else 0.0
        while True:
            now, seen = time.monotonic(), where(sys._current_frames()[main])
            if seen != visit:
                self.seconds.setdefault(visit[0], []).append(now - since)
                delay = delay / 2 if self._is_meant(*visit) else delay
                visit, since = seen, now
            if self._is_meant(*visit) and now - since >= delay:
                self._die(*visit)
            time.sleep(_PERIOD_SECONDS)

    def _is_meant(self, phase: str, step: int) -> bool:
        """After training only its results can be killed, whatever was meant."""
        if self.moment is None:
            return False
        return phase == RESULTS or (phase == self.moment.phase and step >= self.moment.step)

    def _die(self, phase: str, step: int) -> None:
        facts = json.dumps({"phase": phase, "step": step})
        self.folder.with_name(f"{self.folder.name}.killed.json").write_text(facts)
        os.kill(os.getpid(), signal.SIGKILL)

    def tell(self) -> None:
        """Write how long visits of each phase took, on average."""
        means = {phase: sum(each) / len(each) for phase, each in self.seconds.items() if phase}
        self.folder.with_name(f"{self.folder.name}.seen.json").write_text(json.dumps(means))


def where(frame: FrameType | None) -> tuple[str, int]:
    """The innermost phase that a stack is in, and the steps done so far; "" and 0 outside training."""
    phase, step = "", 0
    while frame is not None:
        phase = phase or _PHASES.get(frame.f_code, "")
        if frame.f_code is Trainer.fit.__code__:
            step = frame.f_locals["self"].state.step
        frame = frame.f_back
    return phase, step
