import pytest

from lmfit.errors import ConfigError, DataError


def words_of(example):
    return [example.text[start:end] for start, end in example.words]


def test_sentences_words_and_lines(read):
    first, second = read("conll", "EU NNP I-ORG\nrejects VBZ O\n\nPeter NNP I-PER\n", "words")
    assert (first.text, words_of(first), first.tags) == ("EU rejects", ["EU", "rejects"], ["I-ORG", "O"])
    assert (str(second.origin), second.tags) == ("file:4", ["I-PER"])


@pytest.mark.parametrize("blank", ["", "   ", "\t", "\u3000"])
def test_lines_of_blanks_separate_sentences(read, blank):
    assert [e.text for e in read("conll", f"a O\n{blank}\nb O\n{blank}\n{blank}\n", "words")] == ["a", "b"]


def test_crlf_and_missing_last_newline(read):
    assert [e.tags for e in read("conll", "a O\r\n\r\nb B-X\r\nc I-X", "words")] == [["O"], ["B-X", "I-X"]]


def test_columns_from_both_ends(read):
    (example,) = read("conll", "1 EU NNP B-ORG _\n", "words", columns={"tokens": 1, "labels": -2})
    assert (example.text, example.tags) == ("EU", ["B-ORG"])


def test_tabs_keep_blanks_in_a_word(read):
    (example,) = read("conll", "New York\tB-LOC\nis\tO\n", "words")
    assert words_of(example) == ["New York", "is"]


def test_several_blanks_count_as_one(read):
    assert read("conll", "EU   NNP  B-ORG\n", "words")[0].tags == ["B-ORG"]


@pytest.mark.parametrize("space", ["\u00a0", "\u2028", "\u0085", "\u3000"])
def test_only_blanks_and_tabs_separate_columns(read, space):
    (example,) = read("conll", f"a{space}b O\nc O\n", "words")
    assert words_of(example) == [f"a{space}b", "c"]


def test_docstart_begins_a_document_and_is_no_sentence(read):
    content = "-DOCSTART- -X- O\n\na x O\n\nb x O\n\n-DOCSTART- -X- O\nc x O\n"
    examples = read("conll", content, "words")
    assert [(e.text, e.document) for e in examples] == [("a", "file:1"), ("b", "file:1"), ("c", "file:7")]


def test_begin_document_lines_are_boundaries(read):
    examples = read("conll", "#begin document (x); part 000\na O\n#end document\n", "words")
    assert [(e.text, e.document) for e in examples] == [("a", "file:1")]


def test_a_hash_is_a_word_where_the_columns_are_right(read):
    (example,) = read("conll", "# NN O\n1 CD O\n", "words")
    assert words_of(example) == ["#", "1"]


def test_comments_are_passed_over_and_counted(read):
    said = []
    (example,) = read("conll", "# sent_id = 7\n# text = a\na\tO\n", "words", said)
    assert example.text == "a"
    assert str(example.origin) == "file:3"
    assert "comment lines (# ...) passed over: 2, first at file:1" in said


def test_a_comment_inside_a_sentence_is_an_error(read):
    with pytest.raises(DataError, match=r"file:2"):
        read("conll", "a b O\n# x\nc d O\n", "words")


def test_missing_tag_names_the_line(read):
    with pytest.raises(DataError, match=r"1 columns where the lines before have 2\s+at: file:4"):
        read("conll", "a O\n\nb O\nc\n", "words")


def test_empty_tag_between_tabs_names_the_line(read):
    with pytest.raises(DataError, match=r"column 1 is empty\s+at: file:2"):
        read("conll", "a\tO\nb\t\n", "words")


def test_words_without_tags_are_an_error_unless_unlabelled(read):
    with pytest.raises(DataError, match="file:1"):
        read("conll", "a\nb\n", "words")
    (example,) = read("conll", "a\nb\n", "words", labelled=False)
    assert (example.text, example.tags) == ("a b", None)


def test_position_outside_the_line(read):
    with pytest.raises(DataError, match="no column 3 for the labels"):
        read("conll", "a O\n", "words", columns={"tokens": 0, "labels": 3})


@pytest.mark.parametrize("columns", [{"labels": "ner"}, {"text": 0}])
def test_columns_that_conll_has_not(read, columns):
    with pytest.raises(ConfigError, match="positions only"):
        read("conll", "a O\n", "words", columns=columns)


def test_han_characters_are_joined_without_blanks(read):
    said = []
    (example,) = read("conll", "高 B-NAME\n勇 E-NAME\n： O\n男 O\n", "words", said)
    assert (example.text, example.words[1]) == ("高勇：男", (1, 2))
    assert said == ["file: 2 columns between blanks, Han characters joined without blanks"]


def test_chinese_words_of_several_characters_keep_blanks(read):
    assert read("conll", "北京 B-LOC\n欢迎 O\n你 O\n", "words")[0].text == "北京 欢迎 你"
