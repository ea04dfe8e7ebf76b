import pytest

from lmfit.data.propose.lines import LineLayout, has_tagged_words, judge_lines


def lines(pattern: str, labels: str = "good bad") -> list[str]:
    return [pattern.format(label=label, i=i) + "\n" for i in range(20) for label in labels.split()]


@pytest.mark.parametrize(
    ("head", "layout"),
    [
        (lines("{label} the film number {i} ."), LineLayout(" ", True)),
        (lines("the film number {i} .@{label}\r"), LineLayout("@", False)),
        (lines("__label__{label} the film number {i}"), LineLayout(" ", True)),
        (lines("{label}\tthe film, number {i}"), LineLayout("\t", True)),
        (lines("the film, number {i}|{label}"), LineLayout("|", False)),
    ],
)
def test_where_the_label_stands(head: list[str], layout: LineLayout) -> None:
    assert judge_lines(head) == layout


def test_a_file_that_is_sorted_by_label() -> None:
    head = [f"0 the film number {i}\n" for i in range(6000)] + [f"1 the film number {i}\n" for i in range(6000)]
    assert judge_lines([*head, "1 \n"]) == LineLayout(" ", True)


@pytest.mark.parametrize(
    "head", [[], lines("{label}{i} came"), lines("the film number {i} is {label} ."), lines("all alike {i}", "x")]
)
def test_no_label(head: list[str]) -> None:
    assert judge_lines(head) is None


def test_words_with_tags() -> None:
    assert has_tagged_words(["-DOCSTART- -X- O\n", "\n", "Anna B-PER\n", "met O\n", "\n", "Kofi B-PER\n"])


@pytest.mark.parametrize("head", [["a b\n", "c d\n"], ["one two three\n", "\n", "four five\n"], []])
def test_texts_are_no_words_with_tags(head: list[str]) -> None:
    assert not has_tagged_words(head)
