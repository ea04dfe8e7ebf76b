import itertools
import json
import re

import pytest
import run_folders as runs

from lmfit.evaluation.report import write_report

INTENTS = ["greeting", "billing", "delivery", "returns", "account", "complaint", "praise", "other"]
MAKERS = {
    "ner": runs.ner_run,
    "chinese": lambda folder: runs.ner_run(folder, language="zh"),
    "intents": lambda folder: runs.classification_run(folder, INTENTS),
    "multi": runs.multi_label_run,
    "regression": runs.regression_run,
    "empty": lambda folder: folder.mkdir(),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_is_well_formed_self_contained_and_without_scripts(kind, tmp_path, report):
    MAKERS[kind](tmp_path / "run")
    page = report(tmp_path / "run")
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "iframe", "object", "embed", "img"}
    addresses = [attributes.get(name) for _, attributes in page.tags for name in ("href", "src", "xlink:href")]
    assert all(address.startswith(("#", "data:")) for address in addresses if address)
    assert "url(" not in page.html
    assert "@import" not in page.html


@pytest.mark.parametrize("kind", MAKERS)
def test_every_link_within_the_page_leads_somewhere(kind, tmp_path, report):
    MAKERS[kind](tmp_path / "run")
    page = report(tmp_path / "run")
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"} <= ids


@pytest.mark.parametrize("kind", MAKERS)
def test_pictures_have_a_label_and_headings_do_not_skip_a_level(kind, tmp_path, report):
    MAKERS[kind](tmp_path / "run")
    page = report(tmp_path / "run")
    pictures = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    assert all(attributes["aria-label"] for attributes in pictures)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))


def test_first_sentence_says_when_the_baseline_is_not_beaten(tmp_path, report):
    page = report(runs.classification_run(tmp_path / "run", INTENTS, beats=False))
    heading = re.search("<h1[^>]*>(.*?)</h1>", page.html, re.DOTALL)[1]
    assert heading.startswith("The model does not beat the baseline: accuracy 0.812")
    assert "0.823 (TF-IDF + logistic regression)" in heading


def test_a_lead_that_may_be_chance_is_not_called_a_win(tmp_path, report):
    folder = runs.ner_run(tmp_path / "run")
    verdict = {"beats_baseline": None, "baseline": "most_frequent_tag", "difference": 0.16, "low": -0.01, "high": 0.3}
    runs.change(folder, "run.json", verdict=verdict)
    page = report(folder)
    assert "The model is not shown to beat the baseline: F1 0.853" in page.text
    assert "difference 0.160 (95%: −0.010 to 0.300)" in page.text
    assert "Not shown to beat the baseline" in page.text
    assert "No verdict" not in page.text


def test_an_unknown_verdict_without_a_baseline_stays_neutral(tmp_path, report):
    folder = runs.ner_run(tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    runs.change(
        folder, "metrics.json", baseline={"majority": {"test": {"f1": {**metrics["test"]["f1"], "value": None}}}}
    )
    runs.change(folder, "run.json", verdict={"beats_baseline": None, "sentence": "The model reaches 0.853."})
    page = report(folder)
    assert "there is no baseline to compare it with" in page.text
    assert "No verdict" in page.text


def test_without_a_test_split_the_headline_split_is_shown(tmp_path, report):
    folder = runs.classification_run(tmp_path / "run", INTENTS)
    for name in ("metrics.json", "tables.json"):
        content = json.loads((folder / name).read_text("utf-8"))
        for scored in (content, *content.get("baseline", {}).values()):
            scored["validation"] = scored.pop("test")
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "predictions" / "test.jsonl").rename(folder / "predictions" / "validation.jsonl")
    runs.change(folder, "run.json", headline={"split": "validation", "metric": "accuracy"})
    page = report(folder)
    assert "Accuracy, validation split" in page.text
    assert "Baseline: TF-IDF + logistic regression" in page.text
    assert "of 400 rows of the validation split are wrong" in page.text
    assert "Most frequent mistakes" in page.text


