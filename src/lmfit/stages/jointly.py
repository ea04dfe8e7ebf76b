"""A step of `lmfit compress`: prune, distil and learn under int8 rounding in one training (compression/joint.py)."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from lmfit import console
from lmfit.compression.distill import Distilling, LogTerms
from lmfit.compression.fake_quant import fake_quantized
from lmfit.compression.gates import GATES, Gates, cubic
from lmfit.compression.joint import Around, Pruning, Rounding, Stepwise, TellStep, without_dropout
from lmfit.compression.movement import Movement
from lmfit.compression.prune import Costs, Cut, at_widths, blocks, cut_to, full_cost
from lmfit.compression.prune import prune as cut_model
from lmfit.compression.steps import Work
from lmfit.compression.teacher import Outputs, numbered
from lmfit.config.smaller import LEARNT, DistillConfig, JointConfig, PruneConfig
from lmfit.data.batching import BatchPlan, key
from lmfit.data.rows import Rows
from lmfit.errors import ConfigError
from lmfit.runs import TRAININGS, Run
from lmfit.stages.distil import asked, projecting, relation_heads
from lmfit.stages.prepare import Studied
from lmfit.stages.smaller import calibration, check_pruning, judged_by, target_of
from lmfit.stages.training import TaskObjective, train
from lmfit.stages.unlabelled import check_texts, rows_of
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.trainer import BUDGET_UNKNOWN_STEPS, Objective, planned_steps


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
    """Distil while heads and neurons go; recover; learn under rounding. The last weights are kept."""
    settings = _settings(work)
    model = work.model_on_device()
    teacher = work.original.backend.model  # type: ignore[attr-defined]
    rows = numbered(rows_of(work, settings.distill.text))
    steps = _steps(work, rows)
    rounded = steps - round(settings.joint.quantize * steps) if work.config.compression.rounds else steps
    material = Studied(work.config, work.task, work.framer, rows, replace(work.splits, validation=None))
    said = asked(teacher, model, rows, TaskObjective(work.task, work.framer), settings.distill)
    phases = _Phases(work, settings, material, said, teacher, steps)
    told: dict[str, Any] = {"steps": steps, "rounded_from": rounded}
    if settings.prune is not None:
        cut, facts = phases.prune(model, settings.prune)
        console.say("joint: the model is cut; recovery begins")
        told |= {"cut_at": phases.steps, **facts, **cut.as_dict}
    phases.recover(model, steps - phases.steps, rounded - phases.steps)
    told |= {"train_seconds": round(phases.seconds, 3), "seconds": round(phases.cutting, 3)}
    return replace(work, model=model, facts={**work.facts, "joint": told | settings.joint.model_dump()})


def _steps(work: Work, rows: Rows) -> int:
    """Steps in all. Raises ConfigError where they are not known beforehand."""
    training = work.config.training
    plan = BatchPlan(rows.lengths, work.config.seed, batch_size=training.batch_size, batch_tokens=training.batch_tokens)
    steps = planned_steps(training, plan)
    if steps == BUDGET_UNKNOWN_STEPS:
        fix = "training.budget=null training.max_steps=2000"
        raise ConfigError("a joint training needs to know its steps", where="training.budget", fix=fix)
    return steps


class _Phases:
    """The trainings of a joint one, in turn; each keeps its own log and checkpoints in RUN/trainings/.

    steps, seconds: what those that are over took; cutting: seconds of the cuts.
    """

    def __init__(
        self, work: Work, settings: _Asked, material: Studied, said: Outputs, teacher: Any, steps: int
    ) -> None:
        self.work, self.settings, self.material, self.said, self.teacher = work, settings, material, said, teacher
        self.steps, self.seconds, self.cutting, self._begun = 0, 0.0, 0.0, 0
        dense = round(settings.joint.dense * steps)
        self._ramp = dense, min(steps, max(1, dense + round(settings.joint.ramp * steps)))
        self._count = 1 if settings.prune is None else 1 + len({*self._cuts(settings.prune)} - {0})

    def _cuts(self, prune: PruneConfig) -> list[int]:
        """The steps after which something is cut."""
        begin, end = self._ramp
        if prune.scores in LEARNT:
            return [end]
        count = min(self.settings.joint.cuts, max(1, end - begin))
        return [begin + (end - begin) * number // count for number in range(count)]

    def prune(self, model: Any, prune: PruneConfig) -> tuple[Cut, dict[str, Any]]:
        """Train while the budget of heads and neurons falls, and cut them away."""
        costs, budget, facts = target_of(self.work, prune)
        cut = self._gated if prune.scores in LEARNT else self._in_cuts
        return cut(model, prune, costs, budget), facts

    def _in_cuts(self, model: Any, prune: PruneConfig, costs: Costs, budget: float) -> Cut:
        """Several cuts, evenly over the ramp, each to what the budget is by then; training in between."""
        objective = TaskObjective(self.work.task, self.work.framer)
        batches = calibration(self.work, prune.rows)
        full, cuts = full_cost(model, costs), self._cuts(prune)
        units, made = [block.units for block in blocks(model)], []
        for number, end in enumerate(cuts, 1):
            if end > self.steps:
                following = self._following(model)
                self._train(model, Around(following), following, end - self.steps, "constant")
            allowed = full + (budget - full) * cubic(number, 0, len(cuts))
            tables, judged, begun = at_widths(model, costs), judged_by(prune), time.perf_counter()
            made.append(
                cut_model(model, objective, batches, costs=tables, budget=allowed, scores=judged, refitted=prune.refit)
            )
            self.cutting += time.perf_counter() - begun
        layers = [{**layer, "before": before} for layer, before in zip(made[-1].layers, units, strict=True)]
        return replace(made[-1], layers=layers, loss=sum(cut.loss for cut in made))

    def _gated(self, model: Any, prune: PruneConfig, costs: Costs, budget: float) -> Cut:
        """Train behind gates; then cut the units whose gates are least likely open."""
        gates = Movement(model) if prune.scores == "movement" else Gates(model)
        setattr(model, GATES, gates)
        following = self._following(model)
        full = full_cost(model, costs)
        costs = [cost for block, cost in zip(blocks(model), costs, strict=True) if block.units]
        objective = Pruning(following, gates, costs, full=full, target=budget, ramp=self._ramp)
        self._train(model, objective, following, self._ramp[1], "constant")
        found, curves = gates.fold(), gates.curves()
        delattr(model, GATES)
        return cut_to(model, found, curves, costs, budget)

    def recover(self, model: Any, steps: int, begin: int) -> None:
        """Train what is left, at the end as the int8 model will round."""
        with ExitStack() as forms:
            following = self._following(model)
            forms.enter_context(without_dropout(model))
            forms.enter_context(fake_quantized(model))
            weight = self.settings.joint.quant_weight / self.work.task.square
            objective = Rounding(following, model, weight=weight, begin=begin)
            self._train(model, objective, following, steps, "linear")

    def _following(self, model: Any) -> Distilling:
        task, distill = TaskObjective(self.work.task, self.work.framer), self.settings.distill
        return Distilling(task, distill, self.said, model, relation_heads(model, self.teacher, distill))

    def _train(self, model: Any, objective: Any, following: Distilling, steps: int, schedule: str) -> None:
        self._begun += 1
        console.say(f"joint: training {self._begun} of {self._count}, {steps} steps")
        training = self.work.config.training.model_copy(
            update={"max_steps": steps, "epochs": None, "schedule": schedule, "early_stopping": None}
        )
        seed = key(self.work.config.seed, "joint", self._begun)
        config = self.work.config.model_copy(update={"training": training, "seed": seed})
        phase = Run(self.work.run.path / TRAININGS / str(self._begun))
        phase.path.mkdir(parents=True, exist_ok=True)
        told: Stepwise = objective
        minimised: Objective = objective

        checkpoints = Checkpoints(phase.path / "checkpoints", training.keep)
        material = replace(self.material, config=config)
        with projecting(model, self.teacher, self.settings.distill):
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
        self.steps += steps
        self.seconds += state.train_seconds
        following.taps.remove()
