import pytest

from lmfit.config.schema import SplitConfig
from lmfit.data.example import Example, Origin
from lmfit.data.splits import few_per_class, fold_of, set_aside
from lmfit.errors import ConfigError, DataError


def examples(texts, **fields):
    return [Example(Origin("a", i), text, **fields) for i, text in enumerate(texts, start=1)]


def chosen(items, config, seed=0, top=True):
    inside = set_aside(config, seed, top=top)
    return {e.text for e in items if inside(e)}


TEXTS = [f"text number {i}" for i in range(4000)]
TENTH = SplitConfig(split=0.1)


def test_share_is_about_right():
    assert 330 <= len(chosen(examples(TEXTS), TENTH)) <= 470


def test_rows_added_later_move_no_old_ones():
    before = chosen(examples(TEXTS[:2000]), TENTH)
    after = chosen(examples(["new", *reversed(TEXTS)]), TENTH)
    assert before == after & set(TEXTS[:2000])


def test_a_larger_share_keeps_what_was_taken():
    assert chosen(examples(TEXTS), TENTH) < chosen(examples(TEXTS), SplitConfig(split=0.2))


def test_validation_and_test_never_meet():
    half = SplitConfig(split=0.5)
    assert not chosen(examples(TEXTS), half, top=True) & chosen(examples(TEXTS), half, top=False)


def test_folds_are_even_and_stay_where_they_are():
    folds = [fold_of(e, 5, 0) for e in examples(TEXTS)]
    assert all(700 <= folds.count(fold) <= 900 for fold in range(5))
    assert folds[::-1] == [fold_of(e, 5, 0) for e in examples(reversed(TEXTS))]


def test_folds_do_not_follow_the_places_of_a_split():
    inside = set_aside(TENTH, 0, top=True)
    folds = [fold_of(e, 5, 0) for e in examples(TEXTS) if inside(e)]
    assert set(folds) == set(range(5))


def test_rows_of_a_group_share_a_fold():
    rows = examples(TEXTS[:50], columns={"customer": "a"})
    assert len({fold_of(e, 5, 0, "customer") for e in rows}) == 1


def test_split_seed_changes_the_rows():
    assert chosen(examples(TEXTS), TENTH, seed=0) != chosen(examples(TEXTS), TENTH, seed=1)


def test_texts_that_differ_in_case_and_blanks_stay_together():
    inside = set_aside(SplitConfig(split=0.5), 0, top=True)
    for text in TEXTS[:50]:
        same = examples([text, text.upper(), f"  {text.replace(' ', '  ')} "])
        assert len({inside(e) for e in same}) == 1


def test_groups_stay_together():
    config = SplitConfig(split=0.5, by="group", key="customer")
    inside = set_aside(config, 0, top=True)
    rows = [e for group in "abcdefgh" for e in examples(TEXTS[:5], columns={"customer": group})]
    sides = {group: {inside(e) for e in rows if e.columns["customer"] == group} for group in "abcdefgh"}
    assert all(len(side) == 1 for side in sides.values())
    assert len(set.union(*sides.values())) == 2


def test_group_column_that_is_not_there():
    config = SplitConfig(split=0.5, by="group", key="customer")
    with pytest.raises(DataError, match=r"no column `customer`(.|\n)*columns: client"):
        set_aside(config, 0, top=True)(examples(["x"], columns={"client": "a"})[0])


def test_few_per_class_takes_the_same_rows_in_any_order():
    items = [e for label in "abc" for e in examples(TEXTS[:40], label=label)]
    kept, short = few_per_class(items, 5, 0)
    again, _ = few_per_class(items[::-1], 5, 0)
    assert {(items[i].label, items[i].text) for i in kept} == {
        (items[::-1][i].label, items[::-1][i].text) for i in again
    }
    assert (len(kept), short) == (15, {})


def test_classes_with_fewer_are_named():
    assert few_per_class(examples(["x"], label="rare"), 5, 0) == ({0}, {"rare": 1})


def test_few_per_class_needs_one_label():
    with pytest.raises(ConfigError, match="one label name per row"):
        few_per_class(examples(["x"], label=("a", "b")), 5, 0)
