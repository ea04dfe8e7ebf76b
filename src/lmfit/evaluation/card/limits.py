"""What the scores of a run do not say: each limit a sentence, drawn from what was and what was not measured."""

from collections.abc import Iterator, Mapping

from lmfit.data.propose.language import CODES
from lmfit.evaluation.card.about import max_length
from lmfit.evaluation.card.markdown import code, plain
from lmfit.evaluation.report.facts import ledger
from lmfit.evaluation.report.files import RunFiles, dig, mapping, number, records
from lmfit.evaluation.report.judgement import looks
from lmfit.evaluation.report.scores import Headline, rival
from lmfit.evaluation.report.several import seed_note
from lmfit.evaluation.report.words import Words, capital, count, percent

FEW_TRAINED, FEW_MEASURED, MOST_NAMED = 20, 30, 12
SMALL_TEST = 300
_DOUBTS = (
    *("overlap", "near-overlap", "conflicting-labels", "label-variants", "unseen-labels", "unmeasured-labels"),
    *("broken-tags", "lost-entities", "shifted-scripts", "shifted-labels", "shifted-lengths", "scratch", "few-steps"),
)


def limits(run: RunFiles, best: Headline, words: Words) -> list[str]:
    """The limits, the gravest first; each is Markdown."""
    return [
        *_of_verdict(run, words),
        *_of_rows(run, best, words),
        *_of_classes(run, best, words),
        *_of_data(run),
        *_of_texts(run),
        *_of_parts(run, best),
        *_of_licence(run),
    ]


def _of_verdict(run: RunFiles, words: Words) -> Iterator[str]:
    best = dig(run.manifest, "verdict", "baseline")
    if best and dig(run.manifest, "verdict", "beats_baseline") is not True:
        named = plain(words.name("baseline", rival(run, str(best))))
        yield f"**It is not shown to be better than a trivial baseline** ({named})."


def _of_rows(run: RunFiles, best: Headline, words: Words) -> Iterator[str]:
    """What the number and the use of the scored rows allow."""
    if best.own is None:
        yield "**It was never scored**: there was neither test nor validation data."
        return
    rows = number(dig(run.ledger, "splits", best.split, "rows"))
    if best.split == "validation" and not _is_cross_validated(run):
        test = (
            "There is no test data" if "test" not in mapping(run.ledger.get("splits")) else "Test rows were set aside"
        )
        yield (
            f"**{test}.** The scores are those on the validation data, which also chose the weights, so "
            "they tend to be too good."
        )
    elif rows is not None and not _is_cross_validated(run):
        few = ", which is few" if rows < SMALL_TEST else ""
        rows_told = f"{count(rows)} {plain(best.split)} rows"
        yield f"Its scores rest on {rows_told}{few}; the intervals tell what that leaves open."
    yield plain(seed_note(run, best, words))
    if told := looks(run, words):
        yield plain(told)


def _is_cross_validated(run: RunFiles) -> bool:
    return str(dig(run.manifest, "several", "by")) == "folds"


def _of_classes(run: RunFiles, best: Headline, words: Words) -> Iterator[str]:
    """Labels with too few rows to learn, or to measure."""
    if run.manifest.get("kind") == "regression" or (found := ledger(run, words)) is None:
        return
    trained = {one.label: one.counts[0] for one in found.labels}
    measured = _support(run, best.split)
    if few := {label: n for label, n in trained.items() if n < FEW_TRAINED}:
        yield f"Labels with fewer than {FEW_TRAINED} training examples: {_named(few)}."
    if few := {label: n for label, n in measured.items() if n < FEW_MEASURED}:
        where = f"{FEW_MEASURED} {plain(best.split)} examples"
        yield f"Labels with fewer than {where}, whose own scores say little: {_named(few)}."


def _support(run: RunFiles, split: str) -> dict[str, int]:
    rows = records(dig(run.tables, split, "per_label", "rows"))
    return {str(row.get("label")): round(number(row.get("support")) or 0) for row in rows}


def _named(counts: Mapping[str, int]) -> str:
    """The labels with their counts, the rarest first."""
    order = sorted(counts, key=lambda label: counts[label])
    more = f" and {count(len(order) - MOST_NAMED)} more" if len(order) > MOST_NAMED else ""
    return ", ".join(f"{code(label)} ({count(counts[label])})" for label in order[:MOST_NAMED]) + more


def _of_data(run: RunFiles) -> Iterator[str]:
    """What the audit of the data found; its sentences hold no text of the data but names of labels."""
    for found in records(run.ledger.get("findings")):
        if found.get("kind") in _DOUBTS:
            split = f"{found['split']} data: " if found.get("split") else ""
            yield plain(capital(f"{split}{str(found.get('what')).partition(';')[0]}")) + "."


def _of_texts(run: RunFiles) -> Iterator[str]:
    """Languages, unknown words, long texts."""
    language, scripts = run.manifest.get("language"), _scripts(run)
    if scripts:
        seen = next((f"{name} ({scripts})" for name, short in CODES.items() if short == language), scripts)
        yield f"It learnt from texts in: {plain(seen)}. Other languages and scripts were not measured."
    share = number(run.ledger.get("unknown_share"))
    if share is not None:
        known = (
            "No word of the data was unknown"
            if share == 0
            else f"{percent(share)} of the words of the data are unknown"
        )
        yield f"{known} to its tokenizer; texts with more unknown words were not measured."
    if (length := max_length(run)) is not None:
        yield _of_length(run, length)


def _of_length(run: RunFiles, length: int) -> str:
    held = mapping(run.ledger.get("windows"))
    long = round(number(held.get("windowed")) or 0) + round(number(held.get("truncated")) or 0)
    way = {
        "window": "are read in overlapping windows whose answers are joined",
        "truncate": "are cut, and what lies behind the cut is never read",
        "error": "are refused",
    }.get(str(dig(run.config, "data", "overflow")), "are cut")
    measured = f"{count(long)} rows of the data were" if long else "none of the rows was, so this was not measured"
    return (
        f"It reads {count(length)} tokens at once. Longer texts {way} by lmfit ({measured}); other tools may cut them."
    )


def _scripts(run: RunFiles) -> str:
    """`Latin 98 %, Cyrillic 2 %`, of the training texts."""
    counts = mapping(dig(run.ledger, "splits", "train", "profile", "scripts"))
    known = {str(name): number(n) or 0 for name, n in counts.items() if name != "none"}
    total = sum(known.values())
    shares = sorted(((n / total, name) for name, n in known.items() if n), reverse=True) if total else []
    return ", ".join(f"{name} script {percent(share)}" for share, name in shares if share >= 0.01)


def _of_parts(run: RunFiles, best: Headline) -> Iterator[str]:
    """What was not looked at."""
    if not records(dig(run.slices, best.split, "slices")):
        yield "No parts of the data (sources, lengths, groups of people) were scored by themselves."
    if not records(dig(run.tables, best.split, "robustness")):
        yield "How it does on typos, other case or missing punctuation was not measured."
    if not run.evaluations:
        yield "Its scores are about data like the data it was trained on; later or other data was not measured."


def _of_licence(run: RunFiles) -> Iterator[str]:
    if name := dig(run.manifest, "model", "license"):
        told = f"The licence named here ({plain(name)}) is that of the model it started from"
        yield f"{told}; whether its data allows that is not known."
    else:
        yield "Its licence is not recorded; the licences of the model it started from and of its data apply."
