import os
from pathlib import Path

import pytest

from lmfit.errors import InputError
from lmfit.outputs import choose_output, claim_output
from lmfit.runs import Run, find_run, list_runs, read_json, write_json


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LMFIT_RUNS", raising=False)


def made(name: str, **facts: object) -> Run:
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    run = Run(folder)
    run.record(**{"status": "finished", "stage": "finetune", **facts})
    return run


def test_facts_are_added_and_kept() -> None:
    run = made("a", seed=1)
    run.record(seed=2, name="é中")
    assert (run.manifest["seed"], run.manifest["name"], run.manifest["schema"]) == (2, "é中", 1)
    assert os.listdir(run.path) == ["run.json"]


def test_json_with_nan_is_never_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert read_json(tmp_path / "a.json", "thing") == {"x": 1}


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_damaged_manifest_is_told(content: str) -> None:
    run = made("a")
    (run.path / "run.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"run\.json"):
        _ = run.manifest


def test_a_running_run_without_its_process_is_interrupted() -> None:
    run = made("a", status="running")
    assert run.status == "interrupted"
    with run.locked():
        assert run.status == "running"
    assert run.status == "interrupted"


def test_one_process_per_folder() -> None:
    run = made("a")
    with run.locked(), pytest.raises(InputError, match="another process"), run.locked():
        pass
    with run.locked():
        pass


def test_outputs_are_counted_up() -> None:
    assert choose_output(None, "ner") == Path("runs/ner")
    made("ner")
    made("ner-2")
    assert choose_output(None, "ner") == Path("runs/ner-3")


def test_claiming_makes_each_its_own_folder() -> None:
    assert [claim_output(None, "ner") for _ in range(3)] == [Path("runs/ner"), Path("runs/ner-2"), Path("runs/ner-3")]


def test_a_given_output_is_taken_only_when_it_holds_something() -> None:
    Path("out").mkdir()
    assert claim_output("out", "x") == Path("out")
    Path("out/file").write_text("")
    with pytest.raises(InputError, match="not a run"):
        choose_output("out", "x")
    with pytest.raises(InputError, match="is a file"):
        choose_output("out/file", "x")


def test_what_a_run_leaves_that_had_not_begun_is_taken_over() -> None:
    (Path("out") / "tokenizer").mkdir(parents=True)
    for name in ("config.yaml", ".run.json.123"):
        (Path("out") / name).write_text("")
    with pytest.raises(InputError, match="not a run"):
        choose_output("out", "x")
    with Run(Path("out")).locked():
        pass
    assert claim_output("out", "x") == Path("out")
    with pytest.raises(InputError, match="ended before it had begun"):
        find_run("out")
    Path("out/notes.txt").write_text("")
    with pytest.raises(InputError, match="not a run"):
        choose_output("out", "x")


def test_overwrite_moves_the_old_one_when_the_new_one_begins() -> None:
    made("a")
    assert choose_output("runs/a", "x", overwrite=True) == Path("runs/a")
    assert os.listdir("runs") == ["a"]
    claim_output("runs/a", "x", overwrite=True)
    assert sorted(os.listdir("runs")) == ["a", "a.old-1"]
    assert os.listdir("runs/a") == []


@pytest.mark.parametrize(
    ("output", "told"),
    [("runs/a", "is the run"), ("runs/a/b", "lies inside"), ("runs", "holds"), ("runs/../runs/a/", "is the run")],
)
def test_what_is_read_is_never_moved_or_written_into(output: str, told: str) -> None:
    run = made("a")
    for claim in (choose_output, claim_output):
        with pytest.raises(InputError, match=told):
            claim(output, "x", overwrite=True, models=["no-folder", run.path])
    assert os.listdir("runs") == ["a"]
    assert choose_output("runs/b", "x", models=[run.path]) == Path("runs/b")


def test_a_running_run_is_never_moved() -> None:
    run = made("a", status="running")
    with run.locked(), pytest.raises(InputError, match="another process"):
        claim_output("runs/a", "x", overwrite=True)


class TestFind:
    def test_by_path_or_name(self) -> None:
        made("a")
        assert find_run("runs/a").path == find_run("a").path == Path("runs/a")

    def test_an_unknown_name_gets_a_suggestion(self) -> None:
        made("quickstart")
        with pytest.raises(InputError, match="did you mean `quickstart`"):
            find_run("quikstart")

    def test_the_newest_finished_one(self) -> None:
        for name, finished in (("b", 3.0), ("a", 5.0), ("c", 4.0)):
            made(name, finished=finished)
        made("d", status="failed", finished=9.0)
        made("e", stage="compress", finished=9.0)
        assert find_run(None, ("finetune",)).path.name == "a"

    def test_the_newest_unfinished_one_that_nobody_works_on(self) -> None:
        for name, created, status in (("a", 1.0, "interrupted"), ("b", 2.0, "failed"), ("c", 3.0, "running")):
            made(name, created=created, status=status)
        with Run(Path("runs/c")).locked():
            assert find_run(None, finished=False).path.name == "b"
        assert find_run(None, finished=False).path.name == "c"

    def test_none_at_all(self) -> None:
        with pytest.raises(InputError, match="no finished run below runs"):
            find_run(None)

    def test_children_links_and_broken_ones_are_no_runs(self) -> None:
        run = made("a")
        (run.path / "children" / "x").mkdir(parents=True)
        Run(run.path / "children" / "x").record(status="finished")
        made("broken")
        Path("runs/broken/run.json").write_text("{")
        run.mark_latest()
        assert [found.path.name for found in list_runs()] == ["a"]


def test_latest_is_a_relative_link_and_moves_on() -> None:
    made("a").mark_latest()
    made("b").mark_latest()
    assert os.readlink("runs/latest") == "b"
    assert sorted(os.listdir("runs")) == ["a", "b", "latest"]


def test_latest_of_another_folder_is_left_alone() -> None:
    Path("elsewhere/a").mkdir(parents=True)
    run = Run(Path("elsewhere/a"))
    run.mark_latest()
    assert os.listdir("elsewhere") == ["a"]


def test_a_folder_called_latest_is_not_replaced() -> None:
    Path("runs/latest").mkdir(parents=True)
    made("a").mark_latest()
    assert not Path("runs/latest").is_symlink()
    assert sorted(os.listdir("runs")) == ["a", "latest"]
