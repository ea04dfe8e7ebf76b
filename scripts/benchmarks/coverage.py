"""Do 95 % intervals hold the truth 95 times in 100, and does a test at 5 % cry wolf 5 times in 100?

    nice python scripts/benchmarks/coverage.py                 # ten to twenty minutes on one core
    python scripts/benchmarks/coverage.py --trials 200 --only f1 rare

Simulated models whose truth is known are scored by lmfit's own functions. Within-sentence dependence: each sentence has
a difficulty of its own, drawn from a beta distribution. As coverage on a lattice of counts jumps from one true value to
the next, each trial draws its truth within 0.02 of the level in the head of the table (half the way to 1 near 1).
Resampling n rows is drawn as a multinomial over distinct rows, which is the same and quick.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from lmfit.evaluation import intervals
from lmfit.evaluation.counts import ClassSums, CountUnits
from lmfit.evaluation.entities import Span
from lmfit.evaluation.intervals import FloatArray, IntArray, Units
from lmfit.evaluation.metrics import balanced, score_labels, score_numbers, score_spans
from lmfit.evaluation.pairs import Sampled, mcnemar, subtract

LEVELS = (0.6, 0.8, 0.9, 0.95, 0.99)
CORRELATIONS = (0.5, 0.8, 0.95)
SIZES = (50, 100, 300, 1000, 5000)
EVEN, RARE = np.full(4, 0.25), np.array([0.5, 0.3, 0.16, 0.04])
ENTITIES, DEPENDENCE = 1.6, 2.0
SHARED = 0.5
RECALL = "per_class.label0.recall"
ONE_TYPE = score_spans([[Span("X", 0, 1)]], [[Span("X", 0, 1)]], resamples=0).units.formula

Generator = np.random.Generator
Support = intervals.Support


@dataclass(frozen=True)
class Drawn:
    """One or two models scored on the same n rows.

    times: how often each distinct row occurs.  models: the units of each model, one per distinct row.
    support, truth: by metric.  differ: rows that only one of the models gets right.
    """

    times: IntArray
    models: Sequence[Units]
    support: dict[str, Support]
    truth: dict[str, float]
    differ: tuple[int, int] = (0, 0)


Draw = Callable[[Generator, int, float, int], Drawn]


@dataclass(frozen=True)
class Setting:
    """A kind of model. metrics: their titles; `tested`: whether models are also compared in them."""

    metrics: dict[str, str]
    levels: Sequence[float]
    draw: Draw
    tested: bool = True


def near(generator: Generator, level: float) -> float:
    """A true value near a level."""
    reach = min(0.02, (1 - level) / 2)
    return float(generator.uniform(level - reach, level + reach))


def labels(prior: FloatArray) -> Draw:
    """Models with an accuracy: right, or another label as often as it occurs. Two share half of their answers."""
    classes = len(prior)
    names = [f"label{i}" for i in range(classes)]
    triples = list(product(names, repeat=3))
    units = [
        score_labels([t[0] for t in triples], [t[model] for t in triples], names, resamples=0).units for model in (1, 2)
    ]
    others = np.where(np.eye(classes) > 0, 0.0, prior) / (1 - prior)[:, None]

    def draw(generator: Generator, n: int, level: float, models: int) -> Drawn:
        accuracy = near(generator, level)
        gold = generator.choice(classes, n, p=prior)

        def answers() -> IntArray:
            wrong = (others[gold].cumsum(axis=1) > generator.random((n, 1))).argmax(axis=1)
            return np.where(generator.random(n) < accuracy, gold, wrong)

        a = answers()
        b = a if models == 1 else np.where(generator.random(n) < SHARED, a, answers())
        times = np.bincount((gold * classes + a) * classes + b, minlength=len(triples))
        joint = prior[:, None] * (accuracy * np.eye(classes) + (1 - accuracy) * others)
        f1 = float((2 * np.diag(joint) / (joint.sum(axis=0) + prior)).mean())
        total = ClassSums.split(times[None] @ units[0].counts.toarray())
        first = int(total.gold[0, 0])
        support = {"accuracy": Support(n, n)} | dict.fromkeys(
            ("macro_f1", "mcc"), Support(n, effective=balanced(total))
        )
        differ = (int(((a == gold) & (b != gold)).sum()), int(((b == gold) & (a != gold)).sum()))
        truth = {
            "accuracy": accuracy,
            "macro_f1": f1,
            RECALL: accuracy,
            "mcc": (classes * accuracy - 1) / (classes - 1),
        }
        return Drawn(times, units[:models], support | {RECALL: Support(first, first)}, truth, differ)

    return draw


def sentences(generator: Generator, n: int, level: float, models: int) -> Drawn:
    """Models that find entities with F1 of a level; what is hard in a sentence is hard for all."""
    truth = near(generator, level)
    gold = generator.poisson(ENTITIES, n)
    ease = generator.beta(DEPENDENCE * truth, DEPENDENCE * (1 - truth), n)
    rows = [gold]
    for _ in range(models):
        hits = generator.binomial(gold, ease)
        rows += [hits, hits + generator.poisson(ENTITIES * (1 - ease))]
    distinct, times = np.unique(np.stack(rows, axis=1), axis=0, return_counts=True)
    counts = [csr_matrix(distinct[:, (1 + 2 * m, 2 + 2 * m, 0)].astype(float)) for m in range(models)]
    return Drawn(times, [CountUnits(one, ONE_TYPE) for one in counts], {"f1": Support(int(gold.sum()))}, {"f1": truth})


def numbers(normal: bool) -> Draw:
    """Regression: gold and predicted numbers jointly normal; or gold in half points of 0 to 5, predictions clipped."""

    def sample(generator: Generator, n: int, level: float, models: int) -> tuple[FloatArray, list[FloatArray]]:
        if normal:
            gold = generator.normal(size=n)
            noise = (1 / level**2 - 1) ** 0.5
            common = generator.normal(size=n)
            own = [generator.normal(size=n) for _ in range(models)]
            mixed = [SHARED**0.5 * common + (1 - SHARED) ** 0.5 * one for one in own] if models > 1 else own
            return gold, [gold + noise * one for one in mixed]
        exact = generator.uniform(0, 5, n)
        noise = 5 / 12**0.5 * (1 / level**2 - 1) ** 0.5
        common = generator.normal(size=n)
        own = [SHARED**0.5 * common + (1 - SHARED) ** 0.5 * generator.normal(size=n) for _ in range(models)]
        return np.round(2 * exact) / 2, [np.clip(exact + noise * one, 0, 5) for one in own]

    @cache
    def truth(level: float) -> dict[str, float]:
        gold, (found,) = sample(np.random.default_rng(0), 2_000_000, level, 1)
        return {
            "pearson": float(np.corrcoef(gold, found)[0, 1]),
            "spearman": float(np.corrcoef(rankdata(gold), rankdata(found))[0, 1]),
            "mae": float(np.abs(gold - found).mean()),
        }

    def draw(generator: Generator, n: int, level: float, models: int) -> Drawn:
        gold, found = sample(generator, n, level, models)
        units = [score_numbers(gold.tolist(), one.tolist(), resamples=0).units for one in found]
        return Drawn(np.ones(n, dtype=np.int64), units, dict.fromkeys(truth(level), Support(n)), truth(level))

    return draw


SETTINGS = {
    "even": Setting(
        {
            "accuracy": "accuracy",
            RECALL: "recall of 1 label in 4",
            "macro_f1": "macro F1, 4 even labels",
            "mcc": "Matthews correlation, 4 even labels",
        },
        LEVELS,
        labels(EVEN),
    ),
    "rare": Setting({"macro_f1": "macro F1, rarest of 4 labels 4 %"}, LEVELS, labels(RARE)),
    "f1": Setting({"f1": "entity F1, by sentences"}, LEVELS, sentences),
    "normal": Setting(
        {"pearson": "Pearson, normal", "spearman": "Spearman, normal"}, CORRELATIONS, numbers(True), tested=False
    ),
    "bounded": Setting(
        {"pearson": "Pearson, 0 to 5", "spearman": "Spearman, 0 to 5 with ties", "mae": "mean absolute error"},
        CORRELATIONS,
        numbers(False),
    ),
}


def resampled(
    drawn: Drawn, resamples: int, generator: Generator
) -> list[tuple[dict[str, float], dict[str, FloatArray]]]:
    """The metrics of each model on the rows themselves, and on the same resamples (R,)."""
    n, kept = int(drawn.times.sum()), np.flatnonzero(drawn.times)
    times = drawn.times[kept].astype(float)
    weights = np.zeros((resamples, len(drawn.times)))
    weights[:, kept] = generator.multinomial(n, times / n, size=resamples)
    found = []
    for units in drawn.models:
        point = units.scores(drawn.times[None].astype(float))
        found.append(({name: float(value[0]) for name, value in point.items()}, units.scores(weights)))
    return found


def covered(metrics: Sequence[str], drawn: Drawn, generator: Generator, resamples: int) -> list[tuple[bool, bool]]:
    """Whether lmfit's interval, and the percentile interval, hold the truth of each metric."""
    ((points, values),) = resampled(drawn, resamples, generator)
    told = []
    for name in metrics:
        support, truth = drawn.support[name], drawn.truth[name]
        found = intervals.interval(name, points[name], values[name], support, int(drawn.times.sum()))
        low, high = np.nanquantile(values[name], (0.025, 0.975))
        ours = found.low is not None and found.high is not None and found.low <= truth <= found.high
        told.append((ours, bool(low <= truth <= high)))
    return told


