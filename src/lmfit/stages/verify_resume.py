"""lmfit verify-resume: train, train again with a process that is killed and resumed, compare. No torch in here."""

import multiprocessing
import random
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.config.schema import FinetuneConfig
from lmfit.device import has_gpu
from lmfit.durable import write_text
from lmfit.errors import ConfigError, InputError, LmfitError, VerdictError
from lmfit.evaluation.comparison.sameness import first_different_step
from lmfit.outputs import claim_output
from lmfit.runs import CHILDREN, Run, read_json
from lmfit.stages.ending import recorded
from lmfit.stages.fingerprints import fingerprints
from lmfit.stages.looks import forget

STAGE = "verify-resume"
TRAINING, EVALUATION, CHECKPOINT, RESULTS = "training", "evaluation", "checkpoint", "results"
_RESULTS_SHARE = 0.1
_IMPORTED = ["lmfit.stages.killed", "transformers.modeling_utils", "transformers.models.bert.modeling_bert"]


@dataclass(frozen=True)
class Moment:
    """When to kill: in the first visit of a phase from `step` on, `delay` seconds after it began."""

    phase: str
    step: int
    delay: float


@dataclass(frozen=True)
class Verified:
    """What came of it: hashes (name -> uninterrupted, killed), where the kills landed, the first step that differs."""

    run: Run
    steps: int
    kills: Mapping[str, int]
    hashes: Mapping[str, tuple[str, str]]
    first: str | None

    @property
    def identical(self) -> bool:
        """Whether all hashes are equal."""
        return all(one == other for one, other in self.hashes.values())

    def as_dict(self) -> dict[str, Any]:
        """For --json and run.json."""
        hashes = {name: {"uninterrupted": a, "killed": b, "equal": a == b} for name, (a, b) in self.hashes.items()}
        facts = {"identical": self.identical, "first_difference": self.first, "steps": self.steps}
        return {"path": str(self.run.path), **facts, "kills": dict(self.kills), "hashes": hashes}

    def lines(self) -> list[str]:
        """The verdict and a table of hashes."""
        times = sum(self.kills.values())
        told = ", ".join(f"{count} in {phase}" for phase, count in self.kills.items())
        verdict = "identical to the bit" if self.identical else "NOT identical"
        width = max(map(len, self.hashes))
        rows = [
            f"{name:<{width}}  {a[:16]}  {b[:16]}  {'equal' if a == b else 'DIFFERENT'}"
            for name, (a, b) in self.hashes.items()
        ]
        return [f"{verdict}: {self.steps:,} steps, uninterrupted and killed {times} times ({told})", *rows]

    def require_identical(self) -> None:
        """Raises VerdictError (exit code 3) where something differs."""
        if not self.identical:
            names = ", ".join(name for name, (one, other) in self.hashes.items() if one != other)
            first = f"; the logs first differ at {self.first}" if self.first else "; the logs are equal"
            raise VerdictError(f"the resumed run differs in {names}{first}", where=str(self.run.path / CHILDREN))


def run(loaded: LoadedConfig[Any], *, kills: int = 5, device: str = "auto", overwrite: bool = False) -> Verified:
    """Train uninterrupted, train killed and resumed, compare. Nothing is scored by the run itself."""
    refuse_timed_or_several(loaded)
    name, models = f"{loaded.name}-verify", loaded.models
    run = Run(claim_output(loaded.config.output, name, overwrite=overwrite, models=models))
    with run.locked():
        write_text(run.path / "config.yaml", loaded.having(output=None).dump())
        task = getattr(loaded.config, "task", None)
        run.record(status="running", stage=STAGE, task=task and task.name, seed=loaded.config.seed)
        with recorded(run, again=f"lmfit verify-resume {run.path}/config.yaml"):
            (run.path / CHILDREN).mkdir()
            straight = train_straight(run, device)
            moments = draw_moments(kills, straight, loaded.config.seed)
            landed = train_killed(run, device, moments)
            found = compare(run, landed)
            forget(run)
            run.record(**found.as_dict())
    return found


def refuse_timed_or_several(loaded: LoadedConfig[Any]) -> None:
    """Raises ConfigError for what cannot come out equal twice, or is more than one training."""
    config = loaded.config
    if config.training.budget is not None:
        what = "a wall-clock budget gives another number of steps each time"
        raise ConfigError(what, where="training.budget", fix="training.budget=null training.max_steps=200")
    if isinstance(config, FinetuneConfig) and (config.seeds is not None or config.cross_validated):
        where = "data.validation" if config.seeds is None else "seeds"
        fix = "data.validation.fold=1" if config.seeds is None else "seeds=null seed=1"
        raise ConfigError("verify-resume takes one training", where=where, fix=fix)


