"""The sources of a transfer, checked before anything is trained: what each is, and what of its head is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmfit.catalog import TASKS
from lmfit.config.load import LoadedConfig
from lmfit.config.model import ModelConfig
from lmfit.config.transfer import TransferConfig, TransferSettings
from lmfit.errors import ConfigError, suggestion
from lmfit.evaluation.names import Kind
from lmfit.models.carry import refuse_other_encoder
from lmfit.models.load import find_model, load_config
from lmfit.stages.joint import refuse_other_kinds
from lmfit.stages.prepare import Prepared
from lmfit.stages.sources import TrainedSource, prepared_source
from lmfit.tasks.base import Task


@dataclass(frozen=True)
class Learnt:
    """What a head was trained for. kind: None where the model has no head of a task that lmfit knows."""

    task: str
    kind: Kind | None
    labels: Sequence[str]


@dataclass(frozen=True)
class Heritage:
    """first: a source that is a model, where the chain begins with one; trained: the sources to train; labels: the rows
    kept of the last one's head by the target's names, None where the head is new.
    """

    first: ModelConfig | None
    trained: Sequence[TrainedSource]
    labels: Sequence[str] | None


def heritage(loaded: LoadedConfig, prepared: Prepared) -> Heritage:
    """Find and prepare all sources. Raises InputError for whatever cannot be carried to the target, before training."""
    config = loaded.config
    assert isinstance(config, TransferConfig)
    settings, base = config.transfer, prepared.config.model
    first = settings.sources[0].model
    if first is not None:
        refuse_other_encoder(find_model(first), prepared.source)
    _refuse_deep(settings, load_config(prepared.source))
    trained = [prepared_source(loaded, number) for number, one in enumerate(settings.sources) if one.data is not None]
    _refuse_large(settings, prepared)
    if settings.mode == "joint":
        refuse_other_kinds(prepared.task, [one.prepared.task for one in trained])
        return Heritage(None, trained, None)
    learnt = _learnt_by(trained[-1].prepared.task) if trained else _learnt_of(first or base, prepared.task)
    return Heritage(first, trained, kept_labels(settings, learnt, prepared.task))


def _learnt_by(task: Task) -> Learnt:
    return Learnt(task.name, task.kind, task.labels)


def _learnt_of(model: ModelConfig, target: Task) -> Learnt:
    """What the head of a model is for, as its architecture and labels tell."""
    config = load_config(find_model(model))
    architecture = (config.architectures or [""])[0]
    labels = [config.id2label[i] for i in range(len(config.id2label))]
    for name in TASKS:
        kind = TASKS.load(name)
        if kind.foreign_state(architecture, labels, config) is not None:
            wanted = target.model_settings().get("problem_type")
            same = name == target.name and (config.problem_type or wanted) == wanted
            return Learnt(name, target.kind if same else None, labels)
    return Learnt("", None, [])


def kept_labels(settings: TransferSettings, learnt: Learnt, target: Task) -> list[str] | None:
    """The rows of the source's head by the target's names; None where a new head is asked for, or no name is common.

    Raises ConfigError for names that neither side knows, and where a head cannot be kept.
    """
    if not learnt.task and settings.label_map:
        what = "the source has no head of a task, so it has no labels to map"
        raise ConfigError(what, where="transfer.label_map", fix="leave transfer.label_map out")
    if settings.head == "new" or settings.layers != "all" or (not learnt.task and settings.head == "auto"):
        return None
    if (learnt.task, learnt.kind) != (target.name, target.kind):
        what = f"the source's head ({learnt.task or 'none'}) is not of the target's kind ({target.name}, {target.kind})"
        raise ConfigError(what, where="transfer.head", fix="transfer.head=new carries the encoder alone")
    mapping = settings.label_map
    _refuse_unknown(mapping, learnt, target)
    renamed = [_renamed(label, mapping, learnt.kind) for label in learnt.labels]
    if twice := next((label for label in renamed if renamed.count(label) > 1), None):
        what = f"two labels of the source would both be `{twice}`"
        raise ConfigError(what, where="transfer.label_map", fix="map one of them")
    common = set(renamed) & set(target.labels) - {"O"}
    if not common and settings.head == "keep":
        what = f"source and target have no label in common; the source's: {_few(learnt.labels)}"
        raise ConfigError(what, where="transfer.head", fix=f"map some by transfer.label_map to: {_few(target.labels)}")
    return renamed if common else None


def _renamed(label: str, mapping: Mapping[str, str], kind: Kind | None) -> str:
    """The target's name for a label; of entities the type is mapped, the prefix stays."""
    prefix = label[:2] if kind == "entities" and label != "O" else ""
    name = label.removeprefix(prefix)
    return prefix + mapping.get(name, name)


def _refuse_unknown(mapping: Mapping[str, str], learnt: Learnt, target: Task) -> None:
    """Raises ConfigError for names in `label_map` that source or target do not have."""
    sides = (("source", list(mapping), learnt.labels), ("target", list(mapping.values()), target.labels))
    for side, names, labels in sides:
        known = sorted({label[2:] for label in labels if label != "O"}) if learnt.kind == "entities" else list(labels)
        for name in names:
            if name not in known:
                fix = suggestion(name, known)
                raise ConfigError(f"the {side} has no label `{name}`", where="transfer.label_map", fix=fix)


def _few(labels: Sequence[str]) -> str:
    return ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")


def _refuse_deep(settings: TransferSettings, model: Any) -> None:
    """Raises ConfigError where more layers are to carry over, or to be frozen, than the encoder has."""
    held = getattr(model, "num_hidden_layers", None)
    for key, what in (("layers", "carry over"), ("freeze", "be frozen")):
        asked = getattr(settings, key)
        if isinstance(asked, int) and held is not None and asked > held:
            raise ConfigError(f"{asked} layers cannot {what}: the encoder has {held}", where=f"transfer.{key}")


def _refuse_large(settings: TransferSettings, prepared: Prepared) -> None:
    rows = len(prepared.splits.train)
    if large := [size for size in settings.sizes if size != "all" and size >= rows]:
        what = f"the learning curve asks for {large[0]:,} training rows, and there are {rows:,}"
        raise ConfigError(what, where="transfer.sizes", fix="keep sizes below; `all` is measured in any case")
