from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from lmfit.runs import Run
from lmfit.stages.looks import FILE, forget, look, looks_told


def run_at(path: Path) -> Run:
    path.mkdir(parents=True)
    return Run(path)


def test_runs_of_one_folder_are_counted_together(tmp_path: Path) -> None:
    one, two = run_at(tmp_path / "one"), run_at(tmp_path / "two")
    assert look(one, "f") == {"looks": 1, "runs": 1}
    assert look(one, "f") == {"looks": 2, "runs": 1}
    assert look(two, "f") == {"looks": 3, "runs": 2}
    assert look(two, "other rows") == {"looks": 1, "runs": 1}


def test_a_child_counts_in_the_folder_of_its_parent(tmp_path: Path) -> None:
    child = run_at(tmp_path / "runs" / "parent" / "children" / "seed-1")
    look(child, "f")
    assert (tmp_path / "runs" / FILE).is_file()


def test_looks_of_children_can_be_taken_back(tmp_path: Path) -> None:
    run, other = run_at(tmp_path / "runs" / "proof"), run_at(tmp_path / "runs" / "other")
    for name in ("straight", "killed"):
        look(run_at(run.path / "children" / name), "f")
    forget(run)
    assert look(other, "f") == {"looks": 1, "runs": 1}


def test_processes_do_not_lose_looks(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run")
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        list(pool.map(look, [run] * 40, ["f"] * 40))
    assert look(run, "f")["looks"] == 41


def test_a_damaged_file_is_told_and_begun_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_at(tmp_path / "run")
    (tmp_path / FILE).write_text('{"f": {"ru')
    assert look(run, "f")["looks"] == 1
    assert "counting begins anew" in capsys.readouterr().err


def test_the_sentence_begins_with_the_second_look() -> None:
    assert looks_told({"looks": 1, "runs": 1}, "test") == ""
    assert looks_told({}, "test") == ""
    told = looks_told({"looks": 7, "runs": 3}, "test")
    assert told == "the test rows were looked at 7 times by 3 runs; choose models on validation"