def alarmed(metrics: Sequence[str], drawn: Drawn, generator: Generator, resamples: int) -> list[tuple[bool, bool]]:
    """Whether two equally good models are called different at 5 %: by lmfit's test, by the percentile interval."""
    a, b = resampled(drawn, resamples, generator)
    n, told = int(drawn.times.sum()), []
    for name in metrics:
        pair = (Sampled(np.array([points[name]]), values[name][None], n) for points, values in (a, b))
        p = mcnemar(*drawn.differ) if name == "accuracy" else subtract(*pair).p
        low, high = np.nanquantile(a[1][name] - b[1][name], (0.025, 0.975))
        told.append((p is not None and p < 0.05, bool(low > 0 or high < 0)))
    return told


def rates(what: Callable[..., list[tuple[bool, bool]]], setting: Setting, trials: int, resamples: int) -> list[str]:
    """The table's rows of a setting: the share of the trials in percent, that of percentile intervals in brackets."""
    cells: dict[tuple[str, int], list[str]] = {}
    for n, level in product(SIZES, setting.levels):
        generator = np.random.default_rng([n, int(1000 * level)])
        costly = setting.levels is CORRELATIONS and n >= 1000
        runs, draws = (max(1, trials // (n // 500)), 200) if costly else (trials, resamples)
        models = 2 if what is alarmed else 1
        found = [
            what(list(setting.metrics), setting.draw(generator, n, level, models), generator, draws)
            for _ in range(runs)
        ]
        for name, (ours, percentile) in zip(setting.metrics, 100 * np.mean(found, axis=0), strict=True):
            cells.setdefault((name, n), []).append(f"{ours:.1f} ({percentile:.1f})")
    rows = sorted(cells, key=lambda key: list(setting.metrics).index(key[0]))
    return [f"| {setting.metrics[name]} | {n:,} | {' | '.join(cells[name, n])} |" for name, n in rows]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--only", nargs="*", default=list(SETTINGS), choices=list(SETTINGS))
    options = parser.parse_args()
    started = time.process_time()
    tables = (("coverage of 95 % intervals, %", covered, 1), ("false alarms at 5 %, %", alarmed, 2))
    for title, what, times in tables:
        for levels in (LEVELS, CORRELATIONS):
            print(f"\n| {title} | rows | " + " | ".join(map(str, levels)) + " |\n" + "|---" * (len(levels) + 2) + "|")
            for name in options.only:
                if SETTINGS[name].levels is levels and (what is covered or SETTINGS[name].tested):
                    rows = rates(what, SETTINGS[name], times * options.trials, options.resamples)
                    print("\n".join(rows), flush=True)
    print(f"\n{time.process_time() - started:.0f} s of CPU time")


if __name__ == "__main__":
    main()
