import pytest

from lmfit.data.example import Example, Origin
from lmfit.data.splits import few_per_class, fold_of, nested_draw, place_by_text
from lmfit.errors import ConfigError


def examples(texts, **fields):
    return [Example(Origin("a", i), text, **fields) for i, text in enumerate(texts, start=1)]


TEXTS = [f"text number {i}" for i in range(4000)]


def test_folds_are_even_and_stay_where_they_are():
    folds = [fold_of(e, 5, 0) for e in examples(TEXTS)]
    assert all(700 <= folds.count(fold) <= 900 for fold in range(5))
    assert folds[::-1] == [fold_of(e, 5, 0) for e in examples(reversed(TEXTS))]


def test_folds_do_not_follow_the_places_of_a_split():
    place = place_by_text(0)
    folds = [fold_of(e, 5, 0) for e in examples(TEXTS) if place(e) < 2**64 // 10]
    assert set(folds) == set(range(5))


def test_rows_of_a_group_share_a_fold():
    rows = examples(TEXTS[:50], columns={"customer": "a"})
    assert len({fold_of(e, 5, 0, "customer") for e in rows}) == 1


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


def test_characters_that_nobody_sees_move_no_text():
    plain, hidden = examples(["a fine lamp", "a\u200b fi\u00adne \ufefflamp"])
    assert place_by_text(0)(plain) == place_by_text(0)(hidden)
    assert fold_of(plain, 5, 0) == fold_of(hidden, 5, 0)


def test_a_smaller_draw_is_part_of_a_larger_one_and_classes_keep_their_shares():
    rows = [Example(Origin("a", i), text, label="ab"[i % 4 == 0]) for i, text in enumerate(TEXTS)]
    draws = {number: nested_draw(rows, number, 0) for number in (8, 100, 1000, 9000)}
    assert draws[8] < draws[100] < draws[1000] < draws[9000] == set(range(len(rows)))
    assert sum(rows[i].label == "b" for i in draws[100]) == 25
    assert sum(rows[i].label == "b" for i in draws[8]) == 2
    assert nested_draw(rows, 100, 1) != draws[100]
    assert {rows[::-1][i].text for i in nested_draw(rows[::-1], 100, 0)} == {rows[i].text for i in draws[100]}
