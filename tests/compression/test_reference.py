from pathlib import Path

import numpy as np
import pytest

from lmfit.compression.certificate import agreement, judged
from lmfit.compression.reference import Reference, read_reference
from lmfit.config.compression import CertificateLimits
from lmfit.data.rows import Row
from lmfit.errors import InputError


def row(*ids: int) -> Row:
    return Row({"input_ids": np.array(ids), "labels": np.array(ids) + 1})


def test_words_come_back_as_they_were(tmp_path: Path) -> None:
    answers = [[np.ones((2, 3), np.float32)], [np.zeros((1, 3), np.float32), np.full((3, 3), 2, np.float32)]]
    made = Reference([[row(1, 2)], [row(3), row(4, 5, 6)]], answers, [np.array([0, 1]), np.array([1, 1, 0, 2])])
    made.save(tmp_path / "a.npz")
    back = read_reference(tmp_path / "a.npz")
    assert [[one.tokens["labels"].tolist() for one in rows] for rows in back.rows] == [[[2, 3]], [[4], [5, 6, 7]]]
    assert [[one.tolist() for one in rows] for rows in back.answers] == [[o.tolist() for o in a] for a in answers]
    assert back.decided is not None
    assert [one.tolist() for one in back.decided] == [[0, 1], [1, 1, 0, 2]]


def test_texts_come_back_as_they_were(tmp_path: Path) -> None:
    answers = [[np.array([1, 2], np.float32)], [np.array([3, 4], np.float32), np.array([5, 6], np.float32)]]
    Reference([[row(1, 2)], [row(3), row(4)]], answers, None).save(tmp_path / "a.npz")
    back = read_reference(tmp_path / "a.npz")
    assert [[one.tolist() for one in rows] for rows in back.answers] == [[[1, 2]], [[3, 4], [5, 6]]]
    assert back.decided is None


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(InputError, match="rows that the certificate rests on"):
        read_reference(tmp_path / "a.npz")


def test_rows_of_other_lengths_than_told_are_damage(tmp_path: Path) -> None:
    Reference([[row(1, 2)], [row(3, 4, 5)]], [[np.ones(2, np.float32)]] * 2, None).save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    for changed in ({"lengths": np.array([2, 2])}, {"counts": np.array([1])}, {"token.labels": np.arange(3)}):
        np.savez(tmp_path / "b.npz", **(arrays | changed))
        with pytest.raises(InputError, match="not as long as it says"):
            read_reference(tmp_path / "b.npz")


def test_agreement_counts_items() -> None:
    assert agreement([np.array([1, 2]), np.array([3])], [np.array([1, 0]), np.array([3])]) == pytest.approx(2 / 3)
    assert agreement([None], None) is None


@pytest.mark.parametrize(("value", "limit", "holds"), [(-0.01, 0.02, True), (-0.03, 0.02, False), (-0.5, None, None)])
def test_limits_decide(value: float, limit: float | None, holds: bool | None) -> None:
    measured = {"metric": "f1", "difference": {"value": value, "low": value - 0.01, "high": value + 0.01}}
    assert judged(CertificateLimits(max_drop=limit), measured, "test")["holds"] is holds
    assert judged(CertificateLimits(max_drop=limit), None, "train")["holds"] is None


def test_an_undefined_metric_keeps_no_limit() -> None:
    measured = {"metric": "f1", "difference": {"value": None, "low": None, "high": None}}
    found = judged(CertificateLimits(max_drop=0.01), measured, "test")
    assert found["holds"] is None
    assert "was not measured" in found["sentence"]
