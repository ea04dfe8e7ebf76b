"""Scores of the model and of its baselines, as the metrics file holds them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lmfit.evaluation.names import HEADLINE
from lmfit.evaluation.report.files import Json, RunFiles, dig, mapping, number
from lmfit.evaluation.report.words import Words, score


@dataclass(frozen=True)
class Estimate:
    """A metric's value with the bounds of its 95 % interval and the number of units behind it."""

    value: float
    low: float | None
    high: float | None
    n: int | None
    lower_is_better: bool

    @property
    def interval(self) -> str:
        """`0.841 – 0.865`, or nothing where the interval is not known."""
        return f"{score(self.low)} – {score(self.high)}" if self.low is not None and self.high is not None else ""


@dataclass(frozen=True)
class Headline:
    """The score that stands for the run, and that of each baseline by name, the strongest first."""

    split: str
    metric: str
    own: Estimate | None
    baselines: list[tuple[str, Estimate]]


@dataclass(frozen=True)
class ScoreTable:
    """All metrics of a run: `rows` are (metric, an estimate or None per column); `notes` say what to know of them."""

    columns: list[str]
    rows: list[tuple[str, list[Estimate | None]]]
    notes: list[str]


def estimate(raw: Any) -> Estimate | None:
    """Read one entry of metrics.json: {"value", "low", "high", "n", "better"}."""
    value = number(dig(raw, "value"))
    if value is None:
        return None
    n = number(dig(raw, "n"))
    lower = dig(raw, "better") == "lower"
    return Estimate(value, number(dig(raw, "low")), number(dig(raw, "high")), None if n is None else round(n), lower)


def headline(run: RunFiles) -> Headline:
    """The metric that the manifest names, else the first one on the test split."""
    split = str(dig(run.manifest, "headline", "split") or "test")
    first = next(iter(mapping(run.metrics.get(split))), "")
    metric = str(dig(run.manifest, "headline", "metric") or first)
    found = [(name, estimate(dig(splits, split, metric))) for name, splits in _baselines(run).items()]
    known = [(name, one) for name, one in found if one is not None]
    known.sort(key=lambda pair: pair[1].value if pair[1].lower_is_better else -pair[1].value)
    return Headline(split, metric, estimate(dig(run.metrics, split, metric)), known)


def score_table(run: RunFiles, best: Headline, words: Words) -> ScoreTable | None:
    """All metrics but the per-class ones, for the split of the headline, test, validation, and the baselines."""
    splits = dict.fromkeys((best.split, "test", "validation"))
    sources = [(words.heading("split", split), mapping(run.metrics.get(split))) for split in splits]
    sources += [
        (
            words.plain("scores.baseline", name=words.name("baseline", rival(run, name))),
            mapping(dig(splits, best.split)),
        )
        for name, splits in _baselines(run).items()
    ]
    sources = [(name, metrics) for name, metrics in sources if metrics]
    names = dict.fromkeys(name for _, metrics in sources for name in metrics if not name.startswith("per_class."))
    rows = [(words.heading("metric", name), [estimate(metrics.get(name)) for _, metrics in sources]) for name in names]
    notes = _reasons(sources, names, words)
    if run.metrics.get("validation") and best.metric == HEADLINE["multi_label"] and _tuned(run):
        notes.append(words.plain("scores.tuned"))
    return ScoreTable([name for name, _ in sources], rows, notes) if rows else None


def _reasons(sources: Sequence[tuple[str, Json]], names: Iterable[str], words: Words) -> list[str]:
    """Each note of the metrics once, after all those it stands at: `Test, accuracy, macro F1: why`."""
    found: dict[str, dict[str, list[str]]] = {}
    for source, metrics in sources:
        for name in names:
            if note := dig(metrics, name, "note"):
                found.setdefault(str(note), {}).setdefault(source, []).append(words.name("metric", name))
    return [
        "; ".join(", ".join([source, *told]) for source, told in places.items()) + f": {note}"
        for note, places in found.items()
    ]


def _tuned(run: RunFiles) -> bool:
    return number(dig(run.config, "task", "thresholds")) is None


def rival(run: RunFiles, name: str) -> str:
    """The name of a baseline among the words: of numbers it is another one."""
    return f"{name}.regression" if run.manifest.get("kind") == "regression" else name


def _baselines(run: RunFiles) -> Json:
    return mapping(run.metrics.get("baseline"))
