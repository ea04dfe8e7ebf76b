"""Write the card into model/README.md, but never over one that somebody has edited."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from lmfit.durable import write_text
from lmfit.evaluation.report.files import read_run

CARD = "README.md"
HERE = "path/to/this/folder"
_MARK = re.compile(r"\n<!-- lmfit ([0-9a-f]{16}): while this line fits, lmfit writes the card anew -->\n\Z")
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def write_card(run_folder: Path) -> bool:
    """Write `model/README.md` of a finished run; false where it was edited by hand, and then is left alone."""
    from lmfit.evaluation.card.page import render

    path = run_folder / "model" / CARD
    if path.is_file() and not _is_own(path.read_text(encoding="utf-8", errors="replace")):
        return False
    text = render(read_run(run_folder), HERE)
    write_text(path, text + _mark(text))
    return True


def has_card(model: Path) -> bool:
    """Whether a model folder has a README.md that begins with metadata."""
    path = model / CARD
    return path.is_file() and _FRONT.match(path.read_text(encoding="utf-8", errors="replace")) is not None


def published(text: str, repository: str) -> str:
    """A card as it stands in a repository of the Hub: its snippets name the repository, and nothing writes it anew."""
    text = _MARK.sub("", text).replace(f'lmfit.load("{HERE}")', f'lmfit.load("hub:{repository}")')
    return text.replace(f"--run {HERE}", f"--run hub:{repository}").replace(HERE, repository)


def _is_own(text: str) -> bool:
    """Whether the text is as lmfit wrote it."""
    found: Any = _MARK.search(text)
    return found is not None and found[1] == _digest(text[: found.start()])


def _mark(text: str) -> str:
    return f"\n<!-- lmfit {_digest(text)}: while this line fits, lmfit writes the card anew -->\n"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
