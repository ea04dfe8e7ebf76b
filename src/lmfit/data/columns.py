"""Which columns of a table, a JSON object or a Hub data set stand for what: as asked for, else by well-known names."""

from collections.abc import Iterable, Mapping, Sequence

from lmfit.config.section import Column
from lmfit.data.formats.base import Kind, ReadOptions
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError, DataError, suggestion

ROLES: Mapping[Kind, tuple[str, ...]] = {
    "text": ("text", "text_pair", "label", "id", "document"),
    "words": ("tokens", "labels", "text", "id", "document"),
    "record": (),
}
TARGET: Mapping[Kind, str] = {"text": "label", "words": "labels", "record": ""}

_TIERS: Mapping[str, tuple[frozenset[str], ...]] = {
    "text": (
        frozenset({"text"}),
        frozenset({"sentence", "sentence1", "sentence_a", "text_a", "text1", "premise", "question", "question1"})
        | frozenset({"query", "utterance", "review", "content", "comment", "message", "tweet", "title", "headline"})
        | frozenset({"news", "body", "document", "passage"}),
    ),
    "label": (
        frozenset({"label"}),
        frozenset({"labels", "category", "intent", "class", "sentiment", "target", "polarity", "topic", "emotion"})
        | frozenset({"stars", "rating"}),
        frozenset({"prediction"}),
    ),
    "tokens": (frozenset({"tokens"}), frozenset({"words"})),
    "labels": (
        frozenset({"labels"}),
        frozenset({"ner_tags", "tags", "ner"}),
        frozenset({"entities", "spans"}),
        frozenset({"label", "pos_tags", "chunk_tags"}),
        frozenset({"prediction"}),
    ),
    "id": (frozenset({"id"}), frozenset({"idx", "guid"})),
}
_PARTNERS = {
    "text": "text_pair",
    "sentence1": "sentence2",
    "sentence_a": "sentence_b",
    "text_a": "text_b",
    "text1": "text2",
    "premise": "hypothesis",
    "question1": "question2",
}
_WITH_OFFSETS = frozenset({"entities", "spans"})
WELL_KNOWN = frozenset().union(*(tier for tiers in _TIERS.values() for tier in tiers), _PARTNERS.values())

Chosen = Mapping[str, list[str]]


def flat(given: Iterable[Column | list[Column]]) -> list[Column]:
    """All columns of some values of data.columns, each of which is one column or a list."""
    return [column for item in given for column in (item if isinstance(item, list) else [item])]


def check_roles(options: ReadOptions) -> None:
    """Raise ConfigError for a key of data.columns that stands for nothing."""
    roles = ROLES[options.kind]
    for role, given in options.columns.items():
        where = f"data.columns.{role}"
        if role not in roles:
            raise ConfigError(f"data.columns has no `{role}`", where=where, fix=suggestion(role, roles))
        if isinstance(given, list) and (not given or (role != "text" and len(given) > 1)):
            raise ConfigError(
                f"{len(given)} columns for `{role}`", where=where, fix="give one; only text may have more"
            )


def choose(options: ReadOptions, names: Sequence[str], where: str, notices: Notices) -> Chosen:
    """The names of the columns for each role, guessed (and said) where data.columns is silent.

    A role without a column is absent; where labels are not needed, none are guessed.
    Raises DataError, naming the columns there are, for one that is not there.
    """
    check_roles(options)
    target = TARGET[options.kind]
    chosen: dict[str, list[str]] = {}
    for role, given in options.columns.items():
        optional = role == target and not options.labelled
        found = [_find(column, names, where, optional) for column in flat([given])]
        if None not in found:
            chosen[role] = [name for name in found if name is not None]
    preferred = _preferred(options, names, chosen)
    if said := ", ".join(f"{role} is {' + '.join(found)}" for role, found in preferred.items() if found != [role]):
        notices.say(f"columns as in training: {said}", where.rpartition(":")[0])
    chosen |= preferred
    guessed = _guess(options, names, chosen, where)
    told = ", ".join(f"{role} is {name}" for role, name in guessed.items() if role not in ("id", name))
    if told:
        notices.say(f"columns by their names: {told} (data.columns)", where.rpartition(":")[0])
    return chosen | {role: [name] for role, name in guessed.items()}


