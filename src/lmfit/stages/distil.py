"""A step of `lmfit compress`: a student is trained to follow the run, by the trainer that every training uses."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lmfit.compression.distill import (
    Distilling,
    LogTerms,
    Pairing,
    check_student,
    chosen_layers,
    project,
    shallower,
    unproject,
)
from lmfit.compression.steps import Work
from lmfit.compression.teacher import Outputs, Wanted, numbered, outputs
from lmfit.config.model import ModelConfig
from lmfit.config.smaller import DistillConfig
from lmfit.data.batching import key
from lmfit.data.rows import Rows
from lmfit.device import seeded
from lmfit.errors import ConfigError
from lmfit.models.freeze import layers_of
from lmfit.models.load import find_model, load_model, load_tokenizer
from lmfit.models.modeling_pruned import blocks_of
from lmfit.models.standard import begin_at_mean
from lmfit.stages.prepare import Studied
from lmfit.stages.training import TaskObjective, train
from lmfit.stages.unlabelled import check_texts, rows_of
from lmfit.training.checkpoint import Checkpoints


def distil(work: Work) -> Work:
    """Train the student; `training` of the config says how long. The teacher is the run's own model, unchanged."""
    settings = work.config.compression.distill
    assert settings is not None
    teacher = work.original.backend.model  # type: ignore[attr-defined]
    student = student_of(work, teacher, settings).to(work.device.torch_device)
    rows = rows_of(work, settings.text)
    material = Studied(work.config, work.task, work.framer, numbered(rows), work.splits)
    objective = TaskObjective(work.task, work.framer)
    said = asked(teacher, student, rows, objective, settings)
    checkpoints = Checkpoints(work.run.path / "checkpoints", work.config.training.keep)
    with projecting(student, teacher, settings):
        following = Distilling(objective, settings, said, student, relation_heads(student, teacher, settings))

        state = train(
            work.run,
            material,
            student,
            work.device,
            checkpoints,
            lambda line: None,
            objective=following,
            more_hooks=[LogTerms(following)],
        )
        following.taps.remove()
    facts = {
        "student": settings.student or "of the teacher",
        "layers": len(layers_of(student)),
        "rows": len(rows),
        "steps": state.step,
        "parameters": student.num_parameters(),
        "train_seconds": round(state.train_seconds, 3),
        **settings.model_dump(include={"alpha", "temperature", "hidden", "relations"}),
    }
    return replace(work, model=student, facts={**work.facts, "distill": facts})


def asked(teacher: Any, student: Any, rows: Rows, objective: TaskObjective, settings: DistillConfig) -> Outputs:
    """What the student's loss needs of the teacher, for all rows."""
    pairing = Pairing.of(len(layers_of(student)), len(layers_of(teacher)))
    wanted = Wanted(pairing.teacher if settings.hidden else (), bool(settings.relations))
    here, there = (next(model.parameters()).device for model in (teacher, student))
    return outputs(teacher if here == there else copy.deepcopy(teacher).to(there), rows, objective, wanted)


def check_student_of(work: Work) -> None:
    """Raises ConfigError where there is no student, or none that reads and answers as its teacher does."""
    settings = work.config.compression.distill
    assert settings is not None
    check_texts(settings.text, work)
    if settings.layers is not None and settings.student is None:
        chosen_layers(settings.layers, len(layers_of(work.model)))
        return
    student_of(work, work.model, settings)


def student_of(work: Work, teacher: Any, settings: DistillConfig) -> Any:
    """A named model, some layers of the teacher, or the model as it is (pruned). Raises ConfigError where none fits."""
    if settings.student is not None:
        source = find_model(ModelConfig(name=settings.student), where="compression.distill.student")
        with seeded(key(work.config.seed, "head")):
            student, new = load_model(source, work.task.auto_class, work.task.model_settings())
        if new and work.task.units is not None:
            begin_at_mean(student, work.task.units)
        vocabularies = [t.backend_tokenizer.get_vocab(True) for t in (work.framer.tokenizer, load_tokenizer(source))]
        check_student(teacher, student, *vocabularies)
        return student
    if settings.layers is not None:
        return shallower(work.model, settings.layers)
    if work.config.compression.prune is None:
        what = "nothing says what the student is: it would be the teacher itself"
        fix = "--distill NAME, compression.distill.layers=3, or prune as well: --prune 0.5"
        raise ConfigError(what, where="compression.distill", fix=fix)
    return copy.deepcopy(work.model)


@contextmanager
def projecting(student: Any, teacher: Any, settings: DistillConfig) -> Iterator[None]:
    """Inside the block the student has a learnt matrix to the teacher's width, where hidden states are compared."""
    if settings.hidden:
        project(student, teacher.config.hidden_size)
    try:
        yield
    finally:
        unproject(student)


def relation_heads(student: Any, teacher: Any, settings: DistillConfig) -> int:
    """As many heads as both widths can be divided into, at most the teacher's own; 1 where none are compared.

    Raises ConfigError where nothing is left of a student's attention that could be compared.
    """
    if not settings.relations:
        return 1
    widths = [_last_attention(one) for one in (student, teacher)]
    if not all(widths):
        what = "the student has no attention heads left whose relations could be compared"
        raise ConfigError(what, where="compression.distill.relations", fix="relations: 0, or prune less")
    most = int(teacher.config.num_attention_heads)
    return next(count for count in range(most, 0, -1) if all(width % count == 0 for width in widths))


def _last_attention(model: Any) -> int:
    """The width of the last attention that has heads; 0 where there is none."""
    found = (block.units * block.size for block in reversed(blocks_of(model)) if block.part == "heads" and block.units)
    return next(found, 0)