def test_scores_of_a_file_of_its_own_are_all_shown(tmp_path, report):
    folder = runs.classification_run(tmp_path / "run", INTENTS)
    scores = json.loads((folder / "metrics.json").read_text())["test"]
    (folder / "metrics.json").write_text(json.dumps({"march": scores}))
    runs.change(folder, "run.json", headline={"split": "march", "metric": "accuracy"}, verdict=None)
    page = report(folder)
    assert "Not recorded in this run" not in page.html
    assert "none was computed" not in page.html
    assert re.search(r"<th[^>]*>\s*March", page.html, re.IGNORECASE)


def test_without_a_verdict_none_is_invented(tmp_path, report):
    page = report(runs.ner_run(tmp_path / "run", verdict=False))
    assert "No verdict" in page.text
    assert "Beats the baseline" not in page.text


def test_a_chinese_report_holds_no_english_chrome(tmp_path, report):
    page = report(runs.ner_run(tmp_path / "run", language="zh"))
    assert ("html", {"lang": "zh-CN"}) in page.tags
    assert "模型优于基线" in page.text
    for english in ("Baseline", "interval", "Learning", "Precision", "Gold", "Warnings", "Support", "average"):
        assert english not in page.text


def test_findings_of_the_audit_are_a_section_of_their_own(tmp_path, report):
    page = report(runs.ner_run(tmp_path / "run"))
    section = re.search('<section id="audit">(.*?)</section>', page.html, re.DOTALL)[1]
    assert "Texts shared with another split" in section
    assert "&lt;9&gt;" in section
    assert "take them out of test" in section
    assert "lengths differ by 12%" in section
    assert "one that is not known yet" in section
    chinese = report(runs.ner_run(tmp_path / "zh", language="zh"))
    assert "与其他划分重复的文本" in chinese.html


def test_without_findings_there_is_no_such_section(tmp_path, report):
    folder = runs.ner_run(tmp_path / "run")
    runs.change(folder, "ledger.json", findings=[])
    assert 'id="audit"' not in report(folder).html


def test_users_texts_and_labels_cannot_become_markup(tmp_path, report):
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    folder = runs.classification_run(tmp_path / "run", [evil, "b"])
    row = {"text": evil, "label": evil, "gold": "b", "score": 1.0, "origin": evil}
    runs.write_lines(folder / "predictions" / "test.jsonl", [row])
    runs.change(folder, "run.json", warnings=[evil], device={"name": evil}, model={"name": evil}, task=evil)
    page = report(folder)
    assert page.open == []
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert evil in page.text


def test_texts_of_any_script_and_odd_characters_come_through(tmp_path, report):
    folder = runs.classification_run(tmp_path / "run", ["a", "b"])
    texts = [runs.ARABIC, "青石镇🙂", "nul\0here", "lone \ud800 half", "line\r\nbreak"]
    lines = [json.dumps({"text": text, "label": "a", "gold": "b", "score": 0.5}) for text in texts]
    (folder / "predictions" / "test.jsonl").write_text("\n".join(lines), encoding="utf-8")
    page = report(folder)
    assert runs.ARABIC in page.text
    assert "青石镇🙂" in page.text
    assert "nul�here" in page.text
    assert "\0" not in page.html


def test_texts_stay_out_when_the_config_says_so(tmp_path, report):
    folder = runs.ner_run(tmp_path / "run")
    config = (folder / "config.yaml").read_text("utf-8")
    (folder / "config.yaml").write_text(config.replace("texts: true", "texts: false"), encoding="utf-8")
    page = report(folder)
    assert "Northlight" not in page.html
    assert "evaluation.texts is false" in page.text


@pytest.mark.parametrize(
    "missing", ["run.json", "metrics.json", "tables.json", "ledger.json", "log.jsonl", "config.yaml"]
)
@pytest.mark.parametrize("broken", [None, b"", b"[1, 2]", b'{"a": \xff', b'{"test": 3, "status": 7, "splits": [1]}'])
def test_a_missing_or_broken_file_costs_only_its_own_part(missing, broken, tmp_path, report):
    folder = runs.ner_run(tmp_path / "run", rows=5)
    (folder / missing).unlink()
    if broken is not None:
        (folder / missing).write_bytes(broken)
    assert "Worst errors" in report(folder).text


