"""Build the model and train it: what the trainer is given, and which hooks stand around it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from lmfit import console
from lmfit.config.training import TrainingConfig
from lmfit.data.batching import draw_rows, key, keyed_generator, split_by_tokens
from lmfit.data.framing import Framer
from lmfit.data.rows import Row
from lmfit.device import Device, seeded
from lmfit.errors import ConfigError
from lmfit.evaluation.names import metric
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor, encode_all
from lmfit.models.by_layer import can_compile, checkpointed, compiled
from lmfit.models.freeze import freeze
from lmfit.models.grow import Growth, grow_head, start_new_rows
from lmfit.models.head import reset_head, start_from_class_means
from lmfit.models.joint_head import joint_head
from lmfit.models.load import load_model
from lmfit.models.lora import adapt
from lmfit.models.own_head import facts_of, fit_crf
from lmfit.models.packing import packed
from lmfit.models.padding import fit_padding
from lmfit.models.quick_dropout import quick_dropout
from lmfit.models.shared_cast import shared_cast
from lmfit.models.standard import answers_in_units, begin_at_mean, standard_weights
from lmfit.models.used_rows import used_rows
from lmfit.runs import Run
from lmfit.stages.calling import Call, call_others, shared_out
from lmfit.stages.joint import JointObjective, mixed
from lmfit.stages.judge import Judge
from lmfit.stages.prepare import Material, Prepared, Studied
from lmfit.tasks.base import Stats, Task, model_inputs
from lmfit.tasks.tensors import Tensors, forward, tensors
from lmfit.training.budget import Budget
from lmfit.training.checkpoint import Checkpoints, TrainState
from lmfit.training.distributed import COMPANY
from lmfit.training.graphs import LENGTHS_APART, can_record
from lmfit.training.guards import Finite, Halved, Room
from lmfit.training.hooks import KeepBest, Lead, Log, Progress, Save, StopOnSignal
from lmfit.training.memory import limit_bytes
from lmfit.training.r_drop import Comparing, RDrop
from lmfit.training.thaw import Thaw
from lmfit.training.trainer import Hook, Objective, Trainer

HEAD_ROWS = 2048


class TaskObjective:
    """The task as the trainer sees it: collate, targets, loss, divergence.

    multiple: of what batches are padded to a length, as far as the model's positions go.
    """

    def __init__(self, task: Task, framer: Framer) -> None:
        self.task, self.framer, self.multiple = task, framer, 1
        self.targets, self.loss, self.divergence = task.targets, task.loss, task.divergence
        self.soft_loss, self.forward = task.soft_loss, forward

    def collate(self, rows: Sequence[Row]) -> Tensors:
        """Padded tensors."""
        if self.multiple == 1:
            return tensors(self.task.collate(rows, self.framer))
        length = -(-max(map(len, rows)) // self.multiple) * self.multiple
        return tensors(self.task.collate(rows, self.framer, min(length, self.framer.max_length)))


def build_model(prepared: Prepared, device: Device, *, resumed: bool) -> Any:
    """Pretrained encoder and task head on the device; new weights depend on the seed alone.

    Of a head that was trained for some of the labels these rows are kept. Where training is `resumed` from a checkpoint
    the head comes from there.
    """
    config, growth = prepared.config, prepared.growth
    with seeded(key(config.seed, "head")):
        model, growth = _load(prepared, growth if config.model.head_init == "auto" or _has_new(growth) else None)
        fit_padding(model, prepared.framer.pad_id)
    model.to(device.torch_device)
    prepared.task.attach(model)
    if not resumed:
        if growth is not None:
            console.say(f"head: {growth} (of {prepared.source.name})")
        _start_head(prepared, model, device, growth)
    if config.model.lora is not None:
        with seeded(key(config.seed, "lora")):
            trained = adapt(model, config.model.lora)
        console.say(f"lora: {trained:,} weights are trained (adapters and head)")
    freeze(model, config.model.freeze)
    return model


def _has_new(growth: Growth | None) -> bool:
    return growth is not None and bool(growth.new)


def _load(prepared: Prepared, growth: Growth | None) -> tuple[Any, Growth | None]:
    """The model with a row of its head for each label, and what was kept of the head; None where all of it is new."""
    source, task, head = prepared.source, prepared.task, facts_of(prepared.config.model)
    if growth is not None:
        model, new = load_model(source, task.auto_class, {"num_labels": len(growth.before)}, head)
        if not new and grow_head(model, growth, task.model_settings()):
            fit_crf(model)
            return model, growth
    model, new = load_model(source, task.auto_class, task.model_settings(), head)
    if not new:
        reset_head(model)
    return model, None


def _start_head(prepared: Prepared, model: Any, device: Device, growth: Growth | None) -> None:
    """Class means for what is new of the head, from at most 2,048 training rows, where rows have a class of their own.

    Raises ConfigError where class means are asked for and there are none.
    """
    task, init = prepared.task, prepared.config.model.head_init
    if task.units is not None and growth is None:
        begin_at_mean(model, task.units)
        console.say(f"head: starts from random weights, at the mean of the labels ({task.units[0]:,.6g})")
    if init == "random" or (growth is not None and not growth.new):
        return
    labelled = partial(_labelled, prepared, device)
    if next(labelled(), None) is None:
        if init == "class_means":
            what, fix = "class_means needs one label per text", "set model.head_init=random"
            raise ConfigError(what, where="model.head_init", fix=fix)
    elif growth is not None:
        done = start_new_rows(model, growth, labelled)
        console.say(f"head: {done} of the {len(growth.new)} new labels start from class means")
    else:
        how = start_from_class_means(model, labelled, len(task.labels))
        console.say(f"head: starts from {'random weights' if how == 'none' else f'class means ({how})'}")


def _labelled(prepared: Prepared, device: Device) -> Iterator[tuple[Tensors, torch.Tensor]]:
    """Model inputs and classes of at most 2,048 training rows; nothing where rows have no class of their own."""
    task, rows = prepared.task, prepared.rows
    chosen = draw_rows(keyed_generator(prepared.config.seed, "head rows"), len(rows), HEAD_ROWS)
    lengths = rows.lengths[chosen]
    for piece in split_by_tokens(chosen[np.argsort(lengths)], np.sort(lengths), device.answer_batch_tokens):
        batch = tensors(task.collate([rows[int(i)] for i in piece], prepared.framer))
        classes = task.classes(batch)
        if classes is not None:
            yield {name: tensor.to(device.torch_device) for name, tensor in model_inputs(batch).items()}, classes


def train(
    run: Run,
    prepared: Studied,
    model: Any,
    device: Device,
    checkpoints: Checkpoints,
    tell: Callable[[Mapping[str, Any]], object],
    more_hooks: Sequence[Hook] = (),
    *,
    objective: Objective | None = None,
    resumed_as: Run | None = None,
) -> TrainState:
    """Train with all hooks; afterwards the model holds the best weights, if there was validation data.

    tell: takes the lines of the log as they are written. more_hooks: what else is to happen, once a step is judged.
    objective: what is minimised; None: what the config asks for. resumed_as: the run that `lmfit resume` is given,
    where `run` is a part of it.
    """
    config, judged = prepared.config, prepared.splits.validation is not None
    log = Log(run.path / "log.jsonl", config.training.log_every, tell)
    finite = Finite(run.path, log, config.training.on_nan, partial(describe, prepared))
    hooks: list[Hook] = [Room(keeps_best=judged), Progress(), finite, log, Halved(run.record)]
    if config.training.budget is not None:
        hooks.insert(0, Budget(config.training.budget))
    if judged:
        hooks.append(_keep_best(prepared, model, device, log))
    stop = StopOnSignal(str((resumed_as or run).path))
    hooks += [*thawing(config.training), *more_hooks]
    hooks += [Save(config.training.checkpoint_every), stop, Lead()]
    if shared := shared_out(config.training, device.processes):
        console.say(shared)
    call = Call(prepared.material, model, device, in_training_form, partial(make_trainer, objective=objective))
    with standard_weights(model, prepared.task.units):
        if objective is None:
            call_others(call)
        return call.lead(checkpoints, hooks)


def thawing(training: TrainingConfig) -> list[Hook]:
    """The hook that lets weights learn later, where that is asked for; every rank has it."""
    later = training.head_first or training.unfreeze is not None
    return [Thaw(training.head_first, training.unfreeze)] if later else []


def make_trainer(
    prepared: Material,
    model: Any,
    device: Device,
    checkpoints: Checkpoints,
    hooks: Sequence[Hook] = (),
    objective: Objective | None = None,
) -> Trainer:
    """The trainer that the config asks for."""
    config, ranks = prepared.config, COMPANY.ranks()
    rows, plan = mixed(prepared) if prepared.beside else (prepared.rows, None)
    objective = objective or objective_of(prepared, model)
    recorded = can_record(config.training, device, ranks) and isinstance(objective, TaskObjective)
    trainer = Trainer(
        model,
        objective,
        rows,
        config.training,
        device=device,
        seed=config.seed,
        checkpoints=checkpoints,
        hooks=hooks,
        memory_limit=limit_bytes(config.device.memory_limit) // ranks.local_count,
        ranks=ranks,
        plan=plan,
        recorded=recorded,
    )
    if isinstance(objective, TaskObjective):
        objective.multiple = LENGTHS_APART if trainer.recorder is not None else 1
    return trainer


@contextmanager
def in_training_form(prepared: Material, model: Any, device: Device) -> Iterator[None]:
    """The model in the form that is trained; afterwards it is as any loader expects it.

    Compiled layers draw their own dropout; elsewhere a CPU draws it quickly.
    """
    training = prepared.config.training
    special = [prepared.framer.pad_id, *prepared.framer.tokenizer.all_special_ids]
    every = [prepared, *prepared.beside]
    ids = np.unique(np.concatenate([special, *(one.rows.distinct("input_ids") for one in every)]))
    with ExitStack() as forms:
        units = [one.task.units for one in every]
        forms.enter_context(answers_in_units(model, units, device=device.torch_device))
        if prepared.beside:
            labels, *others = (len(one.task.labels) for one in every)
            forms.enter_context(joint_head(model, labels, sum(others), key(prepared.config.seed, "joint head")))
        if training.sharding == "none":
            forms.enter_context(used_rows(model, ids))
        if training.compile and can_compile(device):
            forms.enter_context(compiled(model))
        else:
            forms.enter_context(shared_cast(model))
            if device.kind == "cpu":
                forms.enter_context(quick_dropout(model))
        if training.packing == "on":
            forms.enter_context(packed(model))
        if training.gradient_checkpointing:
            forms.enter_context(checkpointed(model))
        yield


def objective_of(prepared: Material, model: Any) -> Objective:
    """What is minimised, as configured. Raises ConfigError where R-Drop's two passes would be equal."""
    weight = prepared.config.training.r_drop
    objective: Comparing = TaskObjective(prepared.task, prepared.framer)
    if prepared.beside:
        objective = JointObjective([prepared, *prepared.beside])
    if weight is None:
        return objective
    settings = vars(model.config)
    if not any("drop" in name and isinstance(rate, float) and rate > 0 for name, rate in settings.items()):
        what = "R-Drop compares two passes with other dropout, and this model drops nothing out"
        raise ConfigError(what, where="training.r_drop", fix="training.r_drop=null, or another model")
    return RDrop(objective, weight)


