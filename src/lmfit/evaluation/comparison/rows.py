"""Whether runs were scored on the same rows; puts their answers in one order."""

from collections.abc import Sequence

from lmfit.errors import InputError, Problem
from lmfit.evaluation.comparison.answers import Answers

_FIRST = 3


def aligned(named: Sequence[tuple[str, Answers]]) -> list[Answers]:
    """All answers in the order of the first. Raises InputError that tells how many rows differ, and the first ones.

    Rows are the same where id, text and gold answer are; where a run keeps no texts, where id (or line) and gold are.
    """
    texts = all(text is not None for _, answers in named for text in answers.texts)
    first_name, first = named[0]
    keys = first.keys(texts=texts)
    wanted = set(keys)
    found, problems = [first], []
    for name, answers in named[1:]:
        index = {key: i for i, key in enumerate(answers.keys(texts=texts))}
        if index.keys() == wanted:
            found.append(answers.take([index[key] for key in keys]))
            continue
        missing = [first.row(i) for i, key in enumerate(keys) if key not in index]
        extra = [answers.row(i) for key, i in index.items() if key not in wanted]
        problems.append(_different(first_name, missing, name, extra, len(keys)))
    if problems:
        raise InputError(problems[0].what, problems=problems)
    return found


def _different(first: str, missing: Sequence[str], name: str, extra: Sequence[str], rows: int) -> Problem:
    what = f"`{first}` and `{name}` were not scored on the same rows (id, text, gold answer)"
    places = [f"only in {run}, {len(rows):,}: {_few(rows)}" for run, rows in ((first, missing), (name, extra)) if rows]
    fix = "score all on one file: lmfit evaluate RUN --data FILE --name NAME, then compare --split NAME"
    if not (missing and extra):
        places.append("all rows of one are in the other: data.limit cuts test rows, too")
    return Problem(f"{what}: {rows - len(missing):,} are in both", "\n      ".join(places), fix)


def _few(rows: Sequence[str]) -> str:
    return "; ".join(rows[:_FIRST]) + ("; ..." if len(rows) > _FIRST else "")
