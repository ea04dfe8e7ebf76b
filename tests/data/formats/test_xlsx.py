import datetime
import zipfile

import openpyxl
import pytest

from lmfit.data.formats.base import ReadOptions
from lmfit.data.formats.xlsx import XlsxReader, number_text
from lmfit.data.notices import Notices
from lmfit.data.stored import inspect_binary
from lmfit.errors import ConfigError, DataError


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def save(*rows, name="t.xlsx", **sheets):
        made = openpyxl.Workbook()
        for row in rows:
            made.active.append(row)
        for title, more in sheets.items():
            sheet = made.create_sheet(title)
            for row in more:
                sheet.append(row)
        made.save(name)
        return name

    return save


def read(path, kind="text", said=None, part="", **options):
    notices = Notices()
    found = list(XlsxReader(ReadOptions(kind, format="xlsx", **options)).read(inspect_binary(path, part), notices))
    if said is not None:
        said += notices.sentences
    return found


def test_rows_of_the_first_sheet(book):
    said = []
    rows = read(book(["text", "label"], ["好, 😀\nx", "a"], [], ["NA", "b"], Notes=[["x"]]), said=said)
    assert [(e.text, e.label, e.origin.line) for e in rows] == [("好, 😀\nx", "a", 2), ("NA", "b", 4)]
    assert "t.xlsx: of its 2 sheets, `Sheet` (data.sheet)" in said
    assert "blank rows passed over: 1, first at t.xlsx:3" in said


@pytest.mark.parametrize("asked", [{"sheet": "Data"}, {"sheet": 1}, {"sheet": -1}, {"part": "Data"}])
def test_another_sheet(book, asked):
    path = book(["x"], Data=[["text", "label"], ["one", "a"], ["two", "b"]])
    assert [e.text for e in read(path, **asked)] == ["one", "two"]


def test_a_sheet_that_is_not_there(book):
    with pytest.raises(ConfigError, match="did you mean `Data`"):
        read(book(["x"], Data=[["text"]]), sheet="Dta")


def test_numbers_and_dates_are_read_as_shown(book, tmp_path):
    made = openpyxl.Workbook()
    made.active.append(["text", "label", "share", "day"])
    made.active.append(["a", 1, 0.256, datetime.datetime(2024, 1, 31)])
    made.active["B2"].number_format = "000"
    made.active["C2"].number_format = "0.0%"
    made.active["D2"].number_format = "dd/mm/yy"
    made.save(tmp_path / "t.xlsx")
    (row,) = read("t.xlsx", keep_columns=True)
    assert row.label == "001"
    assert dict(row.columns) == {"text": "a", "label": "001", "share": "25.6%", "day": "2024-01-31"}


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (3.0, "General", "3"),
        (0.1 + 0.2, "General", "0.3"),
        (-2, "0", "-2"),
        (0.125, "0.00", "0.13"),
        (1234.5, "#,##0.00", "1,234.50"),
        (7, "00000", "00007"),
        (0.5, "0%", "50%"),
        (3, '0 "kg"', None),
    ],
)
def test_number_formats(value, form, text):
    assert number_text(value, form) == text


def test_a_formula_without_a_value_names_the_cell(book):
    path = book(["text", "label"], ["a", "x"], ["", "y"], ["b", "=A2&A3"])
    with pytest.raises(DataError, match="a formula without its value") as raised:
        read(path)
    assert "t.xlsx:4, cell B4 of `Sheet`" in str(raised.value)


def test_a_table_that_does_not_begin_in_the_first_column(book):
    assert [e.label for e in read(book([None, "text", "label"], [None, "one", "a"], [None, "two", "b"]))] == ["a", "b"]


def test_a_cell_beside_the_table(book):
    with pytest.raises(
        DataError, match=r"3 columns where the first row has 2\s+at: t\.xlsx:2\s+hint: a cell lies beside"
    ):
        read(book(["text", "label"], ["one", "a", "?"]))


def test_empty_cells_are_empty_texts(book):
    said = []
    assert read(book(["text", "label"], [None, "a"], ["b", "c"]), said=said)[0].text == ""
    assert "rows with an empty text: 1, first at t.xlsx:2" in said


def test_lists_of_words_and_entities_as_json(book):
    (row,) = read(book(["text", "entities"], ["Al Bo", '[[0, 2, "PER"]]']), kind="words")
    assert row.tags == ["B-PER", "O"]


def test_what_is_no_workbook(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"text,label\na,b\n")
    with pytest.raises(DataError, match="no Excel workbook"):
        read(str(tmp_path / "t.xlsx"))


def test_a_damaged_sheet(book):
    path = book(*[["text", "label"], *([f"some text {i}", "a"] for i in range(300))])
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:9000]
    with zipfile.ZipFile(path, "w") as cut:
        for name, content in parts.items():
            cut.writestr(name, content)
    with pytest.raises(DataError, match="a damaged one"):
        read(path)
