"""The configs that come with lmfit, to start from: the repository's configs/, or what the wheel has of them."""

import itertools
from pathlib import Path
from typing import cast

from lmfit.config.names import closest
from lmfit.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (_PACKAGE / "starters", _PACKAGE.parents[1] / "configs")
"""In an installed wheel; in a source checkout."""


def starters() -> dict[str, Path]:
    """The file of every starter by its name."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def starter_text(name: str) -> str:
    """The starter with every other key as a comment, each with its sentence; its parents' keys are in it.

    Raises ConfigError for an unknown name.
    """
    from lmfit.config.document import commented_yaml
    from lmfit.config.layers import read_layers
    from lmfit.config.nodes import Mistake, plain

    known = starters()
    if name not in known:
        near = closest(name, known)
        fix = f"did you mean `{near}`?" if near else f"known: {', '.join(known)}"
        raise ConfigError(f"there is no starter `{name}`", fix=fix)
    text = known[name].read_text(encoding="utf-8")
    opening = "".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
    mistakes: list[Mistake] = []
    given = plain(read_layers(known[name], mistakes))
    return f"{opening}\n{commented_yaml(cast(dict[str, object], given))}"


def abouts() -> dict[str, str]:
    """What every starter is for: the comment in the first line of its file."""
    return {name: file.read_text(encoding="utf-8").partition("\n")[0].strip("# ") for name, file in starters().items()}
