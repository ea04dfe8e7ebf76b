"""Give later errors the line of the key that they are about."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from lmfit.config.nodes import Node
from lmfit.errors import InputError, Problem

_KEY = re.compile(r"(?:task|model|data|training|evaluation|search|pretraining|transfer|compression)(?:\.[a-z_]+)*")


@contextmanager
def located(tree: Node) -> Iterator[None]:
    """Inside the block, errors whose place is a key (`data.train`), or that begin with one, get its file and line."""
    try:
        yield
    except InputError as error:
        error.problems = tuple(_placed(problem, tree) for problem in error.problems)
        raise


def _placed(problem: Problem, tree: Node) -> Problem:
    match = _KEY.fullmatch(problem.where) or (None if problem.where else _KEY.match(problem.what))
    if match is None:
        return problem
    node = tree
    for part in match.group().split("."):
        node = node.keys.get(part, node)
    return replace(problem, where=f"{node.place}, {match.group()}")
