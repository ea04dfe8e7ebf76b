"""The section about a transfer, from facts alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from lmfit.evaluation.report import write_report
from lmfit.evaluation.report.files import read_run
from lmfit.evaluation.report.transfer import transfer
from lmfit.evaluation.report.words import Words


def entry(value: float, reach: float = 0.1) -> dict[str, Any]:
    return {"value": value, "low": value - reach, "high": value + reach, "n": 50, "better": "higher"}


def point(rows: int, after: float, without: float) -> dict[str, Any]:
    return {"rows": rows, "transfer": entry(after), "control": entry(without), "gain": entry(after - without)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lost = {"name": "source-1", "split": "test", "metric": "accuracy"}
    lost |= {"before": entry(0.9), "after": entry(0.7), "difference": entry(-0.2)}
    facts = {"seeds": 3, "split": "test", "metric": "accuracy", "outcome": "hurt", "control": "children/control-seed-1"}
    facts |= {"curve": [point(16, 0.5, 0.25), point(200, 0.6, 0.8)], "forgotten": [lost]}
    (tmp_path / "run.json").write_text(json.dumps({"status": "finished", "transfer": facts}))
    return tmp_path


def test_a_transfer_that_hurt_names_the_control(folder: Path) -> None:
    view = transfer(read_run(folder), Words("en"))
    assert view is not None
    assert view.sentence.startswith("Transfer hurt")
    assert "children/control-seed-1" in view.sentence
    assert view.rows[0] == ["16", "0.500 (0.400 – 0.600)", "0.250 (0.150 – 0.350)", "0.250 (0.150 – 0.350)"]
    assert view.lost[0][3].startswith("−0.200")
    assert view.chart is not None
    assert view.chart.count("<circle") == 4


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_holds_it(folder: Path, language: str) -> None:
    (folder / "config.yaml").write_text(f"evaluation: {{language: {language}}}\n")
    write_report(folder, status="finished")
    page = (folder / "report.html").read_text()
    assert '<section id="transfer">' in page
    assert "children/control-seed-1" in page


def test_nothing_without_a_transfer(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert transfer(read_run(tmp_path), Words("en")) is None
