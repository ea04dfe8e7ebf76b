"""Tagging schemes: which one the tags of a file follow, and how they become IOB2 (or stay plain)."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal, NamedTuple

from lmfit.data.example import Example
from lmfit.errors import DataError

Scheme = Literal["IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BMES", "plain"]
Role = Literal["B", "I", "E", "S", "O"]

_TAG = re.compile(r"([BIMESLUW])(?:[-_](.+))?", re.DOTALL)
_ROLES: Mapping[str, Role] = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
_BARE = (frozenset("BI"), frozenset("BIES"), frozenset("BMES"), frozenset("BILU"))
_BARE_TYPE = "ENTITY"
_LETTERS: Mapping[Scheme, str] = {
    "IOB1": "BI",
    "IOB2": "BI",
    "IOE1": "IE",
    "IOE2": "IE",
    "BIOES": "BIMESLUW",
    "BMES": "BIMESLUW",
}
SCHEME_FIX = "set data.scheme (plain for tags without prefixes, such as parts of speech)"


class Tag(NamedTuple):
    """A tag taken apart: its role in an entity (O: in none) and the entity's type."""

    role: Role
    type: str


_OUTSIDE = Tag("O", "")


def scheme_of(examples: Iterable[Example]) -> Scheme:
    """The scheme of examples that can be gone through twice. Raises DataError as `detect_scheme`, with a place."""
    try:
        return detect_scheme(example.tags or [] for example in examples)
    except DataError as error:
        problem = error.problems[0]
        where = next(str(example.origin) for example in examples if any(map(is_odd, example.tags or [])))
        raise DataError(problem.what, where=where, fix=problem.fix) from error


def detect_scheme(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that the tags follow; `plain` where no tag has a prefix.

    Prefixes are joined by - or _; B, I, O (or B, M, E, S) alone are entities of one type, called ENTITY. How
    most entities begin tells IOB2 (B-X) from IOB1 (I-X); how most end tells IOE2 (E-X) from IOE1 (I-X).
    Raises DataError where some tags have a prefix and others have none.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for tags in sequences:
        pairs.update(zip(["O", *tags], [*tags, "O"], strict=True))
    distinct = {tag for pair in pairs for tag in pair if tag != "O"}
    if not distinct:
        return "IOB2"
    if not any(_has_prefix(tag) for tag in distinct) and not any("B" in distinct <= bare for bare in _BARE):
        return "plain"
    if odd := sorted(tag for tag in distinct if is_odd(tag)):
        what = f"some tags have prefixes such as B- and I-, but not: {', '.join(odd[:5])}"
        raise DataError(what, fix=f"correct these tags, or {SCHEME_FIX}")
    letters = {tag[0] for tag in distinct}
    if letters & set("MW"):
        return "BMES"
    if letters & set("SUL") or letters >= {"B", "E"}:
        return "BIOES"
    split = [(_parse(before), _parse(after), number) for (before, after), number in pairs.items()]
    if "E" in letters:
        free = sum(number for a, b, number in split if a.role == "E" and a.type != b.type)
        joined = sum(number for a, b, number in split if a.role == "I" and a.type != b.type)
        return "IOE2" if free > joined else "IOE1"
    free = sum(number for a, b, number in split if b.role == "B" and a.type != b.type)
    joined = sum(number for a, b, number in split if b.role == "I" and a.type != b.type)
    return "IOB2" if free > joined else "IOB1"


def to_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[list[str], int]:
    """The tags of one sentence in IOB2, and how many of them broke the rules of `scheme`.

    The one repair: a tag that cannot continue the entity before it begins one, and an entity ends where the next tag
    does not continue it. So every word keeps its type. Raises DataError for a tag that `scheme` does not know.
    """
    if scheme == "plain" or all(tag == "O" for tag in tags):
        return list(tags), 0
    parsed = [_OUTSIDE, *(_checked(tag, scheme) for tag in tags), _OUTSIDE]
    begins = [_begins(before, tag) for before, tag in pairwise(parsed)]
    converted, broken = [], 0
    for i, tag in enumerate(parsed[1:-1]):
        if tag.role == "O":
            converted.append("O")
            continue
        converted.append(f"{'B' if begins[i] else 'I'}-{tag.type}")
        same_before, same_after = parsed[i].type == tag.type, parsed[i + 2].type == tag.type
        broken += _breaks(scheme, tag.role, (begins[i], begins[i + 1] or not same_after), (same_before, same_after))
    return converted, broken


def is_odd(tag: str) -> bool:
    """Whether a tag is neither O nor begins like an entity's tag."""
    return tag != "O" and not _TAG.fullmatch(tag)


def _has_prefix(tag: str) -> bool:
    match = _TAG.fullmatch(tag)
    return match is not None and match[2] is not None


@cache
def _parse(tag: str) -> Tag:
    match = _TAG.fullmatch(tag)
    return Tag(_ROLES[match[1]], match[2] or _BARE_TYPE) if match else _OUTSIDE


def _checked(tag: str, scheme: Scheme) -> Tag:
    if is_odd(tag) or (tag != "O" and tag[0] not in _LETTERS[scheme]):
        raise DataError(f"`{tag}` is no tag of the scheme {scheme}", fix=SCHEME_FIX)
    return _parse(tag)


def _begins(before: Tag, tag: Tag) -> bool:
    return tag.role in "BS" or (tag.role in "IE" and (before.type != tag.type or before.role in "ES"))


def _breaks(scheme: Scheme, role: Role, edges: tuple[bool, bool], same: tuple[bool, bool]) -> bool:
    """Whether a role is wrong: `edges`, the word begins or ends its entity; `same`, its neighbours have its type."""
    begins, ends = edges
    if scheme == "IOB1":
        return role == "B" and not same[0]
    if scheme == "IOE1":
        return role == "E" and not same[1]
    if scheme == "IOB2":
        return begins != (role == "B")
    if scheme == "IOE2":
        return ends != (role == "E")
    return role != {(True, True): "S", (True, False): "B", (False, True): "E", (False, False): "I"}[edges]
