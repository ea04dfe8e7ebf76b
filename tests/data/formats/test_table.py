import csv
import io
import json

import pytest

from lmfit.errors import ConfigError, DataError


def pairs(examples):
    return [(e.text, e.label) for e in examples]


def test_header_by_well_known_names(read):
    assert pairs(read("csv", "text,label\nHello,pos\n")) == [("Hello", "pos")]


def test_words_that_others_read_as_missing_stay_text(read):
    content = "text,label\nNA,a\nNone,b\nnan,c\nnull,NA\n"
    assert pairs(read("csv", content)) == [("NA", "a"), ("None", "b"), ("nan", "c"), ("null", "NA")]


def test_lines_stay_right_after_newlines_in_quotes(read):
    examples = read("csv", 'text,label\n"one\ntwo\r\nthree",a\nfour,b\n')
    assert [(e.text, e.origin.line) for e in examples] == [("one\ntwo\r\nthree", 2), ("four", 5)]


def test_doubled_quotes_and_delimiters_in_quotes(read):
    assert pairs(read("csv", 'text,label\n"say ""hi"", you",a\n')) == [('say "hi", you', "a")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(read, delimiter):
    rows = [("text", "label"), ("a", "x"), ("b", "y")]
    content = "".join(delimiter.join(row) + "\n" for row in rows)
    assert pairs(read("csv", content)) == [("a", "x"), ("b", "y")]


def test_semicolon_wins_over_commas_inside_texts(read):
    content = "text;label\na, b and c;x\nno comma;y\none, two;x\n"
    assert [e.label for e in read("csv", content)] == ["x", "y", "x"]


def test_quotes_are_text_in_tsv(read):
    content = 'text\tlabel\n"Yes," he said\ta\n"all quoted"\tb\n'
    assert pairs(read("tsv", content)) == [('"Yes," he said', "a"), ('"all quoted"', "b")]


def test_tabs_in_a_csv_with_quoted_fields(read):
    content = 'text\tlabel\n"a, ""b"""\tx\nplain\ty\n'
    assert pairs(read("csv", content)) == [('a, "b"', "x"), ("plain", "y")]


def test_tabs_in_a_csv_with_bare_quotes_after_many_lines(read):
    content = "text\tlabel\n" + "plain\tx\n" * 2000 + '"Go," he said\ty\n'
    assert read("csv", content)[-1].text == '"Go," he said'


def test_unclosed_quote_names_its_line(read):
    with pytest.raises(DataError, match=r"not closed.*\s+at: file:3"):
        read("csv", 'text,label\na,x\n"b,y\nc,x\n')


def test_text_after_a_closing_quote_is_an_error(read):
    with pytest.raises(DataError, match=r"after the closing quote.*\s+at: file:2"):
        read("csv", 'text,label\n"b" c,y\n')


@pytest.mark.parametrize("row", ["one, two,a", "one"])
def test_ragged_rows_name_line_and_counts(read, row):
    with pytest.raises(DataError, match=r"(3|1) columns where the first row has 2\s+at: file:3"):
        read("csv", f"text,label\nx,y\n{row}\n")


def test_longer_rows_between_tabs_are_read_by_positions_and_counted(read):
    said = []
    examples = read("csv", "5.0\ta\n1.5\tb\tsource\n", said=said, columns={"label": 0, "text": 1})
    assert pairs(examples) == [("a", "5.0"), ("b", "1.5")]
    assert "rows with more or fewer columns than the first (2), read by data.columns: 1, first at file:2" in said


def test_longer_rows_are_an_error_without_positions(read):
    with pytest.raises(DataError, match="file:3"):
        read("tsv", "text\tlabel\na\tx\nb\ty\tz\n")


def test_rows_too_short_for_the_positions_are_an_error(read):
    with pytest.raises(DataError, match="file:2"):
        read("tsv", "a\tx\ty\nb\n", columns={"text": 0, "label": 1}, header=False)


def test_no_header_where_the_first_label_comes_again(read):
    assert len(read("tsv", "good film\tpos\nbad film\tneg\nfine\tpos\ndull\tneg\nnice\tpos\n")) == 5


def test_header_without_known_names_above_numbers(read):
    examples = read("tsv", "Quality\t#1 String\n1\ta\n0\tb\n", columns={"label": 0, "text": 1})
    assert pairs(examples) == [("a", "1"), ("b", "0")]


def test_no_header_where_the_first_row_has_a_number(read):
    assert len(read("csv", "3,a title\n4,another\n", columns={"label": 0, "text": 1})) == 2


def test_header_as_asked(read):
    assert len(read("csv", "text,label\na,b\n", header=False, columns={"text": 0, "label": 1})) == 2
    assert len(read("csv", "some words,3\na,4\n", header=True, columns={"text": 0, "label": 1})) == 1


def test_two_columns_without_names_explain_themselves(read):
    said = []
    content = "".join(f"text number {i}\t{i % 2}\n" for i in range(6))
    assert pairs(read("tsv", content, said=said))[0] == ("text number 0", "0")
    assert "file: text is column 0, label column 1 (data.columns)" in said


def test_three_columns_without_names_must_be_explained(read):
    with pytest.raises(DataError, match=r"columns: 0, 1, 2"):
        read("csv", "1,a,b\n2,c,d\n")


def test_an_unknown_column_names_those_there_are(read):
    with pytest.raises(DataError, match=r"did you mean `utterance`\? \(columns: utterance, intent\)"):
        read("csv", "utterance,intent\na,b\n", columns={"text": "utterence"})


def test_two_possible_labels_must_be_told_apart(read):
    with pytest.raises(DataError, match="several columns may be the label: category, intent"):
        read("csv", "text,intent,category\na,b,c\n")


def test_a_column_given_by_name_settles_it(read):
    assert read("csv", "text,intent,category\na,b,c\n", columns={"label": "intent"})[0].label == "b"


def test_an_unknown_role_is_refused(read):
    with pytest.raises(ConfigError, match="did you mean `label`"):
        read("csv", "text,label\na,b\n", columns={"lable": 1})


def test_pairs_by_their_names(read):
    (example,) = read("tsv", "sentence1\tsentence2\tlabel\na\tb\t1\n")
    assert (example.text, example.text_pair, example.label) == ("a", "b", "1")


def test_several_text_columns_are_joined(read):
    (example,) = read("csv", "title,body,label\na,b,c\n", columns={"text": ["title", "body"]})
    assert example.text == "a b"


def test_blanks_around_labels_are_taken_off_and_counted(read):
    said = []
    assert [e.label for e in read("csv", "text,label\na, x\nb,x\n", said=said)] == ["x", "x"]
    assert "labels with blanks around them, which were taken off: 1, first at file:2" in said


def test_a_missing_label_names_the_line(read):
    with pytest.raises(DataError, match=r"no label\s+at: file:3"):
        read("csv", "text,label\na,x\nb,\n")


def test_several_labels_in_one_field(read):
    examples = read("csv", "text,label\na,x; y\nb,\n", label_separator=";")
    assert [e.label for e in examples] == [("x", "y"), ()]


def test_two_columns_of_one_name_are_refused(read):
    with pytest.raises(DataError, match="two columns are named `text`"):
        read("csv", "text,text,label\na,b,c\n", header=True)


def test_a_name_twice_is_no_sign_of_a_missing_header(read):
    rows = "".join(f"good {i},fine {i},{'pos' if i % 2 else 'neg'}\n" for i in range(200))
    with pytest.raises(DataError, match="two columns are named `text`"):
        read("csv", f"text,text,label\n{rows}", columns={"text": 0, "label": 2})
    assert len(read("csv", f"fine,fine,pos\n{rows}", columns={"text": 0, "label": 2})) == 201


def test_unlabelled_rows_keep_every_column(read):
    (example,) = read("csv", "id,text,note\n7,NA,\n", labelled=False, keep_columns=True)
    assert (example.label, example.id, dict(example.columns)) == (None, "7", {"id": "7", "text": "NA", "note": ""})


def test_one_column_is_the_text_whatever_its_name(read):
    assert [e.text for e in read("csv", 'remark\n"a, b"\nc\n', labelled=False, header=True)] == ["a, b", "c"]


def test_blank_lines_are_counted(read):
    said = []
    assert len(read("csv", "text,label\na,x\n\nb,x\n", said=said)) == 2
    assert "blank lines passed over: 1, first at file:3" in said


def test_a_field_beyond_the_csv_limit(read):
    assert len(read("csv", f'text,label\n"{"x" * 200_000}",a\n')[0].text) == 200_000


def test_byte_order_mark_is_no_part_of_the_first_name(read):
    assert pairs(read("csv", "\ufefftext,label\na,b\n")) == [("a", "b")]


def test_words_and_tags_in_fields(read):
    (example,) = read("csv", "tokens,tags\nAl ran,B-PER O\n", "words")
    assert example.tags == ["B-PER", "O"]
    with pytest.raises(DataError, match=r"2 words but 1 tags\s+at: file:2"):
        read("csv", "tokens,tags\nAl ran,B-PER\n", "words")


def test_a_carriage_return_in_a_row_is_named(read):
    with pytest.raises(DataError, match="carriage return"):
        read("csv", "text,label\na,b\rc,d\n")


@pytest.mark.parametrize("columns", [{"text": []}, {"label": ["label", "note"]}])
def test_lists_of_columns_that_mean_nothing(read, columns):
    with pytest.raises(ConfigError, match="columns for"):
        read("csv", "text,label,note\na,b,c\n", columns=columns)


def csv_of(*rows):
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def test_entities_as_predict_writes_them(read):
    entities = json.dumps([{"start": 3, "end": 7, "label": "LOC", "score": 0.9, "text": "Rome"}])
    content = csv_of(["id", "text", "prediction", "score"], ["1", "In Rome", entities, "0.9"], ["2", "Hm", "[]", ""])
    examples = read("csv", content, "words", columns={"labels": "prediction"})
    assert [example.tags for example in examples] == [["O", "B-LOC"], ["O"]]


def test_entities_over_tokens_as_predict_writes_them(read):
    rows = [['["In", "New York"]', '[{"start": 3, "end": 11, "label": "LOC"}]'], ['["Hm"]', "[]"]]
    examples = read("csv", csv_of(["tokens", "prediction"], *rows), "words", columns={"labels": "prediction"})
    assert [(example.text, example.tags) for example in examples] == [("In New York", ["O", "B-LOC"]), ("Hm", ["O"])]


def test_tokens_in_brackets_that_are_no_json_are_words(read):
    (example,) = read("csv", "tokens,labels\n[ x ],O O O\n", "words")
    assert example.text == "[ x ]"


def test_broken_json_in_a_field_is_told(read):
    with pytest.raises(DataError, match=r"entities are no list\s+at: file:2"):
        read("csv", csv_of(["text", "prediction"], ["In Rome", '[{"start": 3']), "words", columns={"labels": 1})


def test_one_label_a_row_hints_at_the_other_task(read):
    with pytest.raises(DataError, match=r"entities are no list\n.*\n.*if each row has one label: task: text-class"):
        read("csv", "text,label\nIn Rome,good\n", "words")


def test_several_labels_as_predict_writes_them(read):
    said = []
    content = csv_of(["text", "prediction"], ["x", '["a", "b"]'], ["y", "[]"], ["z", "[c]"])
    examples = read("csv", content, said=said, columns={"label": "prediction"})
    assert [example.label for example in examples] == [("a", "b"), (), "[c]"]
    assert "labels written as a JSON list, read as several labels: 2, first at file:2" in said


def test_preferred_columns_win_over_well_known_names(read):
    said = []
    (example,) = read("csv", "text,body\na,b\n", said=said, labelled=False, preferred={"text": "body"})
    assert example.text == "b"
    assert "file: columns as in training: text is body" in said


@pytest.mark.parametrize("preferred", [{"text": "body", "text_pair": "head"}, {"text": 1}, {"text": "gone"}])
def test_preferred_columns_that_are_not_all_there_by_name_are_let_be(read, preferred):
    (example,) = read("csv", "text,body\na,b\n", labelled=False, preferred=preferred)
    assert (example.text, example.text_pair) == ("a", None)


def test_columns_win_over_preferred_ones(read):
    content = "text,body,own\na,b,c\n"
    (example,) = read("csv", content, labelled=False, columns={"text": "own"}, preferred={"text": ["text", "body"]})
    assert example.text == "c"


def test_preferred_columns_tell_a_header(read):
    (example,) = read("csv", "nr,zeile\nx,ein Satz\n", labelled=False, preferred={"text": "zeile"})
    assert example.text == "ein Satz"
