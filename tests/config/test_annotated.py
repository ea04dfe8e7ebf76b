from lmfit.config.annotated import annotated_yaml
from lmfit.config.nodes import plain
from lmfit.config.yaml import parse

CONFIG = {
    "task": "text-classification",
    "data": {"train": "评论: a #1.csv", "columns": {"text": "no", "label": "12"}, "validation": {"split": 0.1}},
}


def test_it_reads_back_as_the_config() -> None:
    notes = {
        ("task",): ["two\nlines \x07 # and a sign"],
        ("data", "columns", "text"): ["x" * 300],
        ("data",): ["a", "b"],
    }
    text = annotated_yaml(CONFIG, ["Opening: with a colon"], notes)
    assert plain(parse(text, "made.yaml", [])) == CONFIG


def test_a_note_stands_beside_its_key_or_above_where_it_is_long() -> None:
    text = annotated_yaml(CONFIG, [], {("task",): ["short"], ("data", "train"): ["long " * 40]})
    assert "task: text-classification             # short\n" in text
    assert text.index("# long long") < text.index("train:")


def test_a_mapping_without_notes_inside_is_one_line() -> None:
    assert "  validation: {split: 0.1}\n" in annotated_yaml(CONFIG, [], {})
