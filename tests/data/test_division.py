from collections import Counter

import pytest

from lmfit.config.data import SplitConfig
from lmfit.data import division
from lmfit.data.division import divide
from lmfit.data.example import Example, Origin
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError, DataError


def examples(texts, **fields):
    return [Example(Origin("a", i), text, **fields) for i, text in enumerate(texts, start=1)]


def parts(items, seed=0, said=None, **asked):
    """Texts by part."""
    notices = Notices()
    rule = divide({name: SplitConfig(**keys) for name, keys in asked.items()}, items, seed, notices)
    if said is not None:
        said += notices.sentences
    found = {"train": set(), "validation": set(), "test": set()}
    for item in items:
        found[rule(item) or "train"].add(item.text)
    return found


TEXTS = [f"text number {i}" for i in range(4000)]
TENTH = {"split": 0.1}
STRATIFIED = {"split": 0.1, "by": "stratified"}


def dated(*dates, column="day"):
    return [Example(Origin("a", i), f"text {i}", columns={column: day}) for i, day in enumerate(dates, start=1)]


def by_date(share=0.25, **more):
    return {"split": share, "by": "date", "key": "day"} | more


def test_share_is_about_right():
    assert 330 <= len(parts(examples(TEXTS), test=TENTH)["test"]) <= 470


@pytest.mark.parametrize("name", ["validation", "test"])
def test_rows_added_later_move_no_old_ones(name):
    before = parts(examples(TEXTS[:2000]), **{name: TENTH})[name]
    after = parts(examples(["new", *reversed(TEXTS)]), **{name: TENTH})[name]
    assert before == after & set(TEXTS[:2000])


def test_a_larger_share_keeps_what_was_taken():
    items = examples(TEXTS)
    assert parts(items, test=TENTH)["test"] < parts(items, test={"split": 0.2})["test"]


def test_validation_and_test_never_meet():
    found = parts(examples(TEXTS), validation={"split": 0.4}, test={"split": 0.4})
    assert not found["validation"] & found["test"]
    assert len(found["train"]) > 600


def test_of_parts_cut_in_different_ways_test_is_cut_first():
    items = examples(TEXTS, label="a", columns={"customer": "x"})
    alone = parts(items, test=TENTH)["test"]
    beside = parts(items, test=TENTH, validation=STRATIFIED)
    assert beside["test"] == alone
    assert not beside["validation"] & alone


def test_split_seed_changes_the_rows():
    assert parts(examples(TEXTS), test=TENTH) != parts(examples(TEXTS), seed=1, test=TENTH)


def test_texts_that_differ_in_case_and_blanks_stay_together():
    rule = divide({"test": SplitConfig(split=0.5)}, [], 0, Notices())
    for text in TEXTS[:50]:
        same = examples([text, text.upper(), f"  {text.replace(' ', '  ')} "])
        assert len({rule(e) for e in same}) == 1


def test_groups_stay_together():
    rows = [e for group in "abcdefgh" for e in examples(TEXTS[:5], columns={"customer": group})]
    rule = divide({"test": SplitConfig(split=0.5, by="group", key="customer")}, rows, 0, Notices())
    sides = {group: {rule(e) for e in rows if e.columns["customer"] == group} for group in "abcdefgh"}
    assert all(len(side) == 1 for side in sides.values())
    assert len(set.union(*sides.values())) == 2


def test_group_column_that_is_not_there():
    items = examples(["x"], columns={"client": "a"})
    with pytest.raises(DataError, match=r"no column `customer`(.|\n)*columns: client"):
        parts(items, test={"split": 0.5, "by": "group", "key": "customer"})


def classes(**sizes):
    return [
        Example(Origin("a", i), f"{label} {i}", label=label, columns={"kind": label})
        for label, size in sizes.items()
        for i in range(size)
    ]


def labels_of(items, texts):
    return Counter(e.label for e in items if e.text in texts)


def test_stratified_takes_its_share_of_each_class():
    items = classes(a=1000, b=200, c=40, d=4)
    found = parts(items, validation=STRATIFIED, test={"split": 0.2, "by": "stratified"})
    assert labels_of(items, found["validation"]) == {"a": 100, "b": 20, "c": 4, "d": 1}
    assert labels_of(items, found["test"]) == {"a": 200, "b": 40, "c": 8, "d": 1}


