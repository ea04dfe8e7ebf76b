"""Cards of real small runs and of synthetic run folders, read as the Hub reads them."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, ModelCardData
from run_folders import change, classification_run, multi_label_run, ner_run, regression_run

import lmfit
from lmfit.evaluation.card import has_card, published, write_card
from lmfit.evaluation.card.markdown import code, plain, table
from lmfit.runs import Run

Make = Callable[[Path], Path]


def card_of(folder: Path) -> str:
    """The card that is written for a run folder."""
    (folder / "model").mkdir(exist_ok=True)
    assert write_card(folder)
    return (folder / "model" / "README.md").read_text(encoding="utf-8")


def metadata(text: str) -> ModelCardData:
    """The front matter, read (and checked) by the Hub's own library."""
    return ModelCard(text, ignore_metadata_errors=False).data


def tables(text: str) -> list[list[str]]:
    """The lines of each Markdown table."""
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [lines for lines in found if lines]


def cells(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line)) - 1


@pytest.fixture(scope="module")
def run(trained: Callable[[str], Run]) -> Run:
    return trained("text-classification")


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return (run.model / "README.md").read_text(encoding="utf-8")


class TestOfARealRun:
    def test_metadata(self, text: str, run: Run) -> None:
        data = metadata(text)
        assert data.library_name == "transformers"
        assert data.pipeline_tag == "text-classification"
        assert data.language == "en"
        assert (data.license, data.base_model, data.datasets) == (None, None, None)
        assert data.metrics == ["accuracy", "f1", "matthews_correlation"]
        results = {(r.dataset_split, r.metric_type, str(r.metric_args)): r for r in data.eval_results or []}
        own = run.metrics["test"]["accuracy"]
        found = results["test", "accuracy", "None"]
        assert found.metric_value == pytest.approx(own["value"], abs=1e-4)
        assert f"{own['low']:.3f} to {own['high']:.3f}" in str(found.metric_name)
        assert results["validation", "f1", "{'average': 'macro'}"].dataset_name == "local files"

    def test_no_path_of_the_machine(self, text: str, run: Run) -> None:
        assert str(run.path.parent) not in text
        assert not re.search(r"(?<![\w:/.])/(tmp|home|root|work|Users)/", text)
        assert "`train.csv` | 96 |" in text

    def test_scores_stand_beside_the_baselines(self, text: str, run: Run) -> None:
        line = next(line for line in text.splitlines() if line.startswith("| Accuracy"))
        one = run.metrics["test"]["accuracy"]
        assert f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" in line
        assert cells(line) == 5

    def test_limits(self, text: str) -> None:
        limits = text.partition("## Limits")[2]
        for told in (
            "Its scores rest on 24 test rows, which is few",
            "Seed variation was not measured",
            "Labels with fewer than 30 test examples",
            "Test data: texts that are in the training data too",
            "English (Latin script 100%)",
            "tokens at once. Longer texts are read in overlapping windows",
            "No parts of the data",
            "Its licence is not recorded",
        ):
            assert told in limits, told

    def test_the_snippet_runs(self, text: str, run: Run) -> None:
        snippet = text.partition("```python\n")[2].partition("```")[0]
        assert len(snippet.splitlines()) == 3
        exec(snippet.replace("path/to/this/folder", str(run.model)), {})

    def test_the_size_of_the_model_counts_the_card(self, run: Run) -> None:
        size = sum(path.stat().st_size for path in run.model.rglob("*") if path.is_file())
        assert run.manifest["model"]["bytes"] == size

    def test_a_new_evaluation_is_in_it(self, run: Run, tmp_path: Path, command: Any) -> None:
        copy = Path(shutil.copytree(run.path, tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoints")))
        data = run.manifest["data"]["test"]["files"][0]
        assert command("evaluate", copy, "--data", data, "--name", "march")[0] == 0
        text = (copy / "model" / "README.md").read_text()
        assert "| `march` | Accuracy |" in text
        assert "later or other data was not measured" not in text

    def test_one_that_was_edited_stays(self, run: Run, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(run.path, tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoints")))
        path = copy / "model" / "README.md"
        assert write_card(copy)
        path.write_text(path.read_text().replace("## Limits", "## Our limits"))
        assert not write_card(copy)
        assert "## Our limits" in path.read_text()


def test_users_texts_are_never_in_it(tiny_config: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    evaluation = {"resamples": 100, "texts": False, "slices": ["text", "length"]}
    config = tiny_config("text-classification", output=str(tmp_path / "r"), evaluation=evaluation)
    text = (lmfit.finetune(config).model / "README.md").read_text()
    assert "kettle" not in text
    assert "| length |" in text


def test_seeds_and_parents_have_cards(tiny_config: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    config = tiny_config("token-classification", output=str(tmp_path / "r"), seeds=[1, 2])
    run = lmfit.finetune(config)
    text = (run.model / "README.md").read_text()
    assert metadata(text).eval_results
    assert "Seed variation was not measured" not in text
    assert "mean of 2 seeds" in text
    assert has_card(run.path / "children" / "seed-1" / "model")
    further = lmfit.finetune(
        tiny_config("token-classification", output=str(tmp_path / "s"), model={"name": str(run.path)})
    )
    assert "fine-tuned further from the run `r`" in (further.model / "README.md").read_text()


LABELS = ["a|b", "_x_ *y*", "<b>bold</b>", "`tick`", "两 行\n标签", "عربي", ""]


@pytest.mark.parametrize(
    "make",
    [ner_run, lambda folder: classification_run(folder, LABELS), multi_label_run, regression_run],
    ids=["entities", "odd labels", "multi-label", "regression"],
)
def test_every_kind_gives_whole_tables_and_metadata(make: Make, tmp_path: Path) -> None:
    text = card_of(make(tmp_path / "run"))
    metadata(text)
    for lines in tables(text):
        assert len({cells(line) for line in lines}) == 1, lines
    assert "\n\n\n" not in text
    assert "<b>" not in re.sub(r"`[^`]*`", "", text)


def test_the_hub_is_named_where_the_model_and_the_data_are_its(tmp_path: Path) -> None:
    folder = ner_run(tmp_path / "run")
    change(folder, "run.json", model={"name": "org/base", "base": "org/base", "license": None, "commit": "abc"})
    with open(folder / "config.yaml", "a") as file:
        file.write("data: {format: hub, name: eriktks/conll2003, test: test}\n")
    data = metadata(card_of(folder))
    assert data.base_model == "org/base"
    assert data.datasets == ["eriktks/conll2003"]
    assert (data.eval_results or [])[0].dataset_type == "eriktks/conll2003"


def test_without_scores_it_says_so(tmp_path: Path) -> None:
    folder = ner_run(tmp_path / "run")
    for name in ("metrics.json", "tables.json"):
        (folder / name).write_text("{}")
    change(folder, "run.json", headline=None, verdict={"beats_baseline": None, "sentence": "Nothing is known."})
    text = card_of(folder)
    assert "**It was never scored**" in text
    assert metadata(text).eval_results is None


def test_validation_alone_is_no_test(tmp_path: Path) -> None:
    folder = ner_run(tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["test"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    change(folder, "run.json", headline={"split": "validation", "metric": "f1"})
    assert "**Test rows were set aside" in card_of(folder)
    splits = json.loads((folder / "ledger.json").read_text())["splits"]
    change(folder, "ledger.json", splits={name: split for name, split in splits.items() if name != "test"})
    assert "**There is no test data.**" in card_of(folder)


def test_robustness_is_told_where_it_was_measured(tmp_path: Path) -> None:
    folder = ner_run(tmp_path / "run")
    assert "typos, other case or missing punctuation was not measured" in card_of(folder)
    tables = json.loads((folder / "tables.json").read_text())
    drop = {"value": 0.05, "low": 0.02, "high": 0.08}
    found = {"name": "typos", "about": "one typo a row", "changed": 40, "perturbed": {"value": 0.8}, "drop": drop}
    tables["test"]["robustness"] = [found | {"examples": [{"before": {"text": "a text of ours"}}]}]
    (folder / "tables.json").write_text(json.dumps(tables))
    text = card_of(folder)
    assert "| one typo a row | 40 | 0.800 | 0.050 [0.020, 0.080] |" in text
    assert "a text of ours" not in text
    assert "missing punctuation was not measured" not in text


def test_published_names_the_repository() -> None:
    text = 'lmfit.load("path/to/this/folder") pipeline("x", "path/to/this/folder") --run path/to/this/folder'
    assert published(text, "a/b") == 'lmfit.load("hub:a/b") pipeline("x", "a/b") --run hub:a/b'


def test_markdown_is_escaped() -> None:
    assert plain("a_b <i> *c*\n| d") == r"a\_b \<i\> \*c\* \| d"
    assert code("a|b") == r"`a\|b`"
    assert code("`x`") == "`` `x` ``"
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
