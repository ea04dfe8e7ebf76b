"""The configs that come with lmfit, to start from: the repository's configs/, or what the wheel has of them."""

import itertools
import os
from pathlib import Path

from lmfit import console
from lmfit.config.names import closest
from lmfit.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (_PACKAGE / "starters", _PACKAGE.parents[1] / "configs")
"""In an installed wheel; in a source checkout."""


def starters() -> dict[str, Path]:
    """The file of every starter by its name; what is laid on the config of a run is none (compress_...)."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
    return {file.stem: file for file in sorted(folder.glob("*.yaml")) if not file.stem.startswith("compress_")}


def starter_text(name: str) -> str:
    """The starter with every other key as a comment, each with its sentence; its parents' keys are in it.

    Raises ConfigError for an unknown name.
    """
    from lmfit.config.document import commented_yaml
    from lmfit.config.stage import keys_of

    known = starters()
    if name not in known:
        near = closest(name, known)
        fix = f"did you mean `{near}`?" if near else f"known: {', '.join(known)}"
        raise ConfigError(f"there is no starter `{name}`", fix=fix)
    text = known[name].read_text(encoding="utf-8")
    opening = "".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
    return f"{opening}\n{commented_yaml(keys_of(known[name]))}"


def starter_stage(name: str) -> str:
    """The stage that a starter is for."""
    from lmfit.config.stage import keys_of, stage_of

    return stage_of(keys_of(starters()[name]))


def stage_checked(file: Path) -> str:
    """The stage that `lmfit check` takes a file for: that of its sections, finetune where none is another's."""
    from lmfit.config.schema import SEARCH
    from lmfit.config.search import searched_stage
    from lmfit.config.stage import keys_of, stage_of

    keys = keys_of(file)
    return stage_of(keys) if SEARCH in keys or stage_of(keys) == "pretrain" else searched_stage(keys)


def means_file(name: str) -> bool:
    """Whether `lmfit init NAME` is about a data file: it looks like a path, or is there and no starter's name."""
    path = Path(name.partition("#")[0])
    if {os.sep, "."} & set(name):
        return True
    there = path.exists()
    if there and name in starters():
        console.say(f"`{name}` is taken as the starter; for the {'folder' if path.is_dir() else 'file'} write ./{name}")
    return there and name not in starters()


def abouts() -> dict[str, str]:
    """What every starter is for: the comment in the first line of its file."""
    return {name: file.read_text(encoding="utf-8").partition("\n")[0].strip("# ") for name, file in starters().items()}
