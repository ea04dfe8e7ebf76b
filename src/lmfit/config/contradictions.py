"""Keys that contradict each other, also where pydantic stops at another mistake, and keys without effect."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lmfit.catalog import FORMATS, TASK_SETTINGS
from lmfit.config.expect import likeliest
from lmfit.config.keys import Schemas, fields_of, type_at
from lmfit.config.names import closest, listed
from lmfit.config.nodes import Mistake, Node, Path, dotted, find, plain
from lmfit.config.section import Section

_HUB = ("data.format", {"hub"})
_TABLE = ("data.format", {"auto", "csv", "tsv"})
_SHEETS = ("data.format", {"auto", "xlsx"})
_TEXTS = ("task.name", {"text-classification"})
_WORDS = ("task.name", {"token-classification"})
_UNITS = ("compression.prune.pattern", {"structured"})
_ACTS_WITH: Mapping[str, tuple[str, set[str]]] = {
    "data.subset": _HUB,
    "data.revision": _HUB,
    "data.scheme": _WORDS,
    "data.words": _WORDS,
    "data.label_separator": _TEXTS,
    "data.limit_per_class": _TEXTS,
    "data.unfit_spans": _WORDS,
    "data.sheet": _SHEETS,
    "data.header": ("data.format", {"auto", "csv", "tsv", "xlsx"}),
    "data.quoting": _TABLE,
    "data.delimiter": ("data.format", {"auto", "csv", "tsv", "text"}),
    "data.validation.key": ("data.validation.by", {"group", "date", "stratified"}),
    "data.validation.date_format": ("data.validation.by", {"date"}),
    "data.test.key": ("data.test.by", {"group", "date", "stratified"}),
    "data.test.date_format": ("data.test.by", {"date"}),
    "evaluation.operating_points": _TEXTS,
    "evaluation.costs": _TEXTS,
    "task.focal_gamma": ("task.loss", {"focal"}),
    "training.adversarial_epsilon": ("training.adversarial", {"fgm"}),
    "training.muon_learning_rate": ("training.optimizer", {"muon"}),
    "model.embedding_width": ("model.architecture", {"electra"}),
    "pretraining.masking.mean_span": ("pretraining.masking.unit", {"span"}),
    "data.near": ("data.duplicates", {"near"}),
    "compression.joint.quantize": ("compression.quantize", {"int8", "int8-static"}),
    **{f"compression.prune.{key}": _UNITS for key in ("layers", "scores", "refit", "rows", "length")},
}
"""Key -> the key that decides whether it has an effect, and the values of that key with which it has one."""

_SHIPPED = {"data.format": FORMATS.shipped | {"auto"}, "task.name": TASK_SETTINGS.shipped}
"""What a plug-in's format or task takes is its own affair."""


def contradictions(tree: Node, schemas: Schemas, mistakes: Sequence[Mistake]) -> Iterator[Mistake]:
    """Keys without effect; and what the validators say of sections that hold a mistake, as far as they can judge."""
    told = {mistake.path for mistake in mistakes if mistake.path}
    yield from _without_effect(tree, schemas, told)
    holders = {path[:end]: None for path in sorted(told, key=str) for end in range(len(path))}
    for path in holders:
        node = find(tree, path)
        if path in told or node is None or not isinstance(node.value, dict):
            continue
        schema = likeliest(type_at(path, schemas)[0], node.keys)
        for said in _said(schema, node) if schema else ():
            yield Mistake(node.place, f"{dotted(path)}: {said}".removeprefix(": "), "", path)


def _without_effect(tree: Node, schemas: Schemas, told: set[Path]) -> Iterator[Mistake]:
    """Keys of _ACTS_WITH that change nothing; their defaults, which every resolved config holds, are let pass."""
    for key, (other, values) in _ACTS_WITH.items():
        path, deciding = tuple(key.split(".")), tuple(other.split("."))
        node, decider = find(tree, path), find(tree, deciding)
        wrong = any(p[:end] in told for p in (path, deciding) for end in range(1, len(p) + 1))
        if node is None or wrong or plain(node) == _default(path, schemas):
            continue
        value = _default(deciding, schemas) if decider is None else plain(decider)
        if value not in values and value in _SHIPPED.get(other, {value}):
            fix = f"it acts with {other}: {listed(sorted(values))}; else take it out (as an override: {key}=null)"
            yield Mistake(node.place, f"{key}: has no effect with {other}: {value}", fix, path)


def _default(path: Path, schemas: Schemas) -> Any:
    return fields_of(type_at(path[:-1], schemas)[0])[str(path[-1])].get_default(call_default_factory=True)


def _said(schema: type[Section], node: Node) -> Iterator[str]:
    """The messages of the validators that refuse the section; a misspelt key counts as the key it is nearest to."""
    fields = schema.model_fields
    values: dict[str, Any] = {
        name if name in fields else closest(name, fields) or name: plain(child) for name, child in node.keys.items()
    }
    values = {name: value for name, value in values.items() if name in fields}
    section = schema.model_construct(None, **values)
    for validator in schema.__pydantic_decorators__.model_validators.values():
        try:
            validator.func(section)
        except ValueError as error:
            yield str(error)
        except (TypeError, AttributeError):
            continue  # the wrong key itself is in the way, and is reported already
