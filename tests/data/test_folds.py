from collections import Counter

import pytest

from lmfit.config.data import DataConfig, FoldsConfig
from lmfit.data.example import Example, Origin
from lmfit.data.folds import fold_number
from lmfit.data.sources import load_splits
from lmfit.errors import ConfigError, DataError
from tiny_data import topic_rows


def examples(labels: list[str]) -> list[Example]:
    return [Example(Origin("f", i), f"text {i}", label=label) for i, label in enumerate(labels, 1)]


def test_stratified_folds_share_out_every_class() -> None:
    rows = examples(["a"] * 50 + ["b"] * 10 + ["c"] * 7)
    number = fold_number(rows, FoldsConfig(folds=5, by="stratified"), 0)
    folds = [Counter(row.label for row in rows if number(row) == fold) for fold in range(1, 6)]
    assert [fold["a"] for fold in folds] == [10] * 5
    assert [fold["b"] for fold in folds] == [2] * 5
    assert {fold["c"] for fold in folds} == {1, 2}


def test_equal_texts_share_a_fold_whatever_their_label() -> None:
    rows = [*examples(["a"] * 20), Example(Origin("f", 99), "TEXT  3", label="b")]
    number = fold_number(rows, FoldsConfig(folds=5, by="stratified"), 0)
    assert number(rows[-1]) == number(rows[2])


def test_stratified_needs_single_labels() -> None:
    with pytest.raises(ConfigError, match="one label name"):
        fold_number([Example(Origin("f", 1), "x", label=("a", "b"))], FoldsConfig(folds=2, by="stratified"), 0)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "rows.tsv"
    lines = [f"{text}\t{label}\tc{i % 7}" for i, (text, label) in enumerate(topic_rows(90, 1))]
    path.write_text("text\tlabel\tcustomer\n" + "\n".join(lines) + "\n")
    return str(path)


def rows_of(data: dict) -> tuple[list[str], list[str]]:
    splits = load_splits(DataConfig.model_validate(data), "text")
    return [str(e.origin) for e in splits.train], [str(e.origin) for e in splits.validation or ()]


def test_the_folds_make_up_the_whole(table: str) -> None:
    whole, none = rows_of({"train": table, "validation": {"folds": 4}})
    assert (len(whole), none) == (90, [])
    parts = [rows_of({"train": table, "validation": {"folds": 4, "fold": fold}}) for fold in (1, 2, 3, 4)]
    assert sorted(origin for _, part in parts for origin in part) == sorted(whole)
    assert all(sorted(train + part) == sorted(whole) for train, part in parts)
    assert rows_of({"train": table, "validation": {"folds": 4, "fold": 0}}) == (whole, [])


def test_limits_come_before_the_folds(table: str) -> None:
    for limit in ({"limit": 30}, {"limit_per_class": 10}):
        whole, _ = rows_of({"train": table, "validation": {"folds": 3}, **limit})
        train, part = rows_of({"train": table, "validation": {"folds": 3, "fold": 1}, **limit})
        assert len(whole) == 30
        assert sorted(train + part) == sorted(whole)


def test_a_test_part_is_in_no_fold(table: str) -> None:
    data = {"train": table, "test": {"split": 0.2}, "validation": {"folds": 3}}
    splits = load_splits(DataConfig.model_validate(data), "text")
    assert splits.test is not None
    assert len(splits.train) + len(splits.test) == 90


def test_groups_stay_together(table: str) -> None:
    folds = {"folds": 2, "by": "group", "key": "customer", "fold": 1}
    splits = load_splits(DataConfig.model_validate({"train": table, "validation": folds}), "text")
    assert splits.validation is not None
    customers = [{e.columns["customer"] for e in split} for split in (splits.train, splits.validation)]
    assert not customers[0] & customers[1]


def test_an_empty_fold_is_told_before_anything_is_trained(table: str) -> None:
    with pytest.raises(DataError, match="folds have no row"):
        rows_of({"train": table, "validation": {"folds": 200}})
