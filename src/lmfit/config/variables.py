"""Environment variables in a config: ${NAME}, ${NAME:-default}; $${ stands for a literal ${."""

import re
from collections.abc import Mapping
from dataclasses import replace

from lmfit.config.nodes import Mistake, Node, Path, dotted, writable
from lmfit.config.yaml import resolve

_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")
_SECRET = re.compile(r"TOKEN(?!IZ)|PASSWORD|PASSWD|SECRET|CREDENTIAL|KEY", re.IGNORECASE)


def expand(node: Node, environment: Mapping[str, str], mistakes: list[Mistake], path: Path = ()) -> Node:
    """The tree with variables replaced by their values. Unquoted scalars get the type of the text they become.

    A value that holds a variable with a secret-looking name remembers (`Node.safe`) how it was written.
    """
    if isinstance(node.value, dict):
        entries = {name: expand(child, environment, mistakes, (*path, name)) for name, child in node.value.items()}
        return replace(node, value=entries)
    if isinstance(node.value, list):
        items = [expand(child, environment, mistakes, (*path, i)) for i, child in enumerate(node.value)]
        return replace(node, value=items)
    if isinstance(node.value, str) and "${" in node.value:
        return _expanded(node, node.value, environment, mistakes, path)
    return node


def escape(text: str) -> str:
    """Text that `expand` turns back into `text`."""
    return text.replace("${", "$${")


def is_secret(name: str | None) -> bool:
    """Whether a variable's name says that its value must not be written down."""
    return bool(name and _SECRET.search(name))


def _expanded(node: Node, text: str, environment: Mapping[str, str], mistakes: list[Mistake], path: Path) -> Node:
    variables = list(_VARIABLE.finditer(text))
    unusable = [trouble for match in variables if (trouble := _unusable(match, environment))]
    if unusable:
        mistakes.extend(Mistake(node.start, f"{dotted(path)}: {what}", fix, path) for what, fix in unusable)
        return node
    value = _VARIABLE.sub(lambda match: _value(match, environment), text)
    safe = _VARIABLE.sub(lambda match: _safe(match, environment), text)
    secret = any(is_secret(match[1]) for match in variables)
    return replace(node, value=resolve(value) if node.unquoted else value, safe=safe if secret else None)


def _unusable(match: re.Match[str], environment: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong with a variable and the way out; None if it has a value."""
    name, default = match.groups()
    if match[0] == "$${" or default is not None:
        return None
    if name is None:
        return f"cannot read `{match.string}`", "write ${NAME} or ${NAME:-default}; $${ stands for a literal ${"
    if name not in environment:
        return f"the environment variable {name} is not set", f"export {name}=..., or give a default: ${{{name}:-...}}"
    if not writable(environment[name]):
        return f"the environment variable {name} holds bytes that are not UTF-8", "set it in UTF-8"
    return None


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name, default = match.groups()
    return "${" if name is None else environment.get(name, default or "")


def _safe(match: re.Match[str], environment: Mapping[str, str]) -> str:
    return match[0] if is_secret(match[1]) else escape(_value(match, environment))
