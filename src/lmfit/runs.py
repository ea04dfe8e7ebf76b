"""Run folders: created, locked, described by run.json, found again. No torch here."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from lmfit.durable import write_text
from lmfit.errors import InputError, suggestion

SCHEMA = 1
CHILDREN = "children"
PYTORCH = "pytorch"
"""The child that holds the PyTorch model of a quantized one."""
EVALUATIONS = "evaluations"
TRAININGS = "trainings"
"""Below it the trainings that a joint one is made of, each with its log and checkpoints."""
GAIN = "gain"
"""What a transfer was worth, in metrics.json: split -> metric -> {value, low, high, ...}, more is better."""
BESIDE = ("baseline", "control", GAIN)
"""What stands in metrics.json beside the splits."""
COMPRESS = "compress"
ANSWERING = ("finetune", "search", "transfer", COMPRESS)
"""Stages whose runs hold a model that answers texts."""
COMPRESSING = ("cut_seconds", "export_seconds", "quantize_seconds")
"""Parts of `timing` of a compressed run besides training: pruning and trimming, export, quantization."""
LOCK = ".lock"


def runs_folder() -> Path:
    """$LMFIT_RUNS, or ./runs."""
    return Path(os.environ.get("LMFIT_RUNS", "runs"))


@dataclass(frozen=True)
class Run:
    """A run folder. `lmfit.finetune` returns one; everything about the run is in its files."""

    path: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """run.json. Raises InputError where it is missing or damaged."""
        return read_json(self.path / "run.json", "run")

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json: split -> metric -> {value, low, high, n, better}."""
        return read_json(self.path / "metrics.json", "run with metrics")

    @property
    def config(self) -> Path:
        """config.yaml, resolved. Raises InputError where it is missing."""
        path = self.path / "config.yaml"
        if not path.is_file():
            raise InputError(f"`{self.path}` has no config.yaml", where=str(path), fix="a run folder is needed here")
        return path

    @property
    def stage(self) -> str:
        """The stage that made the run; `finetune` for what is no run of ours."""
        told = self.manifest.get("stage") if (self.path / "run.json").is_file() else None
        return str(told or "finetune")

    @property
    def status(self) -> str:
        """running, finished, failed or interrupted; `interrupted` too where a running one's process is gone."""
        status = str(self.manifest["status"])
        return "interrupted" if status == "running" and not self.is_locked() else status

    @property
    def began_in(self) -> Path:
        """The folder that paths of its config are relative to: where its command was given, if that is known and there.

        Else the current one.
        """
        told = Path(self.manifest.get("began_in") or ".")
        return told if told.is_dir() else Path()

    @property
    def is_finished(self) -> bool:
        """Whether the run has begun, and ended well."""
        return (self.path / "run.json").is_file() and self.status == "finished"

    @property
    def model(self) -> Path:
        """The folder of the model in Hugging Face format."""
        return self.path / "model"

    def predictions(self, split: str) -> Path:
        """The file with the predictions for a split."""
        return self.path / "predictions" / f"{split}.jsonl"

    def record(self, **facts: Any) -> None:
        """Put facts into run.json, atomically."""
        path = self.path / "run.json"
        begun = {"schema": SCHEMA, "created": time(), "began_in": os.getcwd()}
        before = read_json(path, "run") if path.is_file() else begun
        write_json(path, before | facts)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; gone with the process. Raises InputError where another one holds it."""
        with open(self.path / LOCK, "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError("another process works in this run folder", where=str(self.path)) from None
            yield

    def is_locked(self) -> bool:
        """Whether a process holds the folder."""
        try:
            with open(self.path / LOCK) as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def mark_latest(self) -> None:
        """Point runs/latest (a relative link) at this run, if it lies in the runs folder."""
        if self.path.resolve().parent != runs_folder().resolve():
            return
        link = self.path.parent / "latest"
        temporary = self.path.parent / f".latest-{os.getpid()}"
        try:
            if link.is_symlink() or not link.exists():
                temporary.unlink(missing_ok=True)
                temporary.symlink_to(self.path.name)
                temporary.replace(link)
        except OSError:
            temporary.unlink(missing_ok=True)


def no_model(run: Run, where: str = "") -> InputError:
    """The error for a run without a model: it has none yet, or keeps none."""
    manifest = run.manifest
    if why := manifest.get("dropped"):
        again = f"train it again: lmfit {manifest['stage']} {run.path / 'config.yaml'}"
        return InputError(f"the run `{run.path}` keeps no model: {why}", where=where, fix=again)
    return InputError(f"the run `{run.path}` has no model yet", where=where, fix=f"lmfit resume {run.path}")


def inside(name: str) -> str:
    """The path of a model without the run that it lies in, for a child's: the run can be moved."""
    _, found, rest = name.rpartition(f"/{CHILDREN}/")
    return f"{CHILDREN}/{rest}" if found else name


