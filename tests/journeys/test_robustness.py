"""Robustness and slices on request, as a user meets them: in a config, of a finished run, on a new file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from lmfit import registry
from lmfit.runs import Run

Command = Callable[..., tuple[int, str, str]]
Config = Callable[..., dict[str, Any]]
ALL = ["case", "typos", "punctuation"]


@pytest.fixture
def run(request: pytest.FixtureRequest, trained: Callable[[str], Run], tmp_path: Path) -> Run:
    shutil.copytree(trained(request.param).path, tmp_path / "runs" / "mine")
    return Run(tmp_path / "runs" / "mine")


words = pytest.mark.parametrize("run", ["token-classification"], indirect=True)
texts = pytest.mark.parametrize("run", ["text-classification"], indirect=True)


def table(folder: Path, split: str = "test") -> dict[str, Any]:
    rows = json.loads((folder / "tables.json").read_text())[split]["robustness"]
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize("run", ["token-classification", "text-classification"], indirect=True)
def test_a_finished_run_tells_its_robustness(run: Run, command: Command) -> None:
    before = run.metrics
    code, out, err = command("evaluate", run.path, "--robustness", "case,typos,punctuation")
    assert code == 0, err
    assert run.metrics == before
    found = table(run.path)
    assert list(found) == ["case.lower", "case.upper", "case.title", "typos", "punctuation"]
    headline = run.manifest["headline"]["metric"]
    entry = before["test"][headline]
    for row in found.values():
        assert row["clean"]["value"] == pytest.approx(entry["value"])
        if "drop" in row:
            assert row["drop"]["value"] == pytest.approx(row["clean"]["value"] - row["perturbed"]["value"])
            assert len(row["examples"]) == min(3, row["changed"])
        assert sum(line.startswith(f"{row['name']}: ") for line in out.splitlines()) == 1
    page = (run.path / "report.html").read_text()
    assert '<section id="robustness">' in page
    assert "typos: rows where it hurt most" in page


@words
def test_the_same_seed_gives_the_same_numbers_and_names_join_them(run: Run, command: Command) -> None:
    told = [json.loads(command("evaluate", run.path, "--robustness", "typos", "--json")[1]) for _ in range(2)]
    assert told[0] == told[1]
    assert [row["name"] for row in told[0]["robustness"]] == ["typos"]
    code, out, _ = command("evaluate", run.path, "--robustness", "names")
    assert code == 0
    assert "names: not applicable: no label has 10 names" in out
    assert list(table(run.path)) == ["typos", "names"]


@texts
def test_an_uncased_model_is_not_said_to_be_robust_to_case(run: Run, command: Command, tmp_path: Path) -> None:
    path = run.model / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["normalizer"] = {"type": "Lowercase"}
    path.write_text(json.dumps(tokenizer))
    _, out, _ = command("evaluate", run.path, "--robustness", "case")
    assert "case.upper: inputs identical after tokenisation; 24 of 24 rows changed" in out
    assert "case.title: inputs identical" in out
    assert "drop" not in table(run.path)["case.upper"]


@texts
def test_a_new_file_and_a_column_of_the_own_rows(run: Run, command: Command, tiny_data: dict[str, Any]) -> None:
    file = tiny_data["text-classification"]["test"]
    code, _, err = command("evaluate", run.path, "--data", file, "--name", "new", "--robustness", "typos")
    assert code == 0, err
    assert list(table(run.path / "evaluations/new", "new")) == ["typos"]
    assert '<section id="robustness">' in (run.path / "evaluations/new/report.html").read_text()
    code, _, err = command("evaluate", run.path, "--slice-by", "label", "--slice-by", "length")
    assert code == 0, err
    slices = json.loads((run.path / "slices.json").read_text())["test"]["slices"]
    assert {row["by"] for row in slices} == {"label", "length"}
    assert sum(row["n"] for row in slices if row["by"] == "label") == 24
    assert run.manifest["looks"]["test"]["looks"] > 1


@texts
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--robustness", "names"], "means nothing for single-label data"),
        (["--robustness", "tipos"], "did you mean `typos`"),
        (["--slice-by", "lable"], "did you mean `label`"),
        (["--name", "x"], "about a new file"),
        (["--device", "cpu"], "nothing about scores that are there already"),
    ],
)
def test_mistakes_are_told(asked: list[str], told: str, run: Run, command: Command) -> None:
    code, out, err = command("evaluate", run.path, *asked)
    assert (code, out) == (2, "")
    assert told in err


@words
def test_a_model_folder_does_not_know_the_names_of_training(
    run: Run, command: Command, tiny_data: dict[str, Any]
) -> None:
    file = tiny_data["token-classification"]["test"]
    code, _, err = command("evaluate", run.model, "--data", file, "--robustness", "names")
    assert code == 2
    assert "does not tell what it was trained on" in err
    code, out, err = command("evaluate", run.model, "--data", file, "--robustness", "typos")
    assert code == 0, err
    assert "typos: f1" in out


@texts
def test_other_test_rows_are_refused(run: Run, command: Command, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("text,label\nthe lamp broke,complaint\n")
    config = run.config.read_text().replace(
        json.loads(run.predictions("test").read_text().splitlines()[0])["origin"][:-2], str(other)
    )
    run.config.write_text(config)
    code, _, err = command("evaluate", run.path, "--robustness", "typos")
    assert code == 2
    assert "not about the data as it is now" in err


def test_a_config_asks_for_it_and_texts_stay_out(tiny_config: Config, tmp_path: Path) -> None:
    evaluation = {"robustness": ALL, "texts": False, "language": "zh"}
    done = lmfit.finetune(tiny_config("text-classification", evaluation=evaluation, output=str(tmp_path / "run")))
    found = table(done.path)
    assert found["typos"]["examples"] == []
    assert "鲁棒性" in (done.path / "report.html").read_text()


def test_a_plug_in_adds_a_perturbation(
    trained: Callable[[str], Run], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shouting.py").write_text(
        "from lmfit.evaluation.robustness.perturbation import WordPerturbation\n"
        "class Nonsense(WordPerturbation):\n"
        "    name, about, inapplicable = 'nonsense', 'every word is xyzzy', 'no words'\n"
        "    def touches(self, text): return bool(text)\n"
        "    def changed(self, words, tags, random): return ['xyzzy'] * len(words)\n"
        "ALL = (Nonsense(),)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_plugins", {"perturbation": {"nonsense": "shouting:ALL"}})
    shutil.copytree(trained("text-classification").path, tmp_path / "runs" / "mine")
    code, out, err = command("evaluate", tmp_path / "runs" / "mine", "--robustness", "nonsense")
    assert code == 0, err
    assert "nonsense: accuracy" in out
    assert "drops by" in out
    assert "nonsense" in command("list", "perturbations")[1]
