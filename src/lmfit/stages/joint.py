"""Target and sources learnt at once: rows of all tasks in one plan, a shared encoder, a head each (Caruana 1997)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lmfit.config.load import LoadedConfig
from lmfit.config.schema import FinetuneConfig
from lmfit.config.transfer import TransferConfig
from lmfit.data.mixing import MixedPlan, MixedRows
from lmfit.data.rows import Row
from lmfit.errors import ConfigError
from lmfit.stages.prepare import Material, Prepared, prepare
from lmfit.stages.sources import prepared_source
from lmfit.tasks.base import Task
from lmfit.tasks.tensors import Tensors, forward, tensors


def trains_alone(config: FinetuneConfig) -> bool:
    """Whether a run of this config is one training, not made of several."""
    if isinstance(config, TransferConfig):
        return not config.transfer.control
    return config.seeds is None and not config.cross_validated


def prepare_whole(loaded: LoadedConfig, config: FinetuneConfig) -> Prepared:
    """What `config` needs, a version of that of `loaded`; where tasks are learnt together, all of them."""
    prepared = prepare(config)
    if isinstance(config, TransferConfig) and trains_alone(config):
        own = replace(loaded, config=config)
        beside = [prepared_source(own, number).prepared for number in range(len(config.transfer.sources))]
        refuse_other_kinds(prepared.task, [one.task for one in beside])
        return replace(prepared, beside=beside)
    return prepared


def refuse_other_kinds(target: Task, sources: Sequence[Task]) -> None:
    """Raises ConfigError where tasks cannot share a batch."""
    for task in sources:
        if (task.name, task.kind) != (target.name, target.kind) or task.kind == "multi_label":
            what = f"{task.name} ({task.kind}) and {target.name} ({target.kind}) cannot be learnt in one batch"
            raise ConfigError(what, where="transfer.mode", fix="transfer.mode=chain with transfer.head=new")


def mixed(prepared: Material) -> tuple[MixedRows, MixedPlan]:
    """The rows of all tasks, the target's first, and the plan of their batches."""
    config = prepared.config
    assert isinstance(config, TransferConfig)
    rows = MixedRows([one.rows for one in (prepared, *prepared.beside)])
    weights = config.transfer.weights or [1.0] * len(prepared.beside)
    sizes: dict[str, Any] = {name: getattr(config.training, name) for name in ("batch_size", "batch_tokens")}
    return rows, MixedPlan(rows, weights, config.seed, **sizes)


class JointObjective:
    """Several tasks as the trainer sees one: of each row the columns of its own task's head count."""

    def __init__(self, parts: Sequence[Material]) -> None:
        self.tasks, self.framer = [part.task for part in parts], parts[0].framer
        self._ends = np.cumsum([0, *(len(task.labels) for task in self.tasks)])
        self.forward = forward

    def collate(self, rows: Sequence[Row]) -> Tensors:
        """Padded tensors; `task` (B,) tells whose each row is."""
        return tensors(self.tasks[0].collate(rows, self.framer))

    def targets(self, batch: Tensors) -> float:
        """Number of (weighted) targets of all tasks."""
        return sum(float(task.targets(part)) for task, part, _ in self._parts(batch))

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """Summed over the targets of all tasks."""
        losses = [task.loss(logits[own][..., columns], part) for task, part, (own, columns) in self._parts(batch)]
        return torch.stack(losses).sum()

    def divergence(self, first: torch.Tensor, second: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """How far two logits differ, summed over the targets of all tasks."""
        parts = self._parts(batch)
        apart = [task.divergence(first[o][..., c], second[o][..., c], part) for task, part, (o, c) in parts]
        return torch.stack(apart).sum()

    def _parts(self, batch: Tensors) -> Iterator[tuple[Task, Tensors, tuple[torch.Tensor, slice]]]:
        """(task, its rows, (which rows, which columns)) of the tasks that have any."""
        for number, task in enumerate(self.tasks):
            own = batch["task"] == number
            if own.any():
                columns = slice(int(self._ends[number]), int(self._ends[number + 1]))
                yield task, {name: tensor[own] for name, tensor in batch.items()}, (own, columns)