def describe(prepared: Studied, indices: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Origin, gold answer and (where texts may be written) text of training rows, by row: found by encoding."""
    found: dict[int, dict[str, Any]] = {}
    begin = 0
    for part in (prepared, *prepared.beside):
        own = [index - begin for index in indices if begin <= index < begin + len(part.rows)]
        found |= {begin + number: facts for number, facts in _described(part, own).items()} if own else {}
        begin += len(part.rows)
    return found


def _described(prepared: Studied, indices: Sequence[int]) -> dict[int, dict[str, Any]]:
    texts, last = prepared.config.evaluation.texts, max(indices)
    wanted, found = set(indices), {}
    number = 0
    for encoded in encode_all(prepared.task, prepared.splits.train, prepared.framer, Stats()):
        example = encoded.example
        facts = {"origin": str(example.origin), "gold": prepared.task.gold(example)}
        text = {"text": example.text, "text_pair": example.text_pair} if texts else {}
        for _ in encoded.rows:
            if number in wanted:
                found[number] = facts | {name: value for name, value in text.items() if value is not None}
            number += 1
        if number > last:
            break
    return found


def _keep_best(prepared: Studied, model: Any, device: Device, log: Log) -> KeepBest:
    config = prepared.config
    name = config.training.best_metric or prepared.task.headline
    judge = Judge(resamples=0, seed=config.seed, texts=False)

    def evaluate() -> Mapping[str, Any]:
        predictor = Predictor(TorchBackend(model, device), prepared.task, prepared.framer)
        scores = judge.score(predictor, prepared.splits.validation or (), total=None, out=None)
        return {m: entry["value"] for m, entry in scores.metrics.items() if not m.startswith("per_class.") or m == name}

    return KeepBest(
        evaluate,
        log,
        metric=name,
        higher_is_better=metric(name).better == "higher",
        every=config.training.evaluate_every,
        patience=config.training.early_stopping,
    )
