import pytest

from lmfit.data.ledger import Ledger, SplitLedger, check_unknown, count_labels, steps_warning, unseen_labels
from lmfit.errors import DataError


def split(labels: dict[str, int] | None = None, **counts: int) -> SplitLedger:
    first = {name: [f"{name}-case"] for name in counts}
    return SplitLedger(10, labels or {}, ["a.csv"], {"counts": counts, "first": first})


def test_labels_are_counted_most_frequent_first() -> None:
    assert count_labels([["a"], ["b", "a"], []]) == (3, {"a": 2, "b": 1})


def test_ten_per_cent_unknown_words_pass() -> None:
    assert check_unknown(split(words=100, unknown=10), allowed=False, model="m") is None


def test_more_unknown_words_stop_with_cases_file_and_key() -> None:
    with pytest.raises(DataError) as caught:
        check_unknown(split(words=100, unknown=11), allowed=False, model="m")
    told = str(caught.value)
    assert "11%" in told
    assert "unknown-case" in told
    assert "a.csv" in told
    assert "model.on_unknown=allow" in told


def test_unknown_words_warn_where_they_are_allowed() -> None:
    assert "11%" in str(check_unknown(split(words=100, unknown=11), allowed=True, model="m"))


@pytest.mark.parametrize(("steps", "warned"), [(199, True), (200, False)])
def test_under_two_hundred_steps_warn(steps: int, warned: bool) -> None:
    assert (steps_warning(steps, 20, by_epochs=True) is not None) == warned


def test_the_step_warning_names_an_override_that_is_enough() -> None:
    assert "training.epochs=10" in str(steps_warning(60, 20, by_epochs=True))
    assert "training.max_steps=200" in str(steps_warning(60, 20, by_epochs=False))


def test_labels_unseen_in_training_are_named() -> None:
    told = unseen_labels({"train": split({"a": 1}), "validation": split({"a": 1, "b": 3}), "test": split({"a": 1})})
    assert len(told) == 1
    assert told[0].startswith("validation: 1 label")
    assert "b (3)" in told[0]


def test_totals_for_the_report() -> None:
    ledger = Ledger({"train": split(words=10, unknown=1, windowed=2), "test": split(words=10, windowed=1)}, 300)
    told = ledger.as_dict()
    assert told["windows"]["windowed"] == 3
    assert told["unknown_share"] == pytest.approx(0.05)


def test_lines_tell_cuts_and_unknown_words() -> None:
    lines = "\n".join(Ledger({"train": split(words=10, windowed=2, truncated=2, entities_cut=1, unknown=1)}, 3).lines())
    assert "2 of 10 rows are longer than max_length (windowed-case)" in lines
    assert "2 rows are cut, with them 1 entities" in lines
    assert "1 words (10.00%) become unknown tokens: unknown-case" in lines
