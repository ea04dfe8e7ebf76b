import pytest

from lmfit.errors import ConfigError, DataError


def pairs(examples):
    return [(e.label, e.text) for e in examples]


def test_label_before_the_first_blank_or_tab(read):
    assert pairs(read("text", "1 a fine film\npos\tnot bad\n")) == [("1", "a fine film"), ("pos", "not bad")]


def test_label_after_the_last_delimiter(read):
    content = "mail me @ home@neutral\r\nup@positive\r\n"
    examples = read("text", content, delimiter="@", label_first=False)
    assert pairs(examples) == [("neutral", "mail me @ home"), ("positive", "up")]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_newlines_end_a_line(read, separator):
    assert [e.text for e in read("text", f"1 a{separator}b\n0 c\n")] == [f"a{separator}b", "c"]


def test_a_line_without_a_label_is_named(read):
    with pytest.raises(DataError, match=r"no label.*\s+at: file:2"):
        read("text", "1 a\nword\n")


def test_an_empty_text_is_kept_and_counted(read):
    said = []
    assert pairs(read("text", "1 \n", said=said)) == [("1", "")]
    assert said == ["rows with an empty text: 1, first at file:1"]


def test_unlabelled_lines_stay_as_they_are(read):
    assert [e.text for e in read("text", " a b\n\nc", labelled=False)] == [" a b", "", "c"]


def test_several_labels(read):
    assert read("text", "a,b text\n", label_separator=",")[0].label == ("a", "b")


def test_labels_of_fasttext_lose_their_prefix(read):
    said = []
    content = "__label__a __label__b a text\n__label__b other __label__ text\n__label__a\tthird\n"
    assert pairs(read("text", content, said=said)) == [
        (("a", "b"), "a text"),
        (("b",), "other __label__ text"),
        (("a",), "third"),
    ]
    assert said == ["file: labels without their `__label__`, which fastText puts before each"]
    assert pairs(read("text", "a text __label__b\n", label_first=False)) == [(("b",), "a text")]
    with pytest.raises(DataError, match="no label"):
        read("text", "__label__ text\n")


def test_no_columns_and_no_tags(read):
    with pytest.raises(ConfigError, match="no columns"):
        read("text", "1 a\n", columns={"text": 1})
    with pytest.raises(ConfigError, match="no tags"):
        read("text", "1 a\n", "words")
