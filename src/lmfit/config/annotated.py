"""A config as YAML with a comment beside each key: what `lmfit init FILE` writes."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lmfit.config.nodes import Path
from lmfit.config.yaml import inline

_WIDTH = 118

Notes = Mapping[Path, Sequence[str]]
"""Comments by the path of the key that they are about."""


def annotated_yaml(config: Mapping[str, Any], opening: Sequence[str], notes: Notes) -> str:
    """YAML text that reads back as `config`: `opening` as its first comment, each note beside or above its key."""
    return "\n".join([*(line for text in opening for line in _comment(text, "")), "", *_block(config, (), notes), ""])


def _block(config: Mapping[str, Any], path: Path, notes: Notes) -> Iterator[str]:
    indent = "  " * len(path)
    for key, value in config.items():
        here = (*path, key)
        said = notes.get(here, ())
        if (
            isinstance(value, dict)
            and value
            and (not path or any(len(p) > len(here) and p[: len(here)] == here for p in notes))
        ):
            for text in said:
                yield from _comment(text, indent)
            yield f"{indent}{inline(key)}:"
            yield from _block(value, here, notes)
            continue
        line = f"{indent}{inline(key)}: {inline(value)}"
        beside = f"{line:<36}  # {_plain(said[0])}" if len(said) == 1 else ""
        if beside and len(beside) <= _WIDTH:
            yield beside
            continue
        for text in said:
            yield from _comment(text, indent)
        yield line


def _comment(text: str, indent: str) -> Iterator[str]:
    lines = textwrap.wrap(_plain(text), _WIDTH - len(indent) - 2, break_on_hyphens=False) or [""]
    yield from (f"{indent}# {line}" for line in lines)


def _plain(text: str) -> str:
    """The text on one line, without characters that YAML does not allow."""
    leading = " " * (len(text) - len(text.lstrip(" ")))
    return leading + "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
