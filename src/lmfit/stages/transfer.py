"""lmfit transfer: sources, then a target with what was learnt from them, beside the same target without."""

import copy
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.config.model import ModelConfig
from lmfit.config.schema import FinetuneConfig
from lmfit.config.transfer import Size, TrainingOverrides, TransferConfig
from lmfit.data.batching import key
from lmfit.device import Device, seeded
from lmfit.models.carry import write_start, write_untrained
from lmfit.models.load import ModelSource, find_model
from lmfit.models.scratch import Together, fitted
from lmfit.runs import CHILDREN, Run
from lmfit.stages import finetune
from lmfit.stages.forgetting import forgotten
from lmfit.stages.gain import Arms, measure
from lmfit.stages.heritage import heritage
from lmfit.stages.joint import trains_alone
from lmfit.stages.prepare import Prepared
from lmfit.stages.scoring import judge_of
from lmfit.stages.seeds import Seeds
from lmfit.stages.several import Child, Several
from lmfit.stages.sources import following, renewed

START, UNTRAINED = "start", "untrained"


def run(
    loaded: LoadedConfig,
    *,
    device: str = "auto",
    overwrite: bool = False,
    remarks: Mapping[str, Any] = finetune.NO_REMARKS,
) -> Run:
    """Train the sources, the target after them and the target alone; `remarks` go to run.json. The finished run."""
    return finetune.run(loaded, device=device, overwrite=overwrite, remarks=remarks, made_of=made_of)


def resume(run: Run, overrides: Sequence[str] = (), *, device: str = "auto", inexact: bool = False) -> Run:
    """Go on with the children that are not finished; see `finetune.resume`."""
    return finetune.resume(run, overrides, device=device, inexact=inexact, made_of=made_of)


def made_of(loaded: LoadedConfig, prepared: Prepared, device: Device) -> Several | None:
    """Sources, targets and controls; None where all tasks are one training."""
    return None if trains_alone(loaded.config) else Transfer(loaded, prepared, device)


