"""Which columns are the text, its partner, the label, the group: by the evidence and by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lmfit.data.propose.evidence import NUMBERS, Column
from lmfit.data.propose.names import are_partners, hint
from lmfit.errors import DataError, suggestion

MOST_LABELS = 500
LEAST_GROUPS = 10
_LEAST_TEXT = 8
_LEAST_HAN_TEXT = 3
_WHOLE_NUMBERS_OF_A_CLASS = 20
_LIKE_LENGTH = 1.6
_QUESTIONS = {"question", "context", "answers"}


@dataclass
class Roles:
    """The column of each role (text, text_pair, label or tokens, labels; id, document); what is in doubt, in words."""

    chosen: dict[str, Column]
    unused: list[Column] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def guess_roles(
    columns: Sequence[Column], asked: Mapping[str, str], where: str, *, named: bool, tagged: bool | None = None
) -> Roles:
    """Roles of the columns: those `asked` for (role -> name or position), the rest guessed.

    named: whether the file names its columns; tagged: whether words or stretches of text have the labels, if that is
    known. Raises DataError with what was seen where text or label is not found.
    """
    _refuse_questions(columns, asked, where)
    chosen = {role: _find(columns, name, role, where) for role, name in asked.items()}
    doubts: list[str] = []
    free = [column for column in columns if column not in chosen.values()]
    if tagged is False or not _is_tagged(chosen, free):
        _choose_texts(chosen, free, where, doubts, named=named)
        _choose_label(chosen, free, where, doubts)
    _choose_others(chosen, free)
    return Roles(chosen, [column for column in columns if column not in chosen.values()], doubts)


def _refuse_questions(columns: Sequence[Column], asked: Mapping[str, str], where: str) -> None:
    """Raises DataError for questions about a text, laid out as in SQuAD, unless a label is named."""
    names = {column.name.lower(): column for column in columns}
    nested = "paragraphs" in names and names["paragraphs"].mostly("object")
    if (nested or names.keys() >= _QUESTIONS) and not {"label", "labels"} & asked.keys():
        what = (
            f"`{where}` holds questions and their answers in a text, as SQuAD does; question answering is no task here"
        )
        fix = "the tasks are those of `lmfit list tasks`; to classify its texts, name the label: --label-column NAME"
        raise DataError(what, where=where, fix=fix)


def problem_of(label: Column) -> tuple[str, str | None]:
    """(single_label, multi_label or regression; what separates several labels in one field)."""
    if label.mostly("list"):
        return ("multi_label" if label.several else "single_label"), None
    if label.only(*NUMBERS) and (
        label.kinds["number"] or not label.tally.whole or label.distinct > _WHOLE_NUMBERS_OF_A_CLASS
    ):
        return "regression", None
    separator = _label_separator(label)
    return ("multi_label" if separator else "single_label"), separator


def _find(columns: Sequence[Column], name: str, role: str, where: str) -> Column:
    names = [column.name for column in columns]
    if name in names:
        return columns[names.index(name)]
    if name.lstrip("-").isdecimal() and -len(columns) <= int(name) < len(columns):
        return columns[int(name)]
    raise DataError(f"there is no column `{name}` for the {role}", where=where, fix=suggestion(name, names))


def _is_tagged(chosen: dict[str, Column], free: list[Column]) -> bool:
    """Whether the rows are words with tags, or texts with entities; their columns are then chosen."""
    if "label" in chosen:
        return False
    entities = [column for column in free if column.mostly("entities", "list") and hint("labels", column.name)]
    tags = chosen.get("labels") or next(iter(sorted(entities, key=lambda c: -hint("labels", c.name))), None)
    if tags is None:
        return False
    tokens = [column for column in free if column.mostly("list") and hint("tokens", column.name)]
    texts = sorted((c for c in free if _is_text(c)), key=lambda c: (-hint("text", c.name), -c.mean_length))
    if tags.kinds["entities"] and texts:
        chosen |= {"labels": tags, "text": chosen.get("text", texts[0])}
    elif tokens:
        chosen |= {"labels": tags, "tokens": tokens[0]}
    else:
        return False
    free[:] = [column for column in free if column not in chosen.values()]
    return True


def _is_text(column: Column) -> bool:
    han = column.letters.language in ("Chinese", "Japanese")
    least = _LEAST_HAN_TEXT if han else _LEAST_TEXT
    long = column.mean_length >= least and column.longest > least
    return column.mostly("text") and column.distinct > 1 and (long or hint("text", column.name) > 1)


def _choose_texts(chosen: dict[str, Column], free: list[Column], where: str, doubts: list[str], *, named: bool) -> None:
    """The text: the longest and most varied column, a telling name counting threefold; its partner, if there is one."""
    texts = sorted((column for column in free if _is_text(column)), key=_text_score, reverse=True)
    if "text" not in chosen:
        if not texts:
            raise DataError(_seen("no column looks like a text", chosen, free), where=where, fix="--text-column NAME")
        chosen["text"] = texts.pop(0)
        free.remove(chosen["text"])
    if "text_pair" not in chosen:
        text = chosen["text"]
        pair = next((column for column in texts if _is_pair(text, column, named=named)), None)
        if pair is not None:
            free.remove(pair)
            texts.remove(pair)
            if _order(pair) < _order(text) or pair.name < text.name:
                text, pair = pair, text
            chosen |= {"text": text, "text_pair": pair}
    others = [column.name for column in texts if _text_score(column) >= 0.2 * _text_score(chosen["text"])]
    if others and "text_pair" not in chosen:
        told = f"also text: {', '.join(others)}; took {chosen['text'].name}"
        doubts.append(f"{told}; see --text-column, and --pair-column for a second text")


def _order(column: Column) -> int:
    return int(column.name) if column.name.isdecimal() else 0


def _text_score(column: Column) -> float:
    varied = column.distinct / max(1, column.filled)
    return column.mean_length * varied * (3 if hint("text", column.name) else 1)


def _is_pair(text: Column, other: Column, *, named: bool) -> bool:
    if are_partners(text.name, other.name) or are_partners(other.name, text.name):
        return True
    longer, shorter = max(text.mean_length, other.mean_length), min(text.mean_length, other.mean_length)
    return not named and longer <= _LIKE_LENGTH * shorter and min(text.distinct, other.distinct) > 0.2 * text.filled


def _choose_label(chosen: dict[str, Column], free: list[Column], where: str, doubts: list[str]) -> None:
    """The label: a telling name, else among pairs a number with a fraction, else the fewest values."""
    if "label" not in chosen:
        paired = "text_pair" in chosen
        found = sorted((column for column in free if _could_be_label(column)), key=lambda c: _label_rank(c, paired))
        if not found:
            raise DataError(_seen("no column looks like a label", chosen, free), where=where, fix=_label_fix(free))
        chosen["label"] = found[0]
        best = hint("label", found[0].name)
        rivals = [column for column in found[1:] if hint("label", column.name) == best]
        if rivals:
            told = ", ".join(f"{column.name} ({column.distinct:,} values)" for column in rivals[:5])
            doubts.append(f"other columns could be the label: {told}; took {found[0].name}; see --label-column")
    if chosen["label"] in free:
        free.remove(chosen["label"])


def _could_be_label(column: Column) -> bool:
    if column.empty or column.distinct < 2 or column.mostly("address") or column.mostly("date"):
        return False
    if column.kinds["entities"] or column.kinds["object"] or hint("id", column.name) > 1:
        return False
    if column.kinds["list"]:
        return column.items.whole and 2 * len(column.items.counts) <= column.filled
    if column.only(*NUMBERS):
        return bool(column.kinds["number"]) or 2 * column.distinct <= column.filled
    least = 1.2 if hint("label", column.name) > 1 else 2
    few = column.tally.whole and column.distinct <= MOST_LABELS and least * column.distinct <= column.filled
    return few or _label_separator(column) is not None


def _label_rank(column: Column, paired: bool) -> tuple[int, bool, bool, int]:
    """First by the name; then for pairs numbers with a fraction first, and elsewhere numbers last where names tell."""
    by_name = hint("label", column.name)
    score = bool(column.kinds["number"]) and paired
    number = column.only(*NUMBERS) and not paired and (by_name > 0 or hint("date", column.name) > 0)
    return -by_name, not score, number, -column.distinct if by_name > 1 else column.distinct


def _label_separator(column: Column) -> str | None:
    """What separates the labels of a field: the parts are fewer than the fields' values, and come again and again."""
    for separator, tally in column.parts.items():
        parts = len(tally.counts)
        again = sum(count > 1 for count in tally.counts.values())
        enough = column.joined[separator] >= 0.05 * column.filled and tally.whole and column.mostly("text")
        if enough and 2 <= parts < column.distinct and 5 * parts <= column.filled and again >= 0.8 * parts:
            return separator
    return None


def _choose_others(chosen: dict[str, Column], free: list[Column]) -> None:
    """The id, and the group that rows belong to."""
    if "id" not in chosen:
        found = [c for c in free if hint("id", c.name) > 1 and c.distinct == c.rows and not c.empty]
        chosen |= {"id": found[0]} if found else {}
    if "document" not in chosen:
        groups = [c for c in free if c not in chosen.values() and hint("group", c.name) and _is_group(c)]
        chosen |= {"document": groups[0]} if groups else {}


def _is_group(column: Column) -> bool:
    return not column.empty and LEAST_GROUPS <= column.distinct <= 0.9 * column.rows


def _seen(what: str, chosen: Mapping[str, Column], free: Sequence[Column]) -> str:
    taken = [f"  {column.name}: the {role}; {column.seen}" for role, column in chosen.items()]
    return "\n".join([f"{what}; seen in the columns:", *taken, *(f"  {column.name}: {column.seen}" for column in free)])


def _label_fix(free: Sequence[Column]) -> str:
    gaps = [column for column in free if column.empty and hint("label", column.name)]
    if gaps:
        return f"rows without a label cannot be trained on: fill `{gaps[0].name}` or take these rows out"
    return "name the column that holds the label: --label-column NAME"
