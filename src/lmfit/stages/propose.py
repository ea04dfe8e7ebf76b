"""lmfit init FILE: a data file -> a config that trains on it, with the evidence beside each guess."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from lmfit.config.annotated import annotated_yaml
from lmfit.config.layers import apply, long_form, read_overrides
from lmfit.config.load import load_config
from lmfit.config.nodes import Mistake, Place, from_plain, plain, refuse
from lmfit.config.yaml import parse
from lmfit.data.propose.look import READING, Look, look_at, parts_of
from lmfit.data.propose.roles import Roles, guess_roles
from lmfit.data.propose.splits import files_of_folder, parts_by_split, siblings, split_of
from lmfit.errors import ConfigError, DataError
from lmfit.stages.proposal import Page

STAGE = "finetune"
_ROWS_OF_OTHERS = 20_000
_TAGGING = "token-classification"


@dataclass(frozen=True)
class Asked:
    """What the user said: task, columns by role, keys of how files are read, files of other splits, overrides."""

    task: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Proposal:
    """The text of a config, the file name that suits it, what was guessed in a few lines, and what is in doubt."""

    name: str
    text: str
    lines: list[str]
    doubts: list[str]


def propose(source: str, asked: Asked, output: Path | None = None) -> Proposal:
    """Look at a file or a folder and propose a config for it. Nothing is written.

    Raises InputError where it cannot be read, or where text or label are not found.
    """
    asked = replace(asked, reading={**_reading(asked.overrides), **asked.reading})
    files, doubts = _files(source, asked.splits)
    look = look_at(files["train"], asked.reading, asked.columns)
    roles = _roles(look, asked)
    files, looks = _labelled(files, look, roles, asked, doubts)
    doubts += roles.doubts
    page = Page(look, roles, files, _agreed(looks))
    name = f"{_name(source)}.yaml" if output in (None, Path("-")) else str(output)
    opening = [
        f"Proposed by `lmfit init {source}`: {page.extent}.",
        f"    lmfit check {name}",
        f"    lmfit finetune {name}",
        *(f"In doubt: {doubt}" for doubt in doubts),
    ]
    config = _with_overrides(page.config, asked.overrides)
    text = annotated_yaml(config, opening, page.notes)
    mistakes: list[Mistake] = []
    tree = parse(text, name, mistakes)
    refuse(mistakes)
    load_config(STAGE, cast(Mapping[str, object], plain(tree)))
    return Proposal(name, text, page.lines, doubts)


def _reading(words: Sequence[str]) -> dict[str, Any]:
    """What the overrides say of how files are read, e.g. data.unfit_spans=drop; other mistakes are met later."""
    given = [override for override in read_overrides(words, []) if override.path[0] == "data"]
    keys = {*READING, "encoding"}
    return {o.path[1]: plain(o.node) for o in given if len(o.path) == 2 and o.path[1] in keys}


def _files(source: str, given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The file of each split, relative to the working folder where it lies below it; and what is in doubt."""
    path, doubts = Path(source), []
    if path.is_dir():
        found = files_of_folder(path)
    else:
        parts = parts_of(source)
        found = parts_by_split(source, parts) if len(parts) > 1 else {"train": source}
        unused = [part for part in parts[1:] and parts if split_of(part) is None]
        if unused:
            doubts.append(f"lists whose names tell no split are not read: {', '.join(unused)}")
        beside = siblings(path) if not given and path.is_file() else {}
        if beside:
            options = " ".join(f"--{split} {other}" for split, other in beside.items())
            doubts.append(f"other splits lie beside it and are not used; to use them: lmfit init {source} {options}")
    return {split: _relative(file) for split, file in (found | dict(given)).items()}, doubts


def _relative(file: str) -> str:
    path = Path(file)
    return os.path.relpath(path) if path.is_absolute() and path.is_relative_to(Path.cwd()) else file


def _name(source: str) -> str:
    """The file's name; the folder's for a folder, and for a file that is called train."""
    path = Path(source.partition("#")[0] if not Path(source).exists() else source).absolute()
    stem = path.name if path.is_dir() else path.name.partition(".")[0]
    named_by_split = not path.is_dir() and split_of(stem) is not None and len(stem) <= len("training")
    return (path.parent.name if named_by_split else stem) or "proposed"


def _roles(look: Look, asked: Asked) -> Roles:
    """The role of each column; a format that has roles of its own says them itself."""
    if look.kind != "record":
        roles = Roles({column.name: column for column in look.columns})
        label = roles.chosen.get("label")
        if label is not None and label.distinct < 2:
            fix = "a classifier needs at least two; see --format"
            raise DataError(f"all rows of `{look.path}` have the same label: {label.seen}", where=look.path, fix=fix)
    else:
        tagged = None if asked.task is None else asked.task == _TAGGING
        roles = guess_roles(look.columns, asked.columns, look.path, named=look.named, tagged=tagged)
    task = _TAGGING if "labels" in roles.chosen else "text-classification"
    if asked.task not in (None, task):
        what = f"`{look.path}` holds data for {task}, as far as can be seen, not for {asked.task}"
        raise ConfigError(what, where="--task", fix="see the formats of `lmfit list formats`; or leave out --task")
    return roles


def _labelled(
    files: dict[str, str], look: Look, roles: Roles, asked: Asked, doubts: list[str]
) -> tuple[dict[str, str], list[Look]]:
    """The splits whose files hold labels, and the look at each; the others are left out, and it is said."""
    target = roles.chosen.get("label") or roles.chosen["labels"]
    kept, looks = {"train": files["train"]}, [look]
    for split, file in files.items():
        if split == "train":
            continue
        other = look_at(file, asked.reading, asked.columns, most=_ROWS_OF_OTHERS)
        column = next((column for column in other.columns if column.name == target.name), None)
        counts = None if column is None else column.tally.counts
        if column is None or not column.filled:
            doubts.append(f"{split}: {file} has no labels ({target.name}); left out")
        elif target.tally.whole and counts and not target.tally.counts.keys() & counts.keys():
            doubts.append(f"{split}: no label of {file} is one of the training data ({column.seen}); left out")
        else:
            kept[split] = file
            looks.append(other)
    return kept, looks


def _agreed(looks: Sequence[Look]) -> dict[str, Any]:
    """How the files are read, as far as it is the same for all of them."""
    first, *others = (look.keys for look in looks)
    return {key: value for key, value in first.items() if all(keys.get(key) == value for keys in others)}


def _with_overrides(config: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The config with the overrides in place. Raises ConfigError for one that is wrong."""
    load_config(STAGE, config, words)
    mistakes: list[Mistake] = []
    given = read_overrides(words, mistakes)
    tree = apply(long_form(from_plain(config, Place("the proposed config"))), given, mistakes)
    refuse(mistakes)
    merged = cast(dict[str, Any], plain(tree))
    return {key: _short(value) for key, value in merged.items()}


def _short(section: Any) -> Any:
    """A section that holds nothing but its name, as that name."""
    return section["name"] if isinstance(section, dict) and section.keys() == {"name"} else section
