"""A step of `lmfit compress`: prune, distil and learn under int8 rounding in one training (compression/joint.py)."""

import copy
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from lmfit import console
from lmfit.compression.distill import Distilling, LogTerms
from lmfit.compression.fake_quant import fake_quantized
from lmfit.compression.gates import GATES, Gates
from lmfit.compression.joint import Pruning, Rounding, Stepwise, TellStep, without_dropout
from lmfit.compression.movement import Movement
from lmfit.compression.prune import Cut, cut_to, full_cost
from lmfit.compression.steps import Work
from lmfit.compression.teacher import Outputs, numbered
from lmfit.config.smaller import DistillConfig, JointConfig, PruneConfig
from lmfit.data.batching import BatchPlan
from lmfit.data.rows import Rows
from lmfit.errors import ConfigError
from lmfit.runs import Run
from lmfit.stages.distil import asked, projecting, relation_heads
from lmfit.stages.prepare import Studied
from lmfit.stages.smaller import check_pruning, target_of
from lmfit.stages.training import TaskObjective, train
from lmfit.stages.unlabelled import check_texts, rows_of
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.trainer import BUDGET_UNKNOWN_STEPS, Objective, planned_steps

PHASES = "phases"


@dataclass(frozen=True)
class _Asked:
    """The sections of a joint training; a part whose section is missing is left out of it."""

    joint: JointConfig
    prune: PruneConfig | None
    distill: DistillConfig


def check_joint(work: Work) -> None:
    """Raises ConfigError where a section is missing, InputError where the encoder cannot be pruned as asked."""
    settings = _settings(work)
    check_texts(settings.distill.text, work)
    if settings.prune is not None:
        check_pruning(work)


def _settings(work: Work) -> _Asked:
    """Without distillation the labels alone are learnt."""
    asked_for = work.config.compression
    assert asked_for.joint is not None
    if asked_for.prune is None and asked_for.distill is None and asked_for.quantize is None:
        what = "a joint training needs the section compression.prune or compression.distill, or compression.quantize"
        raise ConfigError(what, where="compression.joint", fix="see configs/compress_joint.yaml")
    distill = asked_for.distill or DistillConfig(alpha=0.0)
    if distill.student is not None or distill.layers is not None:
        what = "the student of a joint training is the run itself, as it gets narrower"
        raise ConfigError(what, where="compression.distill", fix="take out student and layers")
    if asked_for.prune is not None and asked_for.prune.pattern != "structured":
        what = "a joint training removes whole heads and neurons"
        raise ConfigError(what, where="compression.prune.pattern", fix="compression.prune.pattern=structured")
    if asked_for.prune is not None and asked_for.prune.layers is not None:
        fix = "drop layers first: lmfit compress RUN --set compression.prune.layers=4, and compress what comes of it"
        raise ConfigError("a joint training keeps all layers", where="compression.prune.layers", fix=fix)
    return _Asked(asked_for.joint, asked_for.prune, distill)


def joint(work: Work) -> Work:
    """Phase 1: distil, and ramp the sparsity up; cut; phase 2: recover, and round. The last weights are kept."""
    settings = _settings(work)
    model = copy.deepcopy(work.model).to(work.device.torch_device)
    teacher = work.original.backend.model  # type: ignore[attr-defined]
    rows = numbered(rows_of(work, settings.distill.text))
    steps = _steps(work, rows)
    dense = round(settings.joint.dense * steps)
    ramped = max(1, dense + round(settings.joint.ramp * steps))
    rounded = round((1 - settings.joint.quantize) * steps)
    material = Studied(work.config, work.task, work.framer, rows, replace(work.splits, validation=None))
    said = asked(teacher, model, rows, TaskObjective(work.task, work.framer), settings.distill)
    phases = _Phases(work, material, said, teacher)
    told: dict[str, Any] = {"steps": steps, "rounded_from": rounded}
    if settings.prune is None:
        phases.recover(model, settings, steps, rounded)
    else:
        cut, facts = phases.ramp(model, settings.prune, settings.distill, (dense, ramped))
        console.say("joint: the model is cut; recovery begins")
        phases.recover(model, settings, steps - ramped, rounded - ramped)
        told |= {"cut_at": ramped, **facts, **cut.as_dict}
    told["train_seconds"] = round(phases.seconds, 3)
    return replace(work, model=model, facts={**work.facts, "joint": told | settings.joint.model_dump()})


def _steps(work: Work, rows: Rows) -> int:
    """Steps in all. Raises ConfigError where they are not known beforehand."""
    plan = BatchPlan(rows.lengths, work.config.seed, batch_size=work.config.training.batch_size)
    steps = planned_steps(work.config.training, plan)
    if steps == BUDGET_UNKNOWN_STEPS:
        fix = "training.budget=null training.max_steps=2000"
        raise ConfigError("a joint training needs to know its steps", where="training.budget", fix=fix)
    return steps


class _Phases:
    """Both trainings of a joint one; each keeps its own log and checkpoints in RUN/phases/."""

    def __init__(self, work: Work, material: Studied, said: Outputs, teacher: Any) -> None:
        self.work, self.material, self.said, self.teacher = work, material, said, teacher
        self.seconds = 0.0

    def ramp(
        self, model: Any, prune: PruneConfig, distill: DistillConfig, ramp: tuple[int, int]
    ) -> tuple[Cut, dict[str, Any]]:
        """Train behind gates while the budget falls; then cut the units whose gates are least likely open."""
        costs, budget, facts = target_of(self.work, prune)
        full = full_cost(model, costs)
        gates = Movement(model) if prune.scores == "movement" else Gates(model)
        setattr(model, GATES, gates)
        following = self._following(model, distill)
        objective = Pruning(following, gates, costs, full=full, target=budget, ramp=ramp)
        self._train("1", model, objective, following, ramp[1], "constant")
        found, curves = gates.fold(), gates.curves()
        delattr(model, GATES)
        return cut_to(model, found, curves, costs, budget), facts

    def recover(self, model: Any, settings: _Asked, steps: int, begin: int) -> None:
        """Train what is left, at the end as the int8 model will round."""
        with ExitStack() as forms:
            following = self._following(model, settings.distill)
            forms.enter_context(without_dropout(model))
            forms.enter_context(fake_quantized(model))
            objective = Rounding(following, model, weight=settings.joint.quant_weight, begin=begin)
            self._train("2", model, objective, following, steps, "linear")

    def _following(self, model: Any, distill: DistillConfig) -> Distilling:
        task = TaskObjective(self.work.task, self.work.framer)
        return Distilling(task, distill, self.said, model, relation_heads(model, self.teacher, distill))

    def _train(self, name: str, model: Any, objective: Any, following: Distilling, steps: int, schedule: str) -> None:
        training = self.work.config.training.model_copy(
            update={"max_steps": steps, "epochs": None, "schedule": schedule, "early_stopping": None}
        )
        config = self.work.config.model_copy(update={"training": training})
        phase = Run(self.work.run.path / PHASES / name)
        phase.path.mkdir(parents=True, exist_ok=True)
        told: Stepwise = objective
        minimised: Objective = objective

        checkpoints = Checkpoints(phase.path / "checkpoints", training.keep)
        material = replace(self.material, config=config)
        with projecting(model, self.teacher, self.work.config.compression.distill or DistillConfig()):
            state = train(
                phase,
                material,
                model,
                self.work.device,
                checkpoints,
                lambda _: None,
                objective=minimised,
                more_hooks=[TellStep(told), LogTerms(following)],
                resumed_as=self.work.run,
            )
        self.seconds += state.train_seconds
        following.taps.remove()
