"""Rows that stand more than once: in one split, in two splits, letter by letter or nearly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lmfit.data.audit.scan import Scan
from lmfit.data.audit.sketch import NEAR, Codes, Hashes, candidates, shingles, similarity, smallest
from lmfit.data.column import parts
from lmfit.data.example import Example
from lmfit.data.findings import SHOWN_PLACES, Finding, Severity
from lmfit.data.normal import normal_text

Places = NDArray[np.int64]

_MOST_PAIRS = 40_000
_DROP = "take these rows out of the training data, or out of {split}; a score on them says nothing about new texts"


def find_duplicates(name: str, scan: Scan) -> list[Finding]:
    """Rows whose text stands earlier in the split: with another label (a warning), or with the same (a notice)."""
    unlike, alike = _Pairs(scan, scan), _Pairs(scan, scan)
    for (rows,) in parts(scan.hashes):
        _, first, inverse = np.unique(scan.hashes[rows], return_index=True, return_inverse=True)
        here, there = rows, rows[first[inverse]]
        again = here != there
        _sort_out(unlike, alike, here[again], there[again])
    found = []
    if unlike.count:
        what = f"rows that repeat a text with another label: {unlike.count:,}"
        fix = "decide on one label for equal texts"
        found.append(unlike.finding("conflicting-labels", "warning", what, fix, name))
    if alike.count:
        what = f"rows that repeat an earlier one: {alike.count:,} of {len(scan.hashes):,}"
        fix = "each copy weighs anew in training and in scores; take copies out if they are not meant"
        found.append(alike.finding("duplicates", "notice", what, fix, name))
    return found


def find_overlaps(scans: Mapping[str, Scan]) -> tuple[list[Finding], dict[str, NDArray[np.bool_]]]:
    """Rows of one split that an earlier split holds too; and for each later split which of its rows train holds."""
    found: list[Finding] = []
    in_train: dict[str, NDArray[np.bool_]] = {}
    for known, asked in combinations(scans, 2):
        both, unlike = _Pairs(scans[asked], scans[known]), _Pairs(scans[asked], scans[known])
        held = np.zeros(len(scans[asked].hashes), bool)
        for theirs, ours in parts(scans[known].hashes, scans[asked].hashes):
            here, there = _found_in(scans[asked].hashes, ours, scans[known].hashes, theirs)
            held[here] = True
            both.add(here, there)
            unlike.add(*_unlike(scans[asked], here, scans[known], there))
        if known == "train":
            in_train[asked] = held
        if not both.count:
            continue
        told = f", {unlike.count:,} of them with another label" if unlike.count else ""
        place = "the training data" if known == "train" else f"the {known} data"
        what = f"texts that are in {place} too: {both.count:,} of {len(held):,}{told}"
        fix = _DROP.format(split=asked) if known == "train" else f"take them out of {asked} or of {known}"
        found.append(both.finding("overlap", "warning", what, fix, asked))
    return found, in_train


def find_near(
    name: str, scans: Mapping[str, Scan], splits: Mapping[str, Iterable[Example]], exact: NDArray[np.bool_]
) -> list[Finding]:
    """Rows of a split that are nearly a row of train: the same but for a few words. Candidates are read again.

    Where there are very many candidates, those that share most bands are compared.
    """
    asked, known = scans[name], scans["train"]
    pairs = candidates(known.bands, asked.bands, exact, _MOST_PAIRS + 1)
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
    near = _Pairs(asked, known)
    near.add(pairs[best, 0], pairs[best, 1])
    fix = f"templates or edited copies? Then split by their source, or take them out of {name}"
    return [near.finding("near-overlap", "warning", what, fix, name)]


@dataclass
class _Pairs:
    """Rows of one split, each beside a row of another (or the same) one: how many, and the first of them."""

    asked: Scan
    known: Scan
    count: int = 0
    _first: list[tuple[int, int]] = field(default_factory=list)

    def add(self, here: Places, there: Places) -> None:
        """Count these pairs; they come in the order of `here`."""
        self.count += len(here)
        some = zip(here[:SHOWN_PLACES].tolist(), there[:SHOWN_PLACES].tolist(), strict=True)
        self._first = sorted([*self._first, *some])[:SHOWN_PLACES]

    def finding(self, kind: str, severity: Severity, what: str, fix: str, split: str) -> Finding:
        """A finding whose places are pairs "here = there"."""
        places = tuple(f"{self.asked.place(here)} = {self.known.place(there)}" for here, there in self._first)
        return Finding(kind, severity, what, split, self.count, places, fix)


def _sort_out(unlike: _Pairs, alike: _Pairs, here: Places, there: Places) -> None:
    """Pairs of one split by whether their labels are the same."""
    differ = unlike.asked.answers[here] != unlike.asked.answers[there]
    unlike.add(here[differ], there[differ])
    alike.add(here[~differ], there[~differ])


def _unlike(asked: Scan, here: Places, known: Scan, there: Places) -> tuple[Places, Places]:
    differ = asked.answers[here] != known.answers[there]
    return here[differ], there[differ]


def _found_in(asked: Hashes, ours: Places, known: Hashes, theirs: Places) -> tuple[Places, Places]:
    """Those of our rows (of `asked`) whose hash stands in their rows (of `known`), and the first such row for each."""
    distinct, first = np.unique(known[theirs], return_index=True)
    if not len(distinct):
        return ours[:0], theirs[:0]
    wanted = asked[ours]
    at = np.searchsorted(distinct, wanted).clip(max=len(distinct) - 1)
    shared = np.flatnonzero(distinct[at] == wanted)
    return ours[shared], theirs[first[at[shared]]]


def _shingles_of(examples: Iterable[Example], rows: NDArray[np.int64], width: int) -> dict[int, Hashes]:
    """The shingles of some rows of a split (their smallest hashes), read once more."""
    wanted = set(rows.tolist())
    return {
        row: smallest(shingles(Codes.of([normal_text(example)]), width)[0])
        for row, example in enumerate(examples)
        if row in wanted
    }
