"""Named data sets: `data: sample-ner` stands for the data section kept under that name."""

import os
from dataclasses import replace
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
    """The config with the keys of its named data set that it does not give itself; the set may also say the task.

    A name with `format: hub` is a Hub id and is left alone.
    """
    data, name = tree.keys.get("data"), find(tree, ("data", "name"))
    if data is None or name is None or _is_hub(data):
        return tree
    unset: list[Mistake] = []
    name = expand(name, os.environ, unset)
    if unset or not isinstance(name.value, str):
        return tree
    base = _data_set(name, (), mistakes)
    task = base.keys.get("task")
    if task is not None and find(tree, ("task", "name")) is None:
        tree = merge(long_form(put(Node({}, task.start, task.key), ("task",), task)), tree)
    section = replace(base, value={key: node for key, node in base.keys.items() if key not in ("task", "about")})
    return put(tree, ("data",), _laid(data, section))


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
    return _laid(base, _data_set(inner, (*seen, text), mistakes))


def _laid(data: Node, base: Node) -> Node:
    """`data` with the keys of `base` that it does not have; the name stays, unless it stands for a Hub id."""
    keys = base.keys | data.keys
    if _is_hub(base):
        keys["name"] = base.keys["name"]
    return replace(data, value=keys)


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
        return from_plain(DATASETS.load(name), Place(f"data set {name}"))
    file = FOLDER / f"{name}.yaml"
    if not os.path.isfile(file):
        return None
    return read_layers(file, mistakes)


def _unknown(name: Node) -> Mistake:
    text = name.safe or str(name.value)
    known = [*DATASETS, *(file.stem for file in sorted(FOLDER.glob("*.yaml")))]
    near = closest(text, known)
    fix = f"did you mean `{near}`?" if near else f"known: {', '.join(known)}"
    if "/" in text and not near:
        fix = f"for a data set of the Hub write `data: {{format: hub, name: {text}}}`"
    if os.path.exists(text):
        fix = f"for a file write `data: {{train: {text}}}`"
    return Mistake(name.place, f"data.name: there is no data set `{text}`", fix, ("data", "name"))