def test_stratified_takes_a_list_of_one_name_as_that_name():
    items = classes(a=100, b=30)
    before = parts(items, test=STRATIFIED)
    for item in items:
        item.label = (item.label,)
    assert parts(items, test=STRATIFIED) == before


def test_stratified_does_not_depend_on_the_order_of_rows():
    items = classes(a=100, b=30)
    assert parts(items, test=STRATIFIED) == parts(items[::-1], test=STRATIFIED)


def test_a_class_with_one_text_stays_in_train_and_is_said():
    said = []
    items = classes(a=50, rare=1)
    found = parts(items, said=said, test=STRATIFIED)
    assert "rare 0" in found["train"]
    assert any("stay in train" in sentence and "rare (1)" in sentence for sentence in said)


def test_a_class_never_leaves_training_data_empty():
    items = classes(a=3, b=50)
    halves = {"split": 0.45, "by": "stratified"}
    found = parts(items, validation=halves, test=halves)
    assert [labels_of(items, found[name])["a"] for name in ("train", "validation", "test")] == [1, 1, 1]


def test_stratified_moves_few_old_rows_when_rows_are_added():
    items = classes(a=2000, b=500)
    before = parts(items[:1800] + items[2000:2450], test=STRATIFIED)["test"]
    after = parts(items, test=STRATIFIED)["test"]
    assert len(before - after) <= 0.1 * len(before)


def test_equal_texts_with_unlike_labels_stay_together_when_stratified():
    items = classes(a=60, b=7) + examples([f"a {i}" for i in range(60)], label="b")
    found = parts(items, test={"split": 0.3, "by": "stratified"})
    assert not found["test"] & found["train"]


def test_a_large_class_moves_no_rows_at_all(monkeypatch):
    monkeypatch.setattr(division, "LARGE_CLASS", 100)
    items = classes(a=1000)
    assert parts(items, test=STRATIFIED) == parts(items, test=TENTH)


def test_stratified_by_a_column():
    items = classes(a=100, b=50)
    for item in items:
        item.label = ("x", "y")
    found = parts(items, test=STRATIFIED | {"key": "kind"})
    assert Counter(text[0] for text in found["test"]) == {"a": 10, "b": 5}


def test_stratified_needs_a_label_or_a_key():
    with pytest.raises(ConfigError, match=r"one label name per row(.|\n)*key"):
        parts(examples(["x"], label=("a", "b")), test=STRATIFIED)


def test_the_newest_rows_are_the_test_part():
    items = dated("2020-01-01", "2023-01-01", "2021-01-01", "2022-01-01")
    said = []
    found = parts(items, said=said, test=by_date(), validation=by_date())
    assert (found["test"], found["validation"]) == ({"text 2"}, {"text 4"})
    assert "test: from 2023-01-01 on" in said
    assert "validation: from 2022-01-01 on" in said


def test_rows_of_one_date_stay_together():
    items = dated(*["2020-01-01"] * 5, *["2020-01-02"] * 4, "2020-01-03")
    assert len(parts(items, test=by_date(0.2))["test"]) == 1
    assert len(parts(items, test=by_date(0.4))["test"]) == 5


def test_rows_without_a_readable_date_stay_in_train_and_are_named():
    said = []
    items = dated(*[f"{day:02}-11-2020" for day in range(1, 29)], "0201-04-27")
    found = parts(items, said=said, test=by_date())
    assert "text 29" in found["train"]
    assert any("1 of 29 cannot be read and stay in train: `0201-04-27` (a:29)" in sentence for sentence in said)


def test_one_date_cannot_be_cut():
    with pytest.raises(DataError, match="1 different dates"):
        parts(dated("2020-01-01", "2020-01-01"), test=by_date())


def test_a_date_format_is_followed():
    items = dated("31.12.98", "01.01.99", "02.01.99", "03.01.99")
    assert parts(items, test=by_date(date_format="%d.%m.%y"))["test"] == {"text 4"}


def test_many_moments_are_cut_by_coarser_ones(monkeypatch):
    monkeypatch.setattr(division, "MOST_MOMENTS", 10)
    items = dated(*[f"2020-01-01 10:{i // 60:02}:{i % 60:02}" for i in range(600)])
    assert len(parts(items, test=by_date(0.2))["test"]) == 120
