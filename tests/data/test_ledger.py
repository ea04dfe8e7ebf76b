import json

import pytest

from lmfit.data.audit.scan import Profile
from lmfit.data.ledger import Ledger, SplitLedger, check_unknown, count_labels, find_few_steps, find_in_encoding
from lmfit.errors import DataError


def split(**counts: int) -> SplitLedger:
    first = {name: [f"{name}-case"] for name in counts}
    places = {name: [f"{name}.csv:1"] for name in counts}
    profile = Profile(10, {"a": 10}, {"Latin": 10}, {"16": 10}, {"median": 20, "p95": 30, "longest": 40})
    return SplitLedger(["a.csv"], profile, {"counts": counts, "first": first, "places": places})


def test_labels_are_counted_most_frequent_first() -> None:
    assert count_labels([["a"], ["b", "a"], []]) == (3, {"a": 2, "b": 1})


def test_ten_per_cent_unknown_words_pass() -> None:
    assert check_unknown(split(words=100, unknown=10), allowed=False, model="m") == []


def test_more_unknown_words_stop_with_cases_file_and_key() -> None:
    with pytest.raises(DataError) as caught:
        check_unknown(split(words=100, unknown=11), allowed=False, model="m")
    told = str(caught.value)
    assert "11%" in told
    assert "unknown-case" in told
    assert "a.csv" in told
    assert "model.on_unknown=allow" in told


def test_unknown_words_warn_where_they_are_allowed() -> None:
    (found,) = check_unknown(split(words=100, unknown=11), allowed=True, model="m")
    assert (found.count, found.places) == (11, ("unknown.csv:1",))
    assert "11%" in found.what


@pytest.mark.parametrize(("steps", "warned"), [(199, True), (200, False)])
def test_under_two_hundred_steps_warn(steps: int, warned: bool) -> None:
    assert bool(find_few_steps(steps, 20, by_epochs=True)) == warned


def test_the_step_warning_names_an_override_that_is_enough() -> None:
    assert find_few_steps(1, 20, by_epochs=True)[0].what.startswith("only 1 optimizer step is planned")
    assert find_few_steps(60, 20, by_epochs=True)[0].fix == "set training.epochs=10"
    assert find_few_steps(60, 20, by_epochs=False)[0].fix == "set training.max_steps=200"


def test_totals_for_the_report() -> None:
    ledger = Ledger({"train": split(words=10, unknown=1, windowed=2), "test": split(words=10, windowed=1)}, 300)
    told = ledger.as_dict()
    assert told["windows"]["windowed"] == 3
    assert told["unknown_share"] == pytest.approx(0.05)


def test_lines_tell_long_and_unknown_words() -> None:
    lines = "\n".join(Ledger({"train": split(words=10, windowed=2, unknown=1)}, 3).lines())
    assert "2 of 10 rows are longer than max_length (windowed.csv:1)" in lines
    assert "1 words (10.00%) become unknown tokens: unknown-case" in lines
    assert "train: 10 rows; Latin; 20 characters (95 %: 30); a 10" in lines


def test_cut_and_vanished_words_are_findings_with_places() -> None:
    held = {"train": split(words=100), "test": split(words=100, truncated=2, entities_cut=1, vanished=3)}
    cut, gone = find_in_encoding(held, unknown_allowed=False, model="m")
    assert (
        cut.sentence
        == "test: rows longer than max_length, which are cut: 2, and with them 1 entities (truncated.csv:1; ...)"
    )
    assert (gone.kind, gone.split, gone.count) == ("vanished-words", "test", 3)


def test_without_texts_no_word_is_kept() -> None:
    told = Ledger({"train": split(words=10, unknown=1)}, 3).as_dict(texts=False)
    assert "unknown-case" not in json.dumps(told)
    assert "unknown.csv:1" in json.dumps(told)
