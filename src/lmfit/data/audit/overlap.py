"""Rows that stand more than once: in one split, in two splits, letter by letter or nearly."""

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lmfit.data.audit.scan import Scan
from lmfit.data.audit.sketch import NEAR, Codes, Hashes, candidates, shingles, similarity, smallest
from lmfit.data.example import Example
from lmfit.data.findings import SHOWN_PLACES, Finding
from lmfit.data.normal import normal_text

_MOST_PAIRS = 40_000
_DROP = "take these rows out of the training data, or out of {split}; a score on them says nothing about new texts"


def find_duplicates(name: str, scan: Scan) -> list[Finding]:
    """Rows whose text stands earlier in the split: with another label (a warning), or with the same (a notice)."""
    order, first = _first_of_each(scan.hashes)
    again = np.flatnonzero(first != np.arange(len(first)))
    unlike = again[scan.answers[again] != scan.answers[first[again]]]
    alike = again[scan.answers[again] == scan.answers[first[again]]]
    found = []
    if len(unlike):
        what = f"rows that repeat a text with another label: {len(unlike):,}"
        fix = "decide on one label for equal texts"
        found.append(_pairs("conflicting-labels", "warning", what, fix, name, (scan, unlike), (scan, first[unlike])))
    if len(alike):
        what = f"rows that repeat an earlier one: {len(alike):,} of {len(order):,}"
        fix = "each copy weighs anew in training and in scores; take copies out if they are not meant"
        found.append(_pairs("duplicates", "notice", what, fix, name, (scan, alike), (scan, first[alike])))
    return found


def find_overlaps(scans: Mapping[str, Scan]) -> tuple[list[Finding], dict[str, NDArray[np.bool_]]]:
    """Rows of one split that an earlier split holds too; and for each later split which of its rows train holds."""
    found: list[Finding] = []
    in_train: dict[str, NDArray[np.bool_]] = {}
    for known, asked in combinations(scans, 2):
        shared, where = _found_in(scans[asked].hashes, scans[known].hashes)
        if known == "train":
            in_train[asked] = np.isin(np.arange(len(scans[asked].hashes)), shared)
        if not len(shared):
            continue
        unlike = int((scans[asked].answers[shared] != scans[known].answers[where]).sum())
        told = f", {unlike:,} of them with another label" if unlike else ""
        place = "the training data" if known == "train" else f"the {known} data"
        what = f"texts that are in {place} too: {len(shared):,} of {len(scans[asked].hashes):,}{told}"
        fix = _DROP.format(split=asked) if known == "train" else f"take them out of {asked} or of {known}"
        sides = (scans[asked], shared), (scans[known], where)
        found.append(_pairs("overlap", "warning", what, fix, asked, *sides))
    return found, in_train


def find_near(
    name: str, scans: Mapping[str, Scan], splits: Mapping[str, Iterable[Example]], exact: NDArray[np.bool_]
) -> list[Finding]:
    """Rows of a split that are nearly a row of train: the same but for a few words. Candidates are read again.

    Where there are very many candidates, those that share most bands are compared.
    """
    asked, known = scans[name], scans["train"]
    pairs = candidates(known.bands, asked.bands)
    pairs = pairs[~exact[pairs[:, 0]]]
    at_least = "at least " if len(pairs) > _MOST_PAIRS else ""
    pairs = pairs[:_MOST_PAIRS]
    if not len(pairs):
        return []
    first = _shingles_of(splits[name], pairs[:, 0], known.width)
    second = _shingles_of(splits["train"], pairs[:, 1], known.width)
    alike = np.array([similarity(first[int(a)], second[int(b)]) for a, b in pairs])
    best = np.lexsort((-alike, pairs[:, 0]))
    best = best[np.unique(pairs[best, 0], return_index=True)[1]]
    best = best[alike[best] >= NEAR]
    if not len(best):
        return []
    what = f"texts that are nearly in the training data (they share {NEAR:.0%} or more of their short character runs): "
    what += f"{at_least}{len(best):,} of {len(asked.hashes):,}"
    sides = (asked, pairs[best, 0]), (known, pairs[best, 1])
    fix = f"templates or edited copies? Then split by their source, or take them out of {name}"
    return [_pairs("near-overlap", "warning", what, fix, name, *sides)]


def _first_of_each(hashes: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All rows in order, and for each the first row with the same hash."""
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    return np.arange(len(hashes)), first[inverse]


def _found_in(asked: Hashes, known: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of `asked` that `known` holds, and the first row of `known` for each."""
    distinct, first = np.unique(known, return_index=True)
    at = np.searchsorted(distinct, asked).clip(max=max(0, len(distinct) - 1))
    shared = np.flatnonzero(distinct[at] == asked) if len(distinct) else np.zeros(0, np.int64)
    return shared, first[at[shared]]


def _shingles_of(examples: Iterable[Example], rows: NDArray[np.int64], width: int) -> dict[int, Hashes]:
    """The shingles of some rows of a split (their smallest hashes), read once more."""
    wanted = set(rows.tolist())
    return {
        row: smallest(shingles(Codes.of([normal_text(example)]), width)[0])
        for row, example in enumerate(examples)
        if row in wanted
    }


Rows = tuple[Scan, NDArray[np.int64]]


def _pairs(kind: str, severity: str, what: str, fix: str, split: str, asked: Rows, known: Rows) -> Finding:
    """A finding whose places are pairs "here = there"."""
    sides = zip(asked[1][:SHOWN_PLACES], known[1][:SHOWN_PLACES], strict=True)
    places = tuple(f"{asked[0].place(a)} = {known[0].place(b)}" for a, b in sides)
    return Finding(kind, severity, what, split, len(asked[1]), places, fix)  # type: ignore[arg-type]