def train_straight(run: Run, device: str) -> Run:
    """The uninterrupted training."""
    console.say("training, uninterrupted ...")
    child = Run(run.path / CHILDREN / "straight")
    _live(run, child, device, None, _starting())
    return child


def draw_moments(kills: int, straight: Run, seed: int) -> list[Moment]:
    """Moments keyed by seed: phases in turn, steps from first to last; a tenth of them (from 4) after training."""
    draw = random.Random(f"{seed}/kills")
    steps, seconds = straight.manifest["steps"], read_json(_beside(straight, "seen"), "watched run")
    late = max(1, round(kills * _RESULTS_SHARE)) if kills >= len((TRAINING, EVALUATION, CHECKPOINT, RESULTS)) else 0
    known = [phase for phase in (TRAINING, CHECKPOINT, EVALUATION) if phase in seconds]
    phases = [known[i % len(known)] for i in range(kills - late)]
    draw.shuffle(phases)
    places = sorted(draw.randrange(steps) for _ in phases)
    planned = [*zip(phases, places, strict=True), *((RESULTS, steps) for _ in range(late))]
    return [Moment(phase, step, draw.uniform(0, seconds.get(phase, 0.0))) for phase, step in planned]


def train_killed(run: Run, device: str, moments: Sequence[Moment]) -> Counter[str]:
    """The training that is killed at each moment and goes on, at last in a new interpreter; where it died."""
    child, landed = Run(run.path / CHILDREN / "killed"), Counter[str]()
    for number, moment in enumerate(moments, 1):
        if not _live(run, child, device, moment, _starting()):
            console.warn(f"the run was over before kill {number}")
            break
        facts = read_json(_beside(child, "killed"), "killed run")
        at = "" if facts["phase"] == RESULTS else f" at step {facts['step']:,}"
        console.say(f"kill {number} of {len(moments)}: in {facts['phase']}{at}")
        landed[facts["phase"]] += 1
    console.say("going on to the end ...")
    _live(run, child, device, None, multiprocessing.get_context("spawn"))
    return landed


def compare(run: Run, landed: Mapping[str, int]) -> Verified:
    """Hashes of both trainings, side by side."""
    straight, killed = (Run(run.path / CHILDREN / name) for name in ("straight", "killed"))
    one, other = fingerprints(straight), fingerprints(killed)
    first = first_different_step(straight.path / "log.jsonl", killed.path / "log.jsonl")
    hashes = {name: (one[name], other[name]) for name in one}
    kills = {phase: landed[phase] for phase in (TRAINING, EVALUATION, CHECKPOINT, RESULTS) if phase in landed}
    return Verified(run, straight.manifest["steps"], kills, hashes, first)


def _starting() -> BaseContext:
    """Processes forked from one that has imported everything: importing again for each would take most of the time.

    A process that was forked after something asked for GPUs cannot use them.
    """
    if has_gpu():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def _live(run: Run, child: Run, device: str, moment: Moment | None, context: BaseContext) -> bool:
    """One process of a training, to its end; whether it was killed. Raises LmfitError or InputError where it failed."""
    told = _beside(child, "txt")
    arguments = (str(run.path / "config.yaml"), str(child.path), device, moment, str(told))
    process = context.Process(target=_enter, args=arguments)  # type: ignore[attr-defined]
    _beside(child, "killed").unlink(missing_ok=True)
    process.start()
    try:
        process.join()
    finally:
        if process.is_alive():
            process.terminate()
            process.join()
    if process.exitcode not in (0, -signal.SIGKILL) or (moment is None and process.exitcode):
        raise _failure(process.exitcode, told)
    return bool(process.exitcode)


def _failure(code: int | None, told: Path) -> LmfitError:
    """The error that a process ended with, as its last words tell it."""
    kind = InputError if code == InputError.exit_code else LmfitError
    words = told.read_text(encoding="utf-8").rpartition("error: ")[2].splitlines() if told.is_file() else []
    parts = {name: line.strip().removeprefix(name) for line in words for name in ("at: ", "hint: ") if name in line}
    what = words[0] if words else f"the training ended with exit code {code}"
    return kind(what, where=parts.get("at: ", str(told)), fix=parts.get("hint: ", f"all it said: {told}"))


def _enter(config: str, folder: str, device: str, moment: Moment | None, told: str) -> None:
    from lmfit.stages.killed import live

    live(config, folder, device, moment, told)


def _beside(child: Run, suffix: str) -> Path:
    ending = suffix if suffix == "txt" else f"{suffix}.json"
    return child.path.with_name(f"{child.path.name}.{ending}")
