"""What a watched process knows of itself: every phase, however short."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from lmfit.stages.killed import Watcher
from lmfit.stages.verify_resume import CHECKPOINT, TRAINING, Moment


def test_every_visit_is_seen_and_the_innermost_phase_counts(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path / "run", None)
    write = watcher.watched(lambda: None, CHECKPOINT)
    step = watcher.watched(write, TRAINING)
    for _ in range(3):
        step()
    watcher.tell()
    assert len(watcher.seconds[CHECKPOINT]) == 3
    assert len(watcher.seconds[TRAINING]) == 6  # before and after each checkpoint
    assert set(json.loads((tmp_path / "run.seen.json").read_text())) == {CHECKPOINT, TRAINING}


def test_the_moment_is_met_in_a_later_visit_where_the_first_is_too_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda process, number: killed.append(number))
    watcher = Watcher(tmp_path / "run", Moment(TRAINING, 0, 0.4))
    step = watcher.watched(lambda: time.sleep(0.05), TRAINING)
    for _ in range(8):
        step()
    assert signal.SIGKILL in killed
    assert json.loads((tmp_path / "run.killed.json").read_text()) == {"phase": TRAINING, "step": 0}


def test_another_phase_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("killed"))
    watcher = Watcher(tmp_path / "run", Moment(CHECKPOINT, 0, 0.0))
    watcher.watched(lambda: time.sleep(0.02), TRAINING)()
    assert not (tmp_path / "run.killed.json").exists()
