from lmfit.data.example import Example, Origin
from lmfit.data.repeats import find_repeats


def rows(file: str, *cells: tuple[str, str]) -> list[Example]:
    return [Example(Origin(file, i), text, label=label) for i, (text, label) in enumerate(cells, 1)]


def test_a_text_with_two_labels_is_named_with_both_places() -> None:
    told = find_repeats({"train": rows("a", ("Hello", "x"), ("other", "x"), ("hello ", "y"))})
    assert told == ["train: 1 rows repeat a text with another label (a:3 and a:1)"]


def test_a_test_text_that_is_in_the_training_data_is_named() -> None:
    told = find_repeats({"train": rows("a", ("one", "x"), ("two", "y")), "test": rows("b", ("new", "x"), ("Two", "y"))})
    assert told == ["test: 1 of 2 texts are in the training data too (b:2 is a:2)"]


def test_equal_labels_are_no_doubt() -> None:
    assert find_repeats({"train": rows("a", ("one", "x"), ("one", "x")), "test": rows("b", ("two", "x"))}) == []


def test_pairs_are_compared_as_pairs() -> None:
    train = [Example(Origin("a", 1), "p", "q", label="x")]
    assert find_repeats({"train": train, "test": [Example(Origin("b", 1), "p", "r", label="x")]}) == []