def _preferred(options: ReadOptions, names: Sequence[str], chosen: Chosen) -> dict[str, list[str]]:
    """The columns of ReadOptions.preferred for roles that are open; none where a column is not there by its name."""
    wanted = {role: flat([given]) for role, given in options.preferred.items() if role in ROLES[options.kind]}
    if not all(column in names for columns in wanted.values() for column in columns):
        return {}
    return {role: [str(column) for column in columns] for role, columns in wanted.items() if role not in chosen}


def _find(column: Column, names: Sequence[str], where: str, optional: bool) -> str | None:
    if isinstance(column, int) and -len(names) <= column < len(names):
        return names[column]
    if column in names:
        return str(column)
    if optional:
        return None
    if isinstance(column, int):
        what = f"there is no column {column}: the first row has {len(names)} (0 to {len(names) - 1})"
        raise DataError(what, where=where, fix="correct data.columns")
    raise DataError(
        f"there is no column `{column}`", where=where, fix=f"{suggestion(column, names)} ({_listing(names)})"
    )


def _guess(options: ReadOptions, names: Sequence[str], chosen: Chosen, where: str) -> dict[str, str]:
    by_lower = {name.lower(): name for name in reversed(names)}
    target = TARGET[options.kind]
    guessed: dict[str, str] = {}
    taken = {name for found in chosen.values() for name in found}
    seconds = {second for first, second in _PARTNERS.items() if first in by_lower}
    free = {lower: name for lower, name in by_lower.items() if name not in taken and lower not in seconds}
    for role in [role for role in ROLES[options.kind] if role in _TIERS and role not in chosen]:
        if _is_settled(role, chosen, guessed) or (role == target and not options.labelled):
            continue
        tier: frozenset[str] = next((tier for tier in _TIERS[role] if tier & free.keys()), frozenset())
        found = sorted(free[name] for name in tier & free.keys())
        if len(found) == 1:
            guessed[role] = found[0]
        elif len(found) > 1 and role != "id":
            what = f"several columns may be the {role}: {', '.join(found)}"
            raise DataError(what, where=where, fix=f"say which: data.columns: {{{role}: {found[0]}}}")
    if "text" in guessed:
        guessed.pop("tokens", None)
    if "text" in guessed and "text_pair" in ROLES[options.kind] and "text_pair" not in chosen:
        partner = by_lower.get(_PARTNERS.get(guessed["text"].lower(), ""))
        guessed |= {"text_pair": partner} if partner else {}
    return guessed


def _is_settled(role: str, chosen: Chosen, guessed: Mapping[str, str]) -> bool:
    """Whether words come from elsewhere: from tokens, or from a text, whose entities have offsets in it."""
    if role == "tokens":
        return "text" in chosen
    labels = chosen.get("labels", [guessed.get("labels", "")])[0].lower()
    return role == "text" and ("tokens" in chosen or ("tokens" in guessed and labels not in _WITH_OFFSETS))


def required(chosen: Chosen, role: str, names: Sequence[str], where: str) -> list[str]:
    """The columns of a role that must be there. Raises DataError that names the columns there are."""
    if role not in chosen:
        example = names[-1] if names else "NAME"
        fix = f"say which column it is, e.g. data.columns: {{{role}: {example}}} ({_listing(names)})"
        raise DataError(f"no column is known to be the {role}", where=where, fix=fix)
    return chosen[role]


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return f"columns: {shown}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def tier_of(role: str, name: str) -> int | None:
    """How well known a name is for a role: 0 is the role's own; None: not at all."""
    lower = name.strip().lower()
    return next((tier for tier, names in enumerate(_TIERS.get(role, ())) if lower in names), None)