def test_a_broken_file_is_told(tmp_path, report):
    folder = runs.ner_run(tmp_path / "run", rows=5)
    (folder / "tables.json").write_text("{", encoding="utf-8")
    assert "tables.json cannot be read" in report(folder).text


def test_a_failed_run_says_so_and_offers_no_model(tmp_path, report):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(
        '{"status": "failed", "task": "text-classification", "error": "disk full"}', encoding="utf-8"
    )
    (folder / "log.jsonl").write_text('{"step": 10, "loss": 1.5}\n{"step": 20, "loss": NaN}\n', encoding="utf-8")
    page = report(folder)
    assert "This run is not finished (failed)" in page.text
    assert "What stopped it: disk full" in page.text
    assert "not finite numbers and cannot be drawn: 1." in page.text
    assert "lmfit predict" not in page.text


def test_entity_and_token_level_stand_side_by_side_with_the_reason(tmp_path, report):
    page = report(runs.ner_run(tmp_path / "run"))
    assert "Entity level" in page.text
    assert re.search(r"words outside any name \(tag O, \d\d% of all words\)", page.text)


def test_metrics_of_single_classes_stay_out_of_the_score_table(tmp_path, report):
    assert "per_class" not in report(runs.classification_run(tmp_path / "run", INTENTS)).text


def test_an_undefined_score_is_explained(tmp_path, report):
    assert "Spearman correlation: undefined: all equal" in report(runs.regression_run(tmp_path / "run")).text


def test_a_reason_that_several_metrics_share_is_told_once(tmp_path, report):
    folder = runs.classification_run(tmp_path / "run", INTENTS)
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    for entries, name in (("test", "accuracy"), ("test", "mcc"), ("validation", "mcc")):
        metrics[entries][name]["note"] = "no spread"
    runs.change(folder, "metrics.json", **metrics)
    text = report(folder).text
    assert "Test, accuracy, Matthews correlation; Validation, Matthews correlation: no spread" in text
    assert text.count("no spread") == 1


@pytest.mark.parametrize(("thresholds", "told"), [("tuned", True), (0.5, False)])
def test_thresholds_tuned_on_validation_are_told_beside_its_scores(thresholds, told, tmp_path, report):
    folder = runs.multi_label_run(tmp_path / "run")
    config = (folder / "config.yaml").read_text("utf-8")
    changed = config.replace("task:\n", f"task:\n  thresholds: {thresholds}\n")
    (folder / "config.yaml").write_text(changed, encoding="utf-8")
    assert ("thresholds were tuned on the validation split" in report(folder).text) is told


def test_equal_folders_give_equal_reports_and_leave_nothing_else(tmp_path):
    folder = runs.ner_run(tmp_path / "run")
    before = {path.name for path in folder.iterdir()}
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first
    assert {path.name for path in folder.iterdir()} == before | {"report.html"}


def test_large_results_stay_below_two_megabytes(tmp_path, report):
    labels = [f"label_{index}_with_a_rather_long_name" for index in range(3000)]
    folder = runs.classification_run(tmp_path / "run", labels, rows=3000)
    rows = [{"text": "long " * 40_000, "label": "a", "gold": "b", "score": 0.9} for _ in range(60)]
    runs.write_lines(folder / "predictions" / "test.jsonl", rows)
    runs.write_lines(folder / "log.jsonl", [{"step": step, "loss": 1 / step} for step in range(1, 50_000)])
    runs.change(folder, "run.json", warnings=[f"warning {index}" for index in range(5000)])
    page = report(folder)
    assert len(page.html.encode()) < 2_000_000
    assert "2,000 more are in tables.json" in page.text
    assert "4,901 more" in page.text
