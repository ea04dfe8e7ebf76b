"""The steps of `lmfit compress` that change a PyTorch model, in the order in which they are done."""

from lmfit.compression.steps import Step
from lmfit.config.compression import CompressionConfig
from lmfit.stages.distil import check_student_of, distil
from lmfit.stages.jointly import check_joint, joint
from lmfit.stages.smaller import check_pruning, check_vocabulary, prune_model, trim_vocabulary


def _apart(settings: CompressionConfig, name: str) -> bool:
    """Whether a step is asked for by itself, not as part of a joint training."""
    return getattr(settings, name) is not None and settings.joint is None


STEPS = (
    Step("training jointly", "joint", lambda settings: settings.joint is not None, check_joint, joint),
    Step("pruning", "pruned", lambda settings: _apart(settings, "prune"), check_pruning, prune_model),
    Step("distilling", "student", lambda settings: _apart(settings, "distill"), check_student_of, distil),
    Step(
        "trimming the vocabulary",
        "trimmed",
        lambda settings: settings.trim_vocabulary is not None,
        check_vocabulary,
        trim_vocabulary,
    ),
)


def steps_of(settings: CompressionConfig) -> list[Step]:
    """The steps that are asked for."""
    return [step for step in STEPS if step.wanted(settings)]
