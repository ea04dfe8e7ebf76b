"""All lines of a file are rows or named as something else."""

import pytest

from lmfit.config.data import DataConfig, SplitConfig
from lmfit.data.accounts import Account, row_sums
from lmfit.data.sources import load_splits


def account(write, kind, name, content, **data):
    (one,) = load_splits(DataConfig(train=write(name, content), **data), kind).accounts
    return one


@pytest.mark.parametrize(
    ("kind", "name", "content", "told"),
    [
        ("text", "a.csv", 'text,label\r\n"two\nlines",x\r\n\r\nb,y\r\n',
         "a.csv: 5 lines = 2 rows + 1 header line + 1 line ends inside quotes + 1 blank lines"),
        ("text", "a.tsv", "text\tlabel\na\tx\nb\ty\n\n", "a.tsv: 4 lines = 2 rows + 1 header line + 1 blank lines"),
        ("text", "a.txt", "x a\n \ny b", "a.txt: 3 lines = 2 rows + 1 blank lines"),
        ("text", "a.jsonl", '{"text": "a", "label": 1}\n\n', "a.jsonl: 2 lines = 1 rows + 1 blank lines"),
        ("words", "a.conll", "-DOCSTART- O\n\n# x y z\na O\nb B-X\n\nc O\n",
         "a.conll: 7 lines = 3 words + 2 blank lines + 1 document lines + 1 comment lines, 2 rows"),
    ],
)  # fmt: skip
def test_the_lines_of_a_file_add_up(write, kind, name, content, told):
    one = account(write, kind, name, content)
    assert one.missing == 0
    assert str(one) == told


def test_utf_16_lines_are_counted_as_text(write):
    assert account(write, "text", "a.csv", "text,label\na,x\nb,y\n".encode("utf-16")).total == 3


def test_what_nobody_accounts_for_is_said():
    assert str(Account("a.csv", 5, 3, {"rows": 3})) == "a.csv: 5 lines = 3 rows + 2 lines that nobody accounts for"


def test_rows_of_a_file_are_shared_out():
    accounts = [Account("a.csv", 101, 100, {"rows": 100, "header line": 1})]
    splits = {"train": (["a.csv"], 70), "validation": (["a.csv"], 10), "test": (["b.csv"], 5)}
    assert row_sums(accounts, splits, "data.limit") == [
        "a.csv: 100 rows = 70 in train + 10 in validation + 20 left out by data.limit"
    ]
    assert row_sums(accounts, {"train": (["a.csv"], 100)}, "") == []


def test_rows_of_a_file_that_several_splits_name_are_not_added_up(write):
    file = write("a.csv", "text,label\na,x\nb,y\nc,x\nd,y\n")
    splits = load_splits(DataConfig(train=file, validation=file, test=SplitConfig(split=0.25)), "text")
    used = {name: (split.files, len(split)) for name, split in splits.named.items()}
    assert row_sums(splits.accounts, used, "") == [
        "a.csv: 4 rows, read anew for several splits: 3 in train, 4 in validation, 1 in test"
    ]


@pytest.mark.data
def test_real_files_add_up(shared_data):
    folder = shared_data / "mrpc"
    columns = {"label": "Quality", "text": "#1 String", "text_pair": "#2 String"}
    data = DataConfig(train=str(folder / "msr_paraphrase_train.txt"), columns=columns)
    (one,) = load_splits(data, "text").accounts
    assert (one.rows, one.missing) == (4076, 0)


def test_items_of_other_parts_are_named(write):
    content = '{"train": [["a", "x"], ["b", "y"]], "rest": [["c", "x"]]}'
    write("a.json", content)
    (one,) = load_splits(DataConfig(train="a.json#train"), "text").accounts
    assert str(one) == "a.json#train: 3 items = 2 rows + 1 in other parts"


def test_files_of_a_folder_add_up(write, tmp_path):
    (tmp_path / "d" / "x").mkdir(parents=True)
    write("d/x/1.txt", "a")
    write("d/x/notes.md", "b")
    write("d/2.txt", "c")
    (one,) = load_splits(DataConfig(train="d", format="folders"), "text").accounts
    assert (one.total, one.rows, one.missing, one.unit) == (3, 1, 0, "files")


def test_lines_of_texts_and_of_annotations_add_up(write, tmp_path):
    (tmp_path / "d").mkdir()
    write("d/a.txt", "Anna ran\n\nhome")
    write("d/a.ann", "T1\tPER 0 4\tAnna\nR1\tx Arg1:T1 Arg2:T1\n#1\tnote\n\n")
    write("d/b.txt", "left out\n")
    texts, marks = load_splits(DataConfig(train="d"), "words").accounts
    assert str(texts).startswith("d: 4 lines = 2 lines of text + ")
    assert (texts.missing, texts.parts["blank lines"], texts.parts["lines of texts without an .ann file"]) == (0, 1, 1)
    assert (marks.total, marks.missing, marks.parts["entities"]) == (4, 0, 1)


def test_rows_of_an_export_that_are_left_out_are_named(write):
    rows = '{"text": "a", "answer": "reject"}\n{"text": "b", "answer": "accept", "accept": ["x"]}\n'
    (one,) = load_splits(DataConfig(train=write("a.jsonl", rows)), "text").accounts
    assert one.parts == {"rows": 1, "rows left out": 1}
