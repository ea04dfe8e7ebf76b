"""Findings about labels, and shifts between splits."""

import pytest

from lmfit.data.audit.labels import find_label_doubts, find_variants
from lmfit.data.audit.scan import Profile
from lmfit.data.audit.shift import shift
from lmfit.data.findings import Finding


def profile(**labels: int) -> Profile:
    return Profile(sum(labels.values()), labels, {"Latin": 1}, {"8": 1}, {"median": 8, "p95": 8, "longest": 8})


def doubts(**splits: dict[str, int]) -> dict[str, Finding]:
    places = {
        name: {label: [f"{name}.csv:{i}"] for i, label in enumerate(labels, 2)} for name, labels in splits.items()
    }
    found = find_label_doubts({name: profile(**labels) for name, labels in splits.items()}, places)
    return {one.kind: one for one in found}


@pytest.mark.parametrize(
    ("one", "other"),
    [("positive", "Positive"), ("late delivery", "late  delivery"), ("Ａ", "a"), ("1", "1.0"), ("正\u200b面", "正面")],
)
def test_spellings_of_a_label_are_named_with_counts(one: str, other: str) -> None:
    found = doubts(train={one: 90, "z": 90}, test={other: 9, "z": 9})["label-variants"]
    assert f"`{one}` (train 90)" in found.what
    assert f"`{other}` (test 9)" in found.what


def test_numbers_that_differ_are_different_labels() -> None:
    assert find_variants({"train": profile(**{"1": 5, "10": 5, "1.5": 5})}, {"train": {}}) == []


def test_rare_labels_of_training() -> None:
    found = doubts(train={"a": 90, "b": 4, "c": 1})
    assert found["rare-labels"].split == "train"
    assert "c (1)" in found["rare-labels"].what or "b (4)" in found["rare-labels"].what


def test_unseen_labels_warn_with_a_place() -> None:
    found = doubts(train={"a": 9, "b": 9}, test={"a": 9, "c": 3})
    assert (found["unseen-labels"].severity, found["unseen-labels"].count) == ("warning", 3)
    assert found["unseen-labels"].places == ("test.csv:3",)
    assert found["unmeasured-labels"].severity == "notice"


def test_a_split_without_any_known_label_is_an_error() -> None:
    found = doubts(train={"neg": 9, "pos": 9}, test={"0": 9, "1": 9})["unseen-labels"]
    assert found.severity == "error"
    assert "neg (9)" in found.fix


def test_equal_shares_are_no_shift() -> None:
    assert shift({"a": 500, "b": 500}, {"a": 52, "b": 48}) is None


def test_few_rows_are_no_proof_of_a_shift() -> None:
    assert shift({"a": 500, "b": 500}, {"a": 4, "b": 1}) is None


def test_a_shift_has_a_distance_and_says_where() -> None:
    found = shift({"a": 500, "b": 500}, {"a": 900, "b": 100})
    assert found is not None
    assert found.distance == pytest.approx(0.4)
    assert "a 50% -> 90%" in found.told
