"""Results, on stdout or in a file."""

from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.errors import InputError


def listed(title: str, entries: dict[str, str]) -> list[str]:
    """A titled list of names."""
    width = max(map(len, entries), default=0)
    return [f"{title}:", *(f"  {name:<{width}}  {about}".rstrip() for name, about in entries.items()), ""]


def show(result: Any) -> None:
    """Results to stdout: lines, or one JSON object."""
    if isinstance(result, list):
        for line in result:
            print(line)
    else:
        print(to_json(result))


def to_json(value: Any) -> str:
    """JSON text of a result."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2)


def emit(text: str, output: Path | None) -> None:
    """A document to stdout or to a new file."""
    if output is None:
        print(text, end="")
    elif output.exists():
        raise InputError(f"`{output}` exists already", where="--output", fix="give another name")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        console.say(f"written: {output}")