def find_run(
    name: str | None,
    stages: tuple[str, ...] = (),
    *,
    finished: bool = True,
    backend: str | None = None,
    where: str = "RUN",
) -> Run:
    """The run called `name` (a run or model folder, a name below ./runs, `hub:org/name`), or the newest of `stages`.

    Raises InputError where there is none, at `where`: the argument or option that names it.
    A model folder gives a Run whose `model` is itself (see `model_folder`).
    """
    if name is not None and name.startswith("hub:"):
        return Run(Path(name))
    if name is not None:
        for path in (Path(name), runs_folder() / name):
            if (path / "run.json").is_file() or (path / "config.json").is_file():
                return Run(path)
        if (Path(name) / LOCK).is_file():
            fix = f"begin it again: the same command with --output {name}"
            raise InputError(f"`{name}` was ended before it had begun", where=where, fix=fix)
        known = [run.path.name for run in list_runs()]
        fix = suggestion(name, known) if known else f"there are no runs below {runs_folder()}"
        raise InputError(f"`{name}` is no run: no run.json and no config.json there", where=where, fix=fix)
    found = [run for run in list_runs() if not stages or _is_of(run.manifest, stages)]
    wanted = ("finished",) if finished else ("interrupted", "failed")
    found = [run for run in found if run.status in wanted and backend in (None, run.manifest.get("backend"))]
    if not found:
        kind = "finished" if finished else "unfinished"
        raise InputError(
            f"no {kind} run below {runs_folder()}",
            fix=f"name one: {where}" if finished else "name one: lmfit resume RUN",
        )
    return max(found, key=lambda run: run.manifest.get("finished" if finished else "created", 0))


def _is_of(manifest: Mapping[str, Any], stages: tuple[str, ...]) -> bool:
    """Whether a run is of one of the stages; a search over pretraining answers no more than a pretraining does."""
    answers = "pretrain" in stages or manifest.get("kind") != "language"
    return manifest.get("stage") in stages and answers


def list_runs() -> list[Run]:
    """All readable runs directly below the runs folder, by name. Child runs are never listed."""
    return _readable(runs_folder())


def list_children(run: Run) -> list[Run]:
    """The readable child runs of a run, oldest first."""
    return sorted(_readable(run.path / CHILDREN), key=lambda child: child.manifest.get("created", 0))


def _readable(folder: Path) -> list[Run]:
    found = []
    for path in sorted(folder.glob("*/run.json")):
        if path.parent.is_symlink():
            continue
        try:
            Run(path.parent).manifest["status"]
        except (InputError, KeyError):
            continue
        found.append(Run(path.parent))
    return found


def evaluations(run: Run) -> list[Path]:
    """The folders of the run's evaluations on new files, by name."""
    return sorted(path.parent for path in (run.path / EVALUATIONS).glob("[!.]*/metrics.json"))


def read_json(path: Path, what: str) -> dict[str, Any]:
    """A JSON object from a run folder. Raises InputError where it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"`{path.parent}` is no {what}: {path.name} is missing", where=str(path)) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise InputError(f"{path.name} holds no object", where=str(path))
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON beside, then rename: a reader never sees half a file."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
