"""Predictions as annotation tools import them, for people to correct."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from xml.sax.saxutils import quoteattr

from lmfit.data.example import Example
from lmfit.errors import InputError
from lmfit.stages.writers import MakeRow

_CONTROL, _OBJECT = "label", "text"
"""Names of the two parts of a labelling interface in Label Studio's templates."""
_SHOWN = 30


@dataclass(frozen=True)
class Layout:
    """How a tool imports predictions.

    form: the file's format. rows: what is written of a prediction, by the name of the run that made it.
    setup: what the tool must be told first, by kind of prediction and labels.
    """

    form: str
    rows: Callable[[str], MakeRow]
    setup: Callable[[str, Sequence[str]], str]


def label_studio_task(version: str, example: Example, prediction: Any) -> dict[str, Any]:
    """A task with one prediction: regions, choices or a number. Offsets count characters, as Label Studio's do."""
    row = prediction.row()
    results = [_region(number, entity) for number, entity in enumerate(row.get("entities", []), start=1)]
    if "entities" not in row:
        results = [_answer(row["label"])]
    scores = [entity["score"] for entity in row.get("entities", [])]
    score = row.get("score", min(scores, default=None))
    told = {"model_version": version, "result": results} | ({} if score is None else {"score": score})
    pair = {} if example.text_pair is None else {"text_pair": example.text_pair}
    data = {**example.columns, **_identity(example), _OBJECT: example.text, **pair}
    return {"data": data, "predictions": [told]}


def _identity(example: Example) -> dict[str, str]:
    return {"id": example.id} if example.id else {}


def _region(number: int, entity: Mapping[str, Any]) -> dict[str, Any]:
    value = {"start": entity["start"], "end": entity["end"], "text": entity["text"], "labels": [entity["label"]]}
    return _result(f"r{number}", "labels", value) | {"score": entity["score"]}


def _answer(label: Any) -> dict[str, Any]:
    if isinstance(label, float):
        return _result("r1", "number", {"number": label})
    return _result("r1", "choices", {"choices": label if isinstance(label, list) else [label]})


def _result(name: str, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "from_name": _CONTROL, "to_name": _OBJECT, "type": kind, "value": value}


def label_studio_interface(kind: str, labels: Sequence[str]) -> str:
    """A sentence with the labelling interface that the predictions fit."""
    names = sorted({label[2:] for label in labels if label != "O"}) if kind == "entities" else labels
    tag, inner, more = {
        "single_label": ("Choices", "Choice", ' choice="single"'),
        "multi_label": ("Choices", "Choice", ' choice="multiple"'),
        "regression": ("Number", "", ""),
    }.get(kind, ("Labels", "Label", ""))
    parts = "".join(f"<{inner} value={quoteattr(name)}/>" for name in names[:_SHOWN]) if inner else ""
    parts += f"<!-- and {len(names) - _SHOWN} more -->" if len(names) > _SHOWN and inner else ""
    control = f'<{tag} name="{_CONTROL}" toName="{_OBJECT}"{more}>{parts}</{tag}>'
    return f'labelling interface for Label Studio: <View>{control}<Text name="{_OBJECT}" value="${_OBJECT}"/></View>'


def doccano_row(example: Example, prediction: Any) -> dict[str, Any]:
    """A row with `label`: [start, end, label] of each entity, or the names of labels."""
    row = prediction.row()
    if "entities" in row:
        label: list[Any] = [[entity["start"], entity["end"], entity["label"]] for entity in row["entities"]]
    else:
        label = row["label"] if isinstance(row["label"], list) else [row["label"]]
    kept = {name: value for name, value in example.columns.items() if name not in row}
    pair = {} if example.text_pair is None else {"text_pair": example.text_pair}
    return {**kept, **_identity(example), "text": example.text, **pair, "label": label}


def _doccano_setup(kind: str, labels: Sequence[str]) -> str:
    if kind == "regression":
        raise InputError("doccano has no place for numbers", where="--as", fix="take --as label-studio")
    project = "Sequence Labeling" if kind in ("entities", "tags") else "Text Classification"
    return f"import in doccano: project {project}, file format JSONL, column data `text`, column label `label`"


LAYOUTS: Mapping[str, Layout] = {
    "label-studio": Layout("json", lambda version: partial(label_studio_task, version), label_studio_interface),
    "doccano": Layout("jsonl", lambda _: doccano_row, _doccano_setup),
}
"""Tool -> how it imports predictions."""
