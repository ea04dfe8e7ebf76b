"""Markdown that holds whatever labels and file names hold: escaped text, code spans, tables."""

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$])")
_BREAKS = re.compile(r"\s+")


def plain(text: object) -> str:
    """`text` as one line in which no character means anything to Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", _line(text))


def code(text: object) -> str:
    """`text` as a code span, also inside a table."""
    line = _line(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    ticks, blank = "`" * (longest + 1), " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{blank}{line}{blank}{ticks}".replace("|", "\\|") if line else "(empty)"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> str:
    """A table of cells that are Markdown already; all columns but the first `names` are aligned to the right."""
    rule = ["---"] * names + ["---:"] * (len(heads) - names)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def _line(text: object) -> str:
    return _BREAKS.sub(" ", str(text)).strip()
