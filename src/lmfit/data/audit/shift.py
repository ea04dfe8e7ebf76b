"""Do two sets of rows look alike in labels, scripts and lengths?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lmfit.data.audit.scan import Profile

LEAST_SHIFT = 0.1
SHIFT_WORDS = {"labels": "shares of the labels", "scripts": "scripts of the texts", "lengths": "lengths of the texts"}
_SURE = 0.001
_SHOWN = 3


@dataclass(frozen=True)
class Shift:
    """How far two distributions lie apart: 0 alike, 1 nothing in common (total variation); `told`: where most."""

    distance: float
    told: str


def shift(before: Mapping[str, int], after: Mapping[str, int]) -> Shift | None:
    """The shift between two counts of rows, or None where it is small (below 0.1) or may be chance.

    Chance: a chi-squared test of homogeneity with p >= 0.001.
    """
    names = sorted({*before, *after})
    counts = np.array([[part.get(name, 0) for name in names] for part in (before, after)], np.float64)
    if len(names) < 2 or not counts.sum(axis=1).all():
        return None
    shares = counts / counts.sum(axis=1, keepdims=True)
    apart = shares[1] - shares[0]
    distance = float(np.abs(apart).sum() / 2)
    if distance < LEAST_SHIFT or _by_chance(counts):
        return None
    most = np.argsort(-np.abs(apart), kind="stable")[:_SHOWN]
    return Shift(distance, ", ".join(f"{names[i]} {shares[0][i]:.0%} -> {shares[1][i]:.0%}" for i in most))


def shifts(before: Profile, after: Profile) -> dict[str, Shift]:
    """The shifts between two profiles by what they are of: labels, scripts, lengths."""
    parts = {
        "labels": (before.labels, after.labels),
        "scripts": (before.scripts, after.scripts),
        "lengths": (before.lengths, after.lengths),
    }
    found = {name: shift(*pair) for name, pair in parts.items()}
    return {name: one for name, one in found.items() if one is not None}


def _by_chance(counts: np.ndarray) -> bool:
    from scipy.stats import chi2_contingency

    return bool(chi2_contingency(counts).pvalue >= _SURE)
