"""The first page of a compressed run, from facts alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from lmfit.evaluation.report import write_report

SCORE = {"value": 0.85, "low": 0.8, "high": 0.9, "n": 50, "better": "higher"}


def page(folder: Path, **verdict: Any) -> str:
    run = {"status": "finished", "stage": "compress", "headline": {"split": "test", "metric": "f1"}}
    metric = {"metric": "f1", "parent": SCORE, "child": SCORE, "difference": {"value": -0.004}}
    certificate = {"metric": metric, "size": {"ratio": 3.91}, "speed": {"latency_ratio": 2.04}, "verdict": verdict}
    certificate |= {"parity": {"label_agreement": 0.9978}}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "metrics.json").write_text(json.dumps({"test": {"f1": SCORE}}))
    (folder / "certificate.json").write_text(json.dumps(certificate))
    return write_report(folder).read_text(encoding="utf-8")


def test_the_first_page_says_what_was_lost_and_gained(tmp_path: Path) -> None:
    shown = page(tmp_path, holds=None, sentence="no limit")
    assert "0.850 on the test split (-0.004 against its parent); 3.9 times smaller, and 2.0 times as fast" in shown
    assert "0.998" in shown
    assert 'id="curves"' not in shown


@pytest.mark.parametrize(("holds", "told"), [(True, "Compressed<"), (False, "a limit is not kept")])
def test_a_missed_limit_is_told_first(holds: bool, told: str, tmp_path: Path) -> None:
    assert told in page(tmp_path, holds=holds, sentence="")
