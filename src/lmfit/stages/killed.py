"""A training process that tells its phases while it goes through them, and is killed with SIGKILL at a given moment."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from lmfit.config.load import load_config
from lmfit.config.stage import keys_of, stage_of
from lmfit.errors import LmfitError
from lmfit.runs import Run
from lmfit.stages import finetune, pretrain
from lmfit.stages.verify_resume import CHECKPOINT, EVALUATION, RESULTS, TRAINING, Moment
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.hooks import KeepBest
from lmfit.training.trainer import Trainer

_WORK = (
    (Trainer, "step", TRAINING),
    (KeepBest, "on_step", EVALUATION),
    (Checkpoints, "_write", CHECKPOINT),
    *((finetune, name, RESULTS) for name in ("calibrate", "score_run", "save_model", "write_report")),
    *((pretrain, name, RESULTS) for name in ("score_text", "save_pretrained", "write_report")),
)
_STAGES: Mapping[str, Any] = {"finetune": finetune, "pretrain": pretrain}


def live(config: str, folder: str, device: str, moment: Moment | None, told: str) -> None:
    """Begin the run, or go on with it, until it is finished or the moment has come; words and errors go to `told`.

    What was seen is written beside the run folder: FOLDER.seen.json at the end, FOLDER.killed.json before a kill.
    """
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    watcher = Watcher(Path(folder), moment)
    for owner, name, phase in _WORK:
        setattr(owner, name, watcher.watched(getattr(owner, name), phase))
    try:
        name = stage_of(keys_of(Path(config)))
        if (Path(folder) / "run.json").is_file():
            _STAGES[name].resume(Run(Path(folder)), device=device)
        else:
            _STAGES[name].run(load_config(name, Path(config), [f"output={json.dumps(folder)}"]), device=device)
    except LmfitError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    watcher.tell()


class Watcher:
    """Knows the innermost phase that the run is in and how long each visit took; in the meant one it sets a timer.

    The phases say themselves when they begin and end: a thread that only looked at the stack now and then saw none of
    them where a loaded machine did not let it look.
    """

    def __init__(self, folder: Path, moment: Moment | None) -> None:
        self.folder, self.moment = folder, moment
        self.seconds: dict[str, list[float]] = {}
        self._phases = [""]
        self._since = time.monotonic()
        self._delay = moment.delay if moment else 0.0
        self._step: Callable[[], int] = lambda: 0
        self._timer: threading.Timer | None = None

    def watched(self, work: Callable[..., Any], phase: str) -> Callable[..., Any]:
        """`work`, whose every call is a visit of the phase; the phase around it goes on with a new visit."""

        @wraps(work)
        def visit(*arguments: Any, **named: Any) -> Any:
            trainer = next((a for a in arguments if isinstance(a, Trainer)), None)
            if trainer is not None:
                self._step = lambda: trainer.state.step
            self._change([*self._phases, phase])
            try:
                return work(*arguments, **named)
            finally:
                self._change(self._phases[:-1])

        return visit

    def _change(self, phases: list[str]) -> None:
        """End a visit and begin the next; one that ends before the moment comes halves the delay for the next one."""
        now = time.monotonic()
        self.seconds.setdefault(self._phases[-1], []).append(now - self._since)
        if self._timer is not None:
            self._timer.cancel()
            self._delay /= 2
        self._phases, self._since, self._timer = phases, now, None
        phase, step = phases[-1], self._step()
        if self._is_meant(phase, step):
            self._timer = threading.Timer(self._delay, self._die, (phase, step))
            self._timer.start()

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
