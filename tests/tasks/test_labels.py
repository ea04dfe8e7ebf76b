"""All rows whose labels do not fit are told at once."""

import pytest

from lmfit.data.example import Example, Label, Origin
from lmfit.errors import DataError
from lmfit.tasks.labels import Problem, natural_order, survey


@pytest.mark.parametrize(
    ("problem", "labels", "lines"),
    [
        ("auto", ["a", ("a", "b"), "b", ()], [1, 3]),
        ("single_label", ["a", ("a", "b"), None], [2, 3]),
        ("multi_label", ["a", ("a",), "b"], [1, 3]),
        ("regression", ["1.5", "many", "nan", 2.5, "inf"], [2, 3, 5]),
    ],
)
def test_labels_that_do_not_fit(problem: Problem, labels: list[Label], lines: list[int]) -> None:
    rows = [Example(Origin("a.csv", line), "x", label=label) for line, label in enumerate(labels, start=1)]
    with pytest.raises(DataError) as caught:
        survey(problem, rows)
    assert [told.where for told in caught.value.problems] == [f"a.csv:{line}" for line in lines]


def test_digits_that_are_no_numbers_are_words() -> None:
    assert sorted(["b", "10", "²", "--5", "9", "-1"], key=natural_order) == ["-1", "9", "10", "--5", "b", "²"]
