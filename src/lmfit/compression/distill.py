"""A student that follows a teacher: an objective around the task's, and where students come from."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from lmfit.compression.teacher import NumberedRow, Outputs, Taps, Wanted
from lmfit.config.smaller import DistillConfig
from lmfit.errors import ConfigError
from lmfit.models.freeze import layers_of
from lmfit.models.pruned import note_widths
from lmfit.tasks.tensors import Tensors
from lmfit.training.hooks import Log, QuietHook
from lmfit.training.trainer import Objective, StepResult, Trainer

PROJECTION = "lmfit_projection"


class Following(Objective, Protocol):
    """An objective that can also tell how far answers are from a teacher's."""

    def soft_loss(
        self, logits: torch.Tensor, teacher: torch.Tensor, batch: Tensors, temperature: float
    ) -> torch.Tensor:
        """Summed over the targets."""


@dataclass(frozen=True)
class Pairing:
    """Which student layers (from 1) follow which teacher layers: the last the last one, the others evenly."""

    student: tuple[int, ...]
    teacher: tuple[int, ...]

    @classmethod
    def of(cls, student: int, teacher: int) -> "Pairing":
        """For these numbers of layers."""
        count = min(student, teacher)
        pick = tuple(range(1, count + 1))
        return cls(tuple(round(i * student / count) for i in pick), tuple(round(i * teacher / count) for i in pick))


