import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmfit.data.cache import cache_folder
from lmfit.data.rows import Row, cached_rows


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFIT_CACHE", str(tmp_path / "cache"))


def make_rows(count: int = 2500) -> Iterator[Row]:
    for i in range(count):
        yield Row({"input_ids": [i] * (1 + i % 7), "labels": [-100] * (1 + i % 7)}, {"target": i / 3, "many": [i, 1.5]})


def never() -> Iterator[Row]:
    raise AssertionError("tokenised again")
    yield


def test_rows_come_back_as_they_went() -> None:
    rows = cached_rows({"a": 1}, make_rows(), lambda: {"counts": {"rows": 2500}})
    assert len(rows) == 2500
    assert rows.lengths[:8].tolist() == [1, 2, 3, 4, 5, 6, 7, 1]
    last = rows[2499]
    assert last.tokens["input_ids"].tolist() == [2499]
    assert last.values["target"] == 2499 / 3
    assert last.values["many"].tolist() == [2499, 1.5]
    assert rows.stats == {"counts": {"rows": 2500}}


def test_the_same_key_does_not_read_the_stream_again() -> None:
    cached_rows({"a": 1}, make_rows(), dict)
    assert len(cached_rows({"a": 1}, never(), dict)) == 2500


def test_another_key_is_another_entry() -> None:
    cached_rows({"a": 1}, make_rows(3), dict)
    assert len(cached_rows({"a": 2}, make_rows(4), dict)) == 4


def test_a_failed_stream_leaves_nothing() -> None:
    def broken() -> Iterator[Row]:
        yield from make_rows(1500)
        raise ValueError("bad row")

    with pytest.raises(ValueError, match="bad row"):
        cached_rows({"a": 1}, broken(), dict)
    assert list((cache_folder() / "rows").iterdir()) == []


def test_no_row_at_all() -> None:
    assert len(cached_rows({"a": 1}, iter(()), dict)) == 0


def test_a_truncated_entry_is_written_anew() -> None:
    cached_rows({"a": 1}, make_rows(), dict)
    (file,) = cache_folder().rglob("token.input_ids.bin")
    file.write_bytes(file.read_bytes()[:-400])
    assert cached_rows({"a": 1}, make_rows(), dict)[2499].tokens["input_ids"].tolist() == [2499]


def _write(barrier: Any, results: Any) -> None:
    barrier.wait()
    rows = cached_rows({"shared": 1}, make_rows(20_000), dict)
    results.put(int(np.sum(rows.tokens["input_ids"])))


def test_two_processes_at_once_are_safe() -> None:
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=_write, args=(barrier, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    sums = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert sums == {sum(i * (1 + i % 7) for i in range(20_000))}
    assert len(list((cache_folder() / "rows").iterdir())) == 1
