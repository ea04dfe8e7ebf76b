"""A run made of several: its children, and how far they lie apart beside what the test rows leave open."""

from dataclasses import dataclass

from markupsafe import Markup

from lmfit.evaluation.report.files import RunFiles, dig, number, records
from lmfit.evaluation.report.scores import Headline
from lmfit.evaluation.report.words import Words, count, score


@dataclass(frozen=True)
class Children:
    """A table of the children; `spreads`: (term, value) pairs about the headline metric; `note` says what they mean."""

    heads: list[str]
    rows: list[list[str]]
    spreads: list[tuple[str, str]]
    sentence: str
    note: Markup


def children(run: RunFiles, best: Headline, words: Words) -> Children | None:
    """The section, or None for a run of its own, and for a search, which has a section of another kind."""
    held = records(dig(run.manifest, "several", "children"))
    by = str(dig(run.manifest, "several", "by"))
    if not held or by == "trials":
        return None
    splits = [split for split in ("validation", "test") if any(split in child for child in held)]
    metric = words.name("metric", best.metric)
    heads = [words.plain("several.child"), *(f"{words.heading('split', split)}, {metric}" for split in splits)]
    rows = [
        [
            str(child.get("name", "")),
            *(score(number(child.get(split))) for split in splits),
            f"{count(number(child.get('best_step')))} / {count(number(child.get('steps')))}",
            words.duration(number(child.get("train_seconds"))),
        ]
        for child in held
    ]
    heads += [words.plain("several.steps"), words.heading("timing", "train_seconds")]
    return Children(heads, rows, _spreads(run, best, by, words), _kept(run, words), words(f"several.note_{by}"))


def _kept(run: RunFiles, words: Words) -> str:
    """Which model is in model/."""
    name, metric = (dig(run.manifest, "several", key) for key in ("chosen", "chosen_by"))
    epochs = number(dig(run.manifest, "several", "epochs"))
    if epochs is not None:
        rows = count(number(dig(run.manifest, "several", "rows")))
        return words.plain("several.kept_all", rows=rows, epochs=f"{epochs:.2f}")
    key = "several.kept_first" if metric is None else "several.kept_best"
    kept = words.plain(key, name=name, metric=words.name("metric", str(metric)))
    return f"{kept} {words.plain('several.details', name=name)}"


def seeds_line(run: RunFiles, best: Headline, words: Words) -> list[str]:
    """What stands below the headline score where it is a mean of seeds."""
    seeds = number(dig(run.metrics, best.split, best.metric, "spread", "n_seeds"))
    return [words.plain("several.mean", seeds=count(seeds))] if seeds and seeds > 1 else []


def seed_note(run: RunFiles, best: Headline, words: Words) -> str:
    """What the intervals on the first page say of seeds."""
    by = dig(run.manifest, "several", "by")
    entry = dig(run.metrics, best.split, best.metric)
    seeds = number(dig(entry, "spread", "n_seeds"))
    if by == "seeds" and seeds and seeds > 1:
        sd = score(number(dig(entry, "spread", "sd")))
        return words.plain("chart.seeds_note", seeds=count(seeds), sd=sd)
    return words.plain("chart.folds_note" if by == "folds" else "chart.seed_note")


def _spreads(run: RunFiles, best: Headline, by: str, words: Words) -> list[tuple[str, str]]:
    """Both kinds of spread: between the children, and through the choice of test rows."""
    split = best.split if by == "seeds" else "validation"
    entry = dig(run.metrics, split, best.metric)
    sd, low, high = (number(dig(entry, "spread", name)) for name in ("sd", "min", "max"))
    if sd is None:
        return []
    rows = [number(dig(entry, "spread", end)) for end in ("rows_low", "rows_high")]
    both = [number(dig(entry, end)) for end in ("low", "high")]
    found = [(words.plain(f"several.sd_{by}"), f"{score(sd)} ({score(low)} – {score(high)})")]
    if by == "folds":
        together = f"{score(number(dig(entry, 'value')))} ({' – '.join(map(score, both))})"
        return [*found, (words.plain("several.together"), together)]
    found.append((words.plain("several.rows"), " – ".join(map(score, rows))))
    return [*found, (words.plain("several.both"), " – ".join(map(score, both)))]