class Distilling:
    """(1 - alpha) task loss + alpha T^2 KL(teacher, student) + hidden * MSE + relations * KL of relations.

    Logits: Hinton et al. 2015. Hidden states: the mean squared error over real tokens and features of each pair of
    layers, the student's times a learnt matrix (TinyBERT, Jiao et al. 2020, equation 8). Relations: softmax of scaled
    products of queries, keys and values among themselves (Wang et al. 2021, MiniLM v2, equations 5 to 8). The last two
    are means, counted once per target. `terms`: the parts of the loss since they were last taken, per target.
    """

    def __init__(self, objective: Following, settings: DistillConfig, teacher: Outputs, model: Any, heads: int) -> None:
        self.objective, self.settings, self.teacher, self.model, self.heads = objective, settings, teacher, model, heads
        self.forward = objective.forward
        depth = len(layers_of(model))
        of_teacher = tuple(int(n.partition(".")[2]) for n in teacher.arrays if n.startswith("hidden."))
        self.pairs = list(zip(Pairing.of(depth, max(of_teacher, default=depth)).student, of_teacher, strict=False))
        wanted = Wanted(tuple(layer for layer, _ in self.pairs), bool(settings.relations))
        self.taps = Taps(model, wanted, training_only=True)
        self._sums: dict[str, float] = {}
        self._targets = 0.0

    def collate(self, rows: Sequence[NumberedRow]) -> Tensors:
        """Padded tensors, and what the teacher said."""
        batch = self.objective.collate(rows)
        for name in self.teacher.arrays:
            batch[f"teacher.{name}"] = self.teacher.of(name, [row.number for row in rows])
        return batch

    def targets(self, batch: Tensors) -> float:
        """Number of (weighted) targets."""
        targets: float = self.objective.targets(batch)
        return targets

    def loss(self, logits: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """All terms, summed over the targets."""
        settings, targets = self.settings, self.objective.targets(batch)
        theirs = {name.removeprefix("teacher."): t for name, t in batch.items() if name.startswith("teacher.")}
        ours, real = self.taps.take(), batch["attention_mask"].bool()
        terms = {
            "task": (1 - settings.alpha) * self.objective.loss(logits, batch),
            "soft": settings.alpha * self.objective.soft_loss(logits, theirs["logits"], batch, settings.temperature),
        }
        if settings.hidden:
            apart = [
                self._hidden_error(ours[f"hidden.{student}"], theirs[f"hidden.{layer}"], real)
                for student, layer in self.pairs
            ]
            terms["hidden"] = settings.hidden * targets * torch.stack(apart).mean()
        if settings.relations:
            apart_relations = relation_divergence(ours["relations"], theirs["relations"], real, self.heads)
            terms["relations"] = settings.relations * targets * apart_relations
        self._note(terms, targets)
        return torch.stack(list(terms.values())).sum()

    def _hidden_error(self, student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        projection = getattr(self.model, PROJECTION, None)
        mapped: torch.Tensor = student[real].float() if projection is None else projection(student[real].float())
        return (mapped - teacher[real]).square().mean()

    def added(self, name: str, value: torch.Tensor, batch: Tensors) -> torch.Tensor:
        """A further term, counted once for each target of the batch; told with the others."""
        targets: float = self.objective.targets(batch)
        self._note({name: targets * value}, 0.0)
        return targets * value

    def _note(self, terms: Mapping[str, torch.Tensor], targets: float) -> None:
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        self._targets += targets

    def take_terms(self) -> dict[str, float]:
        """The parts of the loss per target since the last time."""
        terms = {name: value / max(self._targets, 1e-12) for name, value in self._sums.items()}
        self._sums, self._targets = {}, 0.0
        return terms


class LogTerms(QuietHook):
    """Writes the parts of a step's loss to the log, at the steps that `Log` writes a line for."""

    def __init__(self, objective: Distilling) -> None:
        self.objective = objective

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """The parts of this step alone: a resumed run logs the same."""
        terms, state = self.objective.take_terms(), trainer.state
        log = next(hook for hook in trainer.hooks if isinstance(hook, Log))
        if state.step % log.every == 0 or state.step >= state.total_steps:
            log.write(trainer, {"terms": {name: round(value, 6) for name, value in terms.items()}})


def relation_divergence(student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor, heads: int) -> torch.Tensor:
    """The mean over queries, keys and values, relation heads and real tokens of KL(teacher's relations, student's).

    student, teacher: (B, L, 3 D) with their own widths D, both divisible by `heads`; real: (B, L).
    """
    away = torch.where(real, 0.0, torch.finfo(student.dtype).min)[:, None, None, None, :]
    logs = []
    for vectors in (student, teacher.to(student.dtype)):
        parts = vectors.view(*vectors.shape[:2], 3, heads, -1).permute(0, 2, 3, 1, 4)
        logs.append(torch.log_softmax(parts @ parts.transpose(-1, -2) / parts.shape[-1] ** 0.5 + away, -1))
    apart = (logs[1].exp() * (logs[1] - logs[0])).sum(-1)
    return apart.permute(0, 3, 1, 2)[real].mean()


def project(model: Any, width: int) -> None:
    """Give the student a learnt matrix from its hidden size to the teacher's `width`, at first the identity."""
    own = model.config.hidden_size
    projection = torch.nn.Linear(own, width, bias=False)
    with torch.no_grad():
        torch.nn.init.eye_(projection.weight)
    setattr(model, PROJECTION, projection.to(next(model.parameters()).device))


def unproject(model: Any) -> None:
    """Take the matrix away: only training needs it."""
    if hasattr(model, PROJECTION):
        delattr(model, PROJECTION)


def chosen_layers(wanted: int | Sequence[int], depth: int) -> list[int]:
    """Which layers a student takes, ascending from 0: evenly spaced with the last among them, or those named.

    Raises ConfigError where there are fewer.
    """
    layers = [round((i + 1) * depth / wanted) - 1 for i in range(wanted)] if isinstance(wanted, int) else sorted(wanted)
    if not layers or len(set(layers)) < len(layers) or layers[0] < 0 or layers[-1] >= depth:
        what = f"a student with layers {wanted} cannot be made of a teacher with {depth}"
        raise ConfigError(what, where="compression.distill.layers", fix=f"1 to {depth}, or some of 0 to {depth - 1}")
    return layers


def shallower(teacher: Any, wanted: int | Sequence[int]) -> Any:
    """A copy of the teacher with some of its layers (as DistilBERT began, Sanh et al. 2019)."""
    student = copy.deepcopy(teacher)
    layers: Any = layers_of(student)
    keep_layers(student, chosen_layers(wanted, len(layers)))
    return student


def keep_layers(model: Any, kept: Sequence[int]) -> None:
    """Remove all layers but these, for good; the config follows."""
    from lmfit.models.modeling_pruned import layers_of as list_of

    layers = list_of(model)
    for index in reversed(range(len(layers))):
        if index not in kept:
            del layers[index]
    note_widths(model)


def check_student(
    teacher: Any, student: Any, teacher_vocabulary: Mapping[str, int], vocabulary: Mapping[str, int]
) -> None:
    """Both must read the same tokens and know the same labels. Raises ConfigError."""
    where = "compression.distill.student"
    if teacher_vocabulary != vocabulary:
        what = "student and teacher have different tokenizers: their tokens do not correspond"
        raise ConfigError(what, where=where, fix="take a student of the same family, or layers of the teacher")
    labels, own = (list(model.config.id2label.values()) for model in (teacher, student))
    if labels != own:
        raise ConfigError(f"student and teacher have different labels: {own[:5]} and {labels[:5]}", where=where)
