"""Named data sets: `data: sample-ner` stands for the data section kept under that name."""

import os
from pathlib import Path
from typing import Any

from lmfit.catalog import DATASETS
from lmfit.config.layers import long_form, read_layers
from lmfit.config.names import closest
from lmfit.config.nodes import Mistake, Node, Place, find, from_plain, merge, put
from lmfit.config.variables import expand

FOLDER = Path("datasets")
"""Below the working folder: the user's own named data sets."""


def lay_on_data_set(tree: Node, mistakes: list[Mistake]) -> Node:
    """The config with its data section laid on the named data set, which may also say the task.

    A name with `format: hub` is a Hub id and is left alone.
    """
    data = tree.keys.get("data")
    name = data and data.keys.get("name")
    if data is None or name is None or not isinstance(name.value, str) or _is_hub(data):
        return tree
    base = _data_set(name, (), mistakes)
    task = base.keys.get("task")
    if task is not None and find(tree, ("task", "name")) is None:
        tree = merge(long_form(put(Node({}, task.start, task.key), ("task",), task)), tree)
    section = put(put(base, ("task",), None), ("about",), None)
    full = merge(section, data)
    return put(tree, ("data",), put(full, ("name",), base.keys["name"]) if _is_hub(base) else full)


def _data_set(name: Node, seen: tuple[str, ...], mistakes: list[Mistake]) -> Node:
    """The data section that `name` stands for, with `task` and `about` where it has them; {} for an unknown name."""
    text = str(name.value)
    base = None if text in seen else _stored(text, mistakes)
    if base is None:
        mistakes.append(_unknown(name))
        return Node({}, name.start, name.key)
    inner = base.keys.get("name")
    if inner is None or not isinstance(inner.value, str) or _is_hub(base):
        return base
    return merge(_data_set(inner, (*seen, text), mistakes), base)


def without_data_set(data: dict[str, Any]) -> dict[str, Any]:
    """The values of a data section that its packaged data set does not have: their paths differ by machine."""
    name = data["name"]
    packaged = DATASETS.load(name) if name in DATASETS and data["format"] != "hub" else {}
    return {key: value for key, value in data.items() if key not in packaged or value != packaged[key]}


def _is_hub(section: Node) -> bool:
    kind = section.keys.get("format")
    return kind is not None and kind.value == "hub"


def _stored(name: str, mistakes: list[Mistake]) -> Node | None:
    """The data section kept under `name`: in the catalogue, or in datasets/NAME.yaml below the working folder."""
    if name in DATASETS:
        stored = {key: value for key, value in DATASETS.load(name).items() if key != "about"}
        return from_plain(stored, Place(f"data set {name}"))
    file = FOLDER / f"{name}.yaml"
    if not file.is_file():
        return None
    return expand(read_layers(file, mistakes), os.environ, mistakes, ("data",))


def _unknown(name: Node) -> Mistake:
    text = name.safe or str(name.value)
    known = [*DATASETS, *(file.stem for file in sorted(FOLDER.glob("*.yaml")))]
    near = closest(text, known)
    fix = f"did you mean `{near}`?" if near else f"known: {', '.join(known)}"
    if "/" in text and not near:
        fix = f"for a data set of the Hub write `data: {{format: hub, name: {text}}}`"
    if Path(text).exists():
        fix = f"for a file write `data: {{train: {text}}}`"
    return Mistake(name.place, f"data.name: there is no data set `{text}`", fix, ("data", "name"))
