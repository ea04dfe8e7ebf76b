"""Give later errors the line of the key that they are about."""

import re
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from lmfit.config.nodes import Node
from lmfit.errors import Problem, retold

_KEY = re.compile(r"(?:task|model|data|training|evaluation|search|pretraining|transfer|compression)(?:\.[a-z_]+)*")


def located(tree: Node) -> AbstractContextManager[None]:
    """Inside the block, errors whose place is a key (`data.train`), or that begin with one, get its file and line."""
    return retold(partial(_placed, tree))


def _placed(tree: Node, problem: Problem) -> Problem:
    match = _KEY.fullmatch(problem.where) or (None if problem.where else _KEY.match(problem.what))
    if match is None:
        return problem
    node = tree
    for part in match.group().split("."):
        node = node.keys.get(part, node)
    return replace(problem, where=f"{node.place}, {match.group()}")
