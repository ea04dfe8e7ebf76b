"""Do 95 % intervals of a mean over seeds hold the truth 95 times in 100? Classifiers whose truth is known.

    python scripts/benchmarks/seed_intervals.py --trials 600

A classifier gets row u right with probability Phi(skill_s + ease_u): `ease` is drawn for every test row and shared by
the seeds, `skill` is drawn for every seed. The truth is the accuracy over all seeds and all rows.
Compared with lmfit's intervals: the bootstrap of rows alone (seeds taken as fixed), and percentiles of seeds and rows
resampled together (Owen 2007).
"""

import argparse
import warnings

import numpy as np
from scipy.stats import norm

from lmfit.evaluation.metrics import score_labels
from lmfit.evaluation.pairs import sample
from lmfit.evaluation.scores import Scores
from lmfit.evaluation.seeds import mean_over_seeds

EASE = 2.0
RESAMPLES = 300


def scored(right: np.ndarray) -> Scores:
    """The scores of one classifier: right (U,) of two labels in turn."""
    gold = np.arange(len(right)) % 2
    gold_names, predicted = (np.array(["a", "b"])[ids].tolist() for ids in (gold, np.where(right, gold, 1 - gold)))
    return score_labels(gold_names, predicted, ["a", "b"], resamples=0)


def both_resampled(scores: list[Scores], generator: np.random.Generator) -> np.ndarray:
    """Seeds and rows drawn with replacement together: (2,) percentiles."""
    (found,) = sample(["accuracy"], [[one.units for one in scores]], RESAMPLES, 1)
    sampled = found["accuracy"].resampled
    k = len(sampled)
    drawn = generator.integers(k, size=(k, sampled.shape[1]))
    return np.quantile(np.take_along_axis(sampled, drawn, axis=0).mean(axis=0), (0.025, 0.975))


def coverage(rows: int, seeds: int, skill_sd: float, trials: int) -> dict[str, tuple[float, float]]:
    """Method -> (share of the trials whose interval holds the truth, mean width)."""
    generator = np.random.default_rng([rows, seeds, int(1000 * skill_sd)])
    level = 1.4 * (1 + EASE**2) ** 0.5
    truth = norm.cdf(level / (1 + EASE**2 + skill_sd**2) ** 0.5)
    hits: dict[str, list[tuple[bool, float]]] = {}
    for _ in range(trials):
        ease = generator.normal(level, EASE, rows)
        skill = generator.normal(0, skill_sd, (seeds, 1))
        right = generator.random((seeds, rows)) < norm.cdf(skill + ease)
        scores = [scored(row) for row in right]
        found = mean_over_seeds(scores, RESAMPLES, 1).metrics["accuracy"]
        intervals = {
            "rows alone": (found["spread"]["rows_low"], found["spread"]["rows_high"]),
            "both resampled": tuple(both_resampled(scores, generator)),
            "lmfit": (found["low"], found["high"]),
        }
        for name, (low, high) in intervals.items():
            hits.setdefault(name, []).append((low <= truth <= high, high - low))
    return {
        name: (float(np.mean([h for h, _ in held])), float(np.mean([w for _, w in held])))
        for name, held in hits.items()
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=600)
    trials = parser.parse_args().trials
    warnings.simplefilter("ignore")
    print("| test rows | seeds | sd of the seeds' skill | rows alone | both resampled | lmfit |\n" + "|---" * 6 + "|")
    for rows in (300, 2000):
        for seeds in (3, 5):
            for skill_sd in (0.0, 0.05, 0.1, 0.3):
                found = coverage(rows, seeds, skill_sd, trials)
                cells = " | ".join(f"{held:.3f} (width {width:.3f})" for held, width in found.values())
                print(f"| {rows} | {seeds} | {skill_sd} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
