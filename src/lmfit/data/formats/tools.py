"""Rows as annotation tools export them -> plain rows: a text with `entities`, or with a `label`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lmfit.data.example import Origin
from lmfit.data.formats.base import Kind
from lmfit.data.notices import Notices
from lmfit.errors import DataError

Record = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What is wanted of a row. control: which of several questions to the annotator holds the label (Label Studio)."""

    kind: Kind
    labelled: bool
    control: str = ""


Convert = Callable[[Record, Asked, Origin, Notices], Record | None]
"""A plain row, or None for one that is left out (which is counted). Raises DataError for what is no export."""

_LABEL_STUDIO_META = frozenset({"annotator", "annotation_id", "lead_time"})
_LABEL_STUDIO_ANSWERS = ("annotations", "completions", "predictions")
_PRODIGY_ANSWERS = frozenset({"accept", "reject", "ignore"})


def tool_of(record: Mapping[str, Any]) -> str | None:
    """The format whose exports have rows like this one, where plain reading would go wrong."""
    if is_task(record) or len(_LABEL_STUDIO_META & record.keys()) > 1:
        return "label-studio"
    if isinstance(record.get("answer"), str) and record["answer"] in _PRODIGY_ANSWERS and "text" in record:
        return "prodigy"
    return None


def plain(record: Record, asked: Asked, origin: Origin, notices: Notices) -> Record | None:
    """A row of no tool, or of doccano: as it is, but for relations, which nothing here learns from."""
    if record.get("relations"):
        notices.count("rows whose relations are passed over", origin)
    return record


def prodigy(record: Record, asked: Asked, origin: Origin, notices: Notices) -> Record | None:
    """A row of Prodigy; only accepted answers are used. Its tokens are not: words are made as in prediction."""
    answer = record.get("answer", "accept")
    if asked.labelled and answer != "accept":
        notices.count(f"rows whose answer is `{answer}`, left out", origin)
        return None
    kept = {name: value for name, value in record.items() if name not in ("tokens", "spans", "accept", "options")}
    if asked.kind == "words":
        return kept | {"entities": record.get("spans") or []}
    if "accept" in record:
        kept["label"] = record["accept"]
    return kept


def label_studio(record: Record, asked: Asked, origin: Origin, notices: Notices) -> Record | None:
    """A task of Label Studio (JSON), or a row of JSON-MIN. Skipped and unanswered tasks are left out."""
    try:
        return (_task if is_task(record) else _minimal)(record, asked, origin, notices)
    except (AttributeError, KeyError, TypeError) as error:
        fix = "export the project as JSON or JSON-MIN, or correct data.format"
        raise DataError("not laid out as an export of Label Studio", where=str(origin), fix=fix) from error


def controls_of(records: Iterable[Record]) -> list[str]:
    """The questions to the annotator that have choices for answers: names of Label Studio's controls."""
    found: dict[str, None] = {}
    for record in records:
        for annotation in _dicts(_annotations(record)) if is_task(record) else ():
            results = _dicts(annotation.get("result"))
            found |= {str(result.get("from_name")): None for result in results if result.get("type") == "choices"}
        found |= {name: None for name, value in record.items() if isinstance(value, dict) and "choices" in value}
    return list(found)


def _dicts(value: object) -> list[Record]:
    """The objects in a list; what is laid out otherwise is told when its row is read."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def is_task(record: Mapping[str, Any]) -> bool:
    """Whether a row is a task of Label Studio's JSON, not a row of its JSON-MIN."""
    return isinstance(record.get("data"), dict) and any(key in record for key in _LABEL_STUDIO_ANSWERS)


def _annotations(task: Mapping[str, Any]) -> list[Any]:
    """Also of version 0, which called them completions."""
    return task.get("annotations", task.get("completions")) or []


def _task(task: Record, asked: Asked, origin: Origin, notices: Notices) -> Record | None:
    row: Record = {"id": str(task.get("id", origin.line)), **task["data"]}
    valid = [made for made in _annotations(task) if not (made.get("was_cancelled") or made.get("skipped"))]
    if not valid:
        notices.count("tasks without an annotation, or skipped by the annotator, left out", origin)
        return None if asked.labelled else row
    if len(valid) > 1:
        notices.count("tasks with several annotations: the ground truth is read, else the first one", origin)
    chosen = next((made for made in valid if made.get("ground_truth")), valid[0])
    entities: list[Record] = []
    choices: list[str] = []
    for result in chosen["result"]:
        if asked.kind == "words" and result["type"] == "labels":
            entities += _spans([result["value"]])
        elif asked.kind == "text" and result["type"] == "choices":
            choices += _listed(result["value"]["choices"]) if result["from_name"] == asked.control else []
        else:
            notices.count(f"results of type `{result['type']}`, which this task does not learn from", origin)
    if asked.kind == "words":
        return row | {"entities": entities}
    return _chosen(row, choices, asked, origin, notices)


def _minimal(row: Record, asked: Asked, origin: Origin, notices: Notices) -> Record | None:
    if asked.kind == "words":
        marked = {name: value for name, value in row.items() if _are_marked(value)}
        kept = {name: value for name, value in row.items() if name not in marked}
        return kept | {"entities": [span for value in marked.values() for span in _spans(value)]}
    if not asked.control:
        return row
    answer = row.get(asked.control)
    choices = _listed(answer["choices"]) if isinstance(answer, dict) else answer
    return _chosen(row, choices, asked, origin, notices)


def _are_marked(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and "labels" in item for item in value)


def _spans(values: Iterable[Record]) -> list[Record]:
    """Entities of values; one that has several labels gives as many."""
    return [
        {"start": value["start"], "end": value["end"], "label": label, "text": value.get("text")}
        for value in values
        for label in _listed(value["labels"])
    ]


def _listed(value: object) -> list[Any]:
    """A list as it is. Raises TypeError for other values: the letters of a text are no labels."""
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _chosen(row: Record, choices: Any, asked: Asked, origin: Origin, notices: Notices) -> Record | None:
    if not choices and asked.labelled:
        notices.count(f"tasks without a choice in `{asked.control}`, left out", origin)
        return None
    return row | {asked.control: choices} if choices else row


TOOLS: Mapping[str, Convert] = {"label-studio": label_studio, "prodigy": prodigy, "doccano": plain}
"""Format -> what turns its rows into plain ones."""
