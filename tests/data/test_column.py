"""Columns on disk, and what is found with them when they are read in many small blocks."""

from pathlib import Path

import numpy as np
import pytest

from lmfit.data import column
from lmfit.data.audit import sketch
from lmfit.data.audit.overlap import find_duplicates, find_overlaps
from lmfit.data.audit.scan import scan
from lmfit.data.audit.sketch import candidates
from lmfit.data.column import Column, blocks, parts
from lmfit.data.example import Example, Origin


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFIT_CACHE", str(tmp_path))


def test_rows_come_back_and_no_file_is_left(tmp_path: Path) -> None:
    kept = Column(np.int32, 2)
    assert kept.array().shape == (0, 2)
    kept.append(np.array([[1, 2], [3, 4]]))
    kept.append(np.array([[5, 6]]))
    assert kept.array().tolist() == [[1, 2], [3, 4], [5, 6]]
    assert list(tmp_path.iterdir()) == []


def test_equal_hashes_share_a_part_and_every_row_is_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column, "BLOCK", 7)
    generator = np.random.default_rng(0)
    one = generator.integers(0, 2**64, 50, np.uint64, endpoint=False)
    other = np.concatenate([one[::3], np.array([0, 2**64 - 1], np.uint64)])
    found = list(parts(one, other))
    assert len(found) == 8
    assert sorted(np.concatenate([mine for mine, _ in found]).tolist()) == list(range(50))
    assert sorted(np.concatenate([theirs for _, theirs in found]).tolist()) == list(range(len(other)))
    homes = [{int(h) for h in one[mine]} | {int(h) for h in other[theirs]} for mine, theirs in found]
    assert sum(map(len, homes)) == len({*one.tolist(), *other.tolist()})
    assert [begin for begin, _ in blocks(one)] == [0, 7, 14, 21, 28, 35, 42, 49]


def naive(known: np.ndarray, asked: np.ndarray) -> list[tuple[int, int]]:
    shared: dict[tuple[int, int], int] = {}
    for band in range(known.shape[1]):
        for a, key in enumerate(asked[:, band]):
            for k in [k for k, other in enumerate(known[:, band]) if other == key and key][:4]:
                shared[a, k] = shared.get((a, k), 0) + 1
    return sorted(shared, key=lambda pair: (-shared[pair], pair))


def test_candidates_are_the_same_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    known, asked = (generator.integers(0, 9, (rows, 12)).astype(np.uint32) << 28 for rows in (60, 35))
    expected = naive(known, asked)
    assert [tuple(pair) for pair in candidates(known, asked).tolist()] == expected
    monkeypatch.setattr(column, "BLOCK", 11)
    monkeypatch.setattr(sketch, "_ASKED", 8)
    assert [tuple(pair) for pair in candidates(known, asked).tolist()] == expected
    skip = np.arange(35) % 2 == 0
    kept = [pair for pair in expected if not skip[pair[0]]]
    assert [tuple(pair) for pair in candidates(known, asked, skip, 10).tolist()] == kept[:10]


def test_findings_are_the_same_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(2)

    def rows(file: str, number: int) -> list[Example]:
        drawn = generator.integers(0, [40, 2], (number, 2)).tolist()
        return [Example(Origin(file, i), f"text {a}", label=str(b)) for i, (a, b) in enumerate(drawn, start=1)]

    splits = {"train": rows("a", 60), "test": rows("b", 30)}
    scans = {name: scan(one, lambda e: [str(e.label)], sketched=True) for name, one in splits.items()}
    whole = find_duplicates("train", scans["train"]), find_overlaps(scans)
    monkeypatch.setattr(column, "BLOCK", 9)
    small = find_duplicates("train", scans["train"]), find_overlaps(scans)
    assert (whole[0], whole[1][0]) == (small[0], small[1][0])
    assert whole[1][1]["test"].tolist() == small[1][1]["test"].tolist()
    assert [one.kind for one in whole[0]] == ["conflicting-labels", "duplicates"]