class Transfer(Several):
    """Sources one after the other, then the target from there and, with the same seeds, from the model as it was."""

    def __init__(self, loaded: LoadedConfig, prepared: Prepared, device: Device) -> None:
        assert isinstance(loaded.config, TransferConfig)
        self.loaded, self.prepared, self.device = loaded, prepared, device
        self.settings, self.seeds = loaded.config.transfer, loaded.config.target_seeds
        self.heritage = heritage(loaded, prepared)
        self.mark = ""
        self.sizes: list[Size] = ["all", *(size for size in self.settings.sizes if size != "all")]

    def plan(self, run: Run, finished: Sequence[Run]) -> Iterator[Child]:
        """source-1, ..., then for each seed control-seed-N and seed-N; at last those of the learning curve."""
        base = self._base(run)
        start = yield from self._start(run, base, finished)
        for size in self.sizes:
            for seed in self.seeds:
                yield self._child(size, seed, base)
                yield self._after(size, seed, base, start)

    def without_control(self, run: Run, called: Child, finished: Sequence[Run]) -> Iterator[Child]:
        """The sources, then one training of the target, with name and title of `called`."""
        base = self._base(run)
        start = yield from self._start(run, base, finished)
        yield replace(self._after("all", self.seeds[0], base, start), name=called.name, title=called.title)

    def _start(self, run: Run, base: ModelConfig, finished: Sequence[Run]) -> Generator[Child, None, Path | None]:
        """The sources to train; returns the start of the target, None where all is learnt at once."""
        if self.settings.mode == "joint":
            return None
        return (yield from self._sources(run, base, finished))

    def _after(self, size: Size, seed: int, base: ModelConfig, start: Path | None) -> Child:
        return self._child(size, seed, base, start) if start else self._joint(size, seed, base)

    def _sources(self, run: Run, base: ModelConfig, finished: Sequence[Run]) -> Generator[Child, None, Path]:
        """The sources to train; returns the start of the target that they make."""
        model = self.heritage.first or base
        for number, source in enumerate(self.heritage.trained, 1):
            kept = source.prepared if model == self.loaded.config.model else None
            title = f"source {number} of {len(self.heritage.trained)}: {source.loaded.config.data.name or source.name}"
            yield Child(source.name + self.mark, title, renewed(source, model), kept)
            model = following(str(finished[-1].path), self.prepared.config.model)
        start = run.path / CHILDREN / f"{START}{self.mark}"
        if not start.is_dir():
            self._write(start, find_model(model), find_model(base))
        return start

    def _base(self, run: Run) -> ModelConfig:
        """What all begins with. One without pretraining gets its weights here, and the characters of all tasks."""
        model = self.prepared.config.model
        if self.prepared.source.kind != "scratch":
            return model
        folder = run.path / CHILDREN / f"{UNTRAINED}{self.mark}"
        if not folder.is_dir():
            texts = Together(
                [*(one.prepared.splits.train for one in self.heritage.trained), self.prepared.splits.train]
            )
            with seeded(key(self.seeds[0], UNTRAINED)):
                write_untrained(folder, fitted(replace(self.prepared.source, where=""), texts))
        return following(str(folder), model)

    def _write(self, folder: Path, source: ModelSource, base: ModelSource) -> None:
        labels, layers = self.heritage.labels, self.settings.layers
        task = self.prepared.task
        write_start(folder, source, base, task.auto_class, labels=labels, layers=layers)
        kept = "a new head" if labels is None else "the rows of its head by name"
        console.say(f"carried over: {'the encoder' if layers == 'all' else console.counted(layers, 'layer')}, {kept}")

    def _child(self, size: Size, seed: int, base: ModelConfig, start: Path | None = None) -> Child:
        """A training of the target on `size` rows: from the start, or (None) without transfer."""
        loaded = self._target(size, seed, base, start)
        prepared = None
        if size == "all" and start is None and base == self.prepared.config.model:
            prepared = replace(self.prepared, config=loaded.config, task=copy.deepcopy(self.prepared.task))
        arm = "without transfer" if start is None else "after transfer"
        rows = "" if size == "all" else f", {size:,} training rows"
        return Child(child_name(size, seed, control=start is None), f"{arm}: seed {seed}{rows}", loaded, prepared)

    def _joint(self, size: Size, seed: int, base: ModelConfig) -> Child:
        """A training of the target and the sources at once."""
        config = self._target(size, seed, base, None).config
        alone = {"control": False, "sizes": ["all"], "training": TrainingOverrides(), "freeze": None}
        changed = {"data": config.data, "seed": seed, "seeds": None, "model": self._frozen(base)}
        changed |= {"training": self.settings.training.on(config.training)}
        changed |= {"transfer": self.settings.model_copy(update=alone)}
        loaded = self.loaded.having(**changed)
        prepared = None
        if size == "all" and base == self.prepared.config.model:
            task, beside = copy.deepcopy(self.prepared.task), [one.prepared for one in self.heritage.trained]
            prepared = replace(self.prepared, config=loaded.config, task=task, beside=beside)
        rows = "" if size == "all" else f", {size:,} training rows"
        return Child(child_name(size, seed, control=False), f"with the sources: seed {seed}{rows}", loaded, prepared)

    def _frozen(self, model: ModelConfig) -> ModelConfig:
        return model if self.settings.freeze is None else model.model_copy(update={"freeze": self.settings.freeze})

    def _target(self, size: Size, seed: int, base: ModelConfig, start: Path | None) -> LoadedConfig:
        config = self.loaded.config
        sections = {name: getattr(config, name) for name in FinetuneConfig.model_fields}
        sections |= {"model": base, "seed": seed, "seeds": None}
        if size != "all":
            sections["data"] = config.data.model_copy(update={"limit_train": size})
        if start is not None:
            sections["model"] = self._frozen(base).model_copy(update={"name": str(start), "revision": None})
            sections["training"] = self.settings.training.on(config.training)
        return replace(self.loaded, stage="finetune", config=FinetuneConfig.model_construct(**sections))

    def release(self, child: Run) -> None:
        """Children are many, and a finished one goes on no more: its checkpoints make room."""
        shutil.rmtree(child.path / "checkpoints", ignore_errors=True)

    def summarise(self, run: Run, children: Sequence[Run]) -> dict[str, Any]:
        """As of the seeds after transfer, control and gain beside them; model/ is that of the best seed."""
        named = {child.path.name: child for child in children}
        arms = {
            size: Arms(
                [named[child_name(size, seed, control=False)] for seed in self.seeds],
                [named[child_name(size, seed, control=True)] for seed in self.seeds],
            )
            for size in self.sizes
        }
        seeds = Seeds(self.loaded.having(seeds=self.seeds), self.prepared)
        facts = seeds.summarise(run, arms["all"].transfer)
        found = measure(run, self.prepared, arms, facts)
        best = named[facts["several"]["chosen"]]
        return facts | {
            "transfer": found
            | {"mode": self.settings.mode, "head": self._head(), "forgotten": self._forgotten(named, best)}
        }

    def _head(self) -> str:
        return "new" if self.heritage.labels is None else "kept"

    def _forgotten(self, named: Mapping[str, Run], target: Run) -> list[dict[str, Any]]:
        """Scores before and after the target was learnt of each source that was learnt by labels, and not at once with
        the target.
        """
        if self.settings.mode == "joint":
            return []
        sources = [(source.name, named[source.name], source.prepared.held_out) for source in self.heritage.trained]
        first = find_model(self.heritage.first) if self.heritage.first else None
        judge = judge_of(self.prepared.config)
        found = [{"name": name} | forgotten(run, rows, target, judge, self.device) for name, run, rows in sources]
        if first is not None and first.kind == "run":
            own = Run(Path(first.where).parent)
            if own.manifest.get("kind") != "language":
                found.insert(0, {"name": first.name} | forgotten(own, None, target, judge, self.device))
        return [one for one in found if "after" in one]


def child_name(size: Size, seed: int, *, control: bool) -> str:
    """seed-1, control-seed-1, size-64-seed-1, size-64-control-seed-1."""
    return ("" if size == "all" else f"size-{size}-") + ("control-" if control else "") + f"seed-{seed}"
