"""Which known name a mistyped one was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to `name`, or None. Case, `-` and `_` do not count."""
    names = {_bare(candidate): candidate for candidate in known}
    near = get_close_matches(_bare(name), names, n=1, cutoff=0.7)
    return names[near[0]] if near else None


def _bare(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    items = list(words)
    return f" {last} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
