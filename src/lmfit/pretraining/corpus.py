"""The corpus: documents of all sources, without duplicates, divided by document into train, validation and test."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmfit.config.pretraining import CorpusConfig
from lmfit.data.batching import key
from lmfit.data.source import fingerprint_of
from lmfit.errors import DataError
from lmfit.pretraining.duplicates import Kept, without_duplicates
from lmfit.pretraining.keyed import mixed
from lmfit.pretraining.overlap import read_evaluation_sets
from lmfit.pretraining.readers import parts_of
from lmfit.pretraining.store import Stored, collect

SPLITS = ("train", "validation", "test")
LEFT_OUT = -1
PIECE = 500
_FEWEST = 3


@dataclass(frozen=True)
class Corpus:
    """The documents of all files, one after the other. split: (N,) int8, a place in SPLITS, or -1 for what is left out.

    facts: what was read, left out, held out, for the ledger; notices: what readers said.
    """

    stored: Sequence[Stored]
    split: np.ndarray
    facts: dict[str, Any]
    notices: list[str]
    fingerprint: str

    def count(self, split: str) -> int:
        """Documents of a split."""
        return int((self.split == SPLITS.index(split)).sum())

    def texts(self, split: str, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, list[str]]]:
        """(source, texts) for pieces of at most 500 documents of a split; from the `begin`-th up to the `end`-th."""
        chosen = np.flatnonzero(self.split == SPLITS.index(split))[begin:end]
        bounds = np.searchsorted(chosen, np.cumsum([0, *map(len, self.stored)]))
        place = 0
        for stored, low, high in zip(self.stored, bounds[:-1], bounds[1:], strict=True):
            for first in range(low, high, PIECE):
                yield stored.source, stored.texts(map(int, chosen[first : min(first + PIECE, high)] - place))
            place += len(stored)


def load_corpus(config: CorpusConfig) -> Corpus:
    """Read (or find in the cache), drop duplicates, hold documents out.

    Raises DataError for what cannot be read, and where fewer than three documents are left.
    """
    stored = [collect(part, config) for part in parts_of(config)]
    kept = without_duplicates(stored, config.duplicates, config.near)
    split = np.where(kept.keep, np.int8(0), np.int8(LEFT_OUT)).astype(np.int8)
    overlaps = _overlaps(config, stored, split)
    count = int((split == 0).sum())
    if count < _FEWEST:
        raise _too_few(stored, kept, count, sum(overlaps.values()) if config.overlap == "drop" else 0)
    _hold_out(config, stored, split)
    facts = _facts(stored, kept, split, overlaps)
    notices = list(dict.fromkeys(told for part in stored for told in part.facts["notices"]))
    decided = [[part.folder.name for part in stored], config.duplicates, config.near, config.held_out]
    more = [config.split_seed, config.overlap, sorted(config.evaluation_sets), overlaps]
    return Corpus(stored, split, facts, notices, fingerprint_of(["corpus", *decided, *more]))


def _hold_out(config: CorpusConfig, stored: Sequence[Stored], split: np.ndarray) -> None:
    """Documents by the place of their hash: half of held_out to test, half to validation, at least one each."""
    hashes = np.concatenate([np.asarray(part.hashes) for part in stored])
    with np.errstate(over="ignore"):
        places = mixed(hashes + np.uint64(key(config.split_seed, "held out"))) / 2.0**64
    places = np.where(split == 0, places, np.inf)
    test = max(config.held_out / 2, np.nextafter(places.min(), 1))
    split[places < test] = SPLITS.index("test")
    lowest = places[places >= test].min(initial=np.inf)
    validation = max(config.held_out, np.nextafter(lowest, 1))
    split[(places >= test) & (places < validation)] = SPLITS.index("validation")


def _overlaps(config: CorpusConfig, stored: Sequence[Stored], split: np.ndarray) -> dict[str, int]:
    """How many documents share 13 words in a row with an evaluation set, by its file; dropped where asked for."""
    sets = read_evaluation_sets(config.evaluation_sets, config.text)
    found: Counter[str] = Counter(dict.fromkeys(sets.files, 0))
    place = 0
    for part in stored if sets.files else ():
        for number in np.flatnonzero(split[place : place + len(part)] == 0):
            met = sets.met_in(*part.texts([int(number)]))
            if met is not None:
                found[met] += 1
                split[place + number] = LEFT_OUT if config.overlap == "drop" else 0
        place += len(part)
    return dict(found)


def _facts(stored: Sequence[Stored], kept: Kept, split: np.ndarray, overlaps: dict[str, int]) -> dict[str, Any]:
    left_out: Counter[str] = Counter()
    for part in stored:
        left_out.update(part.facts["left_out"])
    return {
        "files": {part.path: {"documents": part.facts["documents"], "bytes": part.facts["bytes"]} for part in stored},
        "read": sum(part.facts["documents"] for part in stored),
        "words": sum(part.facts["words"] for part in stored),
        "left_out": dict(left_out),
        "duplicates": {"exact": kept.exact, "near": kept.near},
        "overlap": overlaps,
        "splits": {name: int((split == number).sum()) for number, name in enumerate(SPLITS)},
    }


def _too_few(stored: Sequence[Stored], kept: Kept, count: int, overlapping: int) -> DataError:
    read = sum(part.facts["documents"] for part in stored)
    where = ", ".join(part.path for part in stored[:3])
    if read < _FEWEST:
        told = {0: "there is no document", 1: "there is one document only"}.get(
            read, f"there are only {read} documents"
        )
        fix = "a held-out part needs at least three; say what one is: data.documents: line, blank or file"
        return DataError(f"{told} in the corpus", where=where, fix=fix)
    rules = Counter[str]()
    for part in stored:
        rules.update(part.facts["left_out"])
    gone = [f"{name} {number:,}" for name, number in rules.items()]
    gone += [f"duplicates {kept.exact + kept.near:,}"] if kept.exact + kept.near else []
    gone += [f"overlap with data.evaluation_sets {overlapping:,}"] if overlapping else []
    fix = "data.duplicates, data.filters and data.overlap say what is taken out"
    return DataError(f"of {read:,} documents {count} are left: {', '.join(gone)}", where=where, fix=fix)
