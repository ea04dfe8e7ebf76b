"""Every kind of bad file through `lmfit check`: it is read or refused in words, and its lines add up."""

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROWS = "".join(f"it is a lamp {i},{'ab'[i % 2]}\n" for i in range(8))
CSV = f"text,label\n{ROWS}"
TSV = CSV.replace(",", "\t")
TEXT = "".join(f"{'ab'[i % 2]} it is a lamp {i}\n" for i in range(8))
JSONL = "".join(f'{{"text": "it is a lamp {i}", "label": "{"ab"[i % 2]}"}}\n' for i in range(8))
JSON = f"[{','.join(JSONL.splitlines())}]"
CONLL = "".join(f"Anna B-PER\nis O\n{i} O\n\n" for i in range(8))
SPANS = "".join(
    f'{{"text": "Anna is {i}", "entities": [{{"start": 0, "end": 4, "label": "PER"}}]}}\n' for i in range(8)
)
MEGABYTE = "lamp " * 210_000


@dataclass(frozen=True)
class Bad:
    """A file and what `lmfit check` must say of it. rows: how many are used, where it goes on (exit 0)."""

    kind: str
    name: str
    content: str | bytes
    told: str
    rows: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    task: str = "text-classification"

    def __str__(self) -> str:
        return f"{self.kind}, {self.name}"


def words(kind: str, name: str, content: str | bytes, told: str, rows: int | None = None, **data: Any) -> Bad:
    return Bad(kind, name, content, told, rows, data, "token-classification")


def texts(kind: str, name: str, content: str | bytes, told: str, rows: int | None = None, **data: Any) -> Bad:
    return Bad(kind, name, content, told, rows, data)


def sheet(*rows: list[Any], merge: str = "") -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    if merge:
        book.active.merge_cells(merge)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(**columns: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


UMLAUTS = CSV.replace("lamp", "schöner Käse für Bären").replace(",a", ",süß")
HAN = CSV.replace("it is a lamp", "这盏灯很好用").replace("label", "标签").replace("text", "文本")
CELLS = [["text", "label"], *([f"it is a lamp {i}", "ab"[i % 2]] for i in range(8))]
SPLIT = {"split": 0.3, "by": "stratified"}

BAD = [
    # encodings and byte order marks
    texts("Latin-1", "a.csv", UMLAUTS.encode("latin-1"), "not UTF-8, read as cp1252", 8),
    texts("Latin-1", "a.txt", TEXT.replace("lamp", "Käse").encode("latin-1"), "not UTF-8, read as", 8),
    texts("GB18030", "a.csv", HAN.encode("gb18030"), "not UTF-8, read as gb", 8,
          columns={"text": "文本", "label": "标签"}),
    texts("UTF-16", "a.csv", CSV.encode("utf-16"), "9 lines = 8 rows", 8),
    texts("UTF-16", "a.jsonl", JSONL.encode("utf-16"), "8 lines = 8 rows", 8),
    texts("UTF-16 without a mark", "a.csv", CSV.encode("utf-16-le"), "a.csv:1\nhint: remove it; if the file is UTF-16"),
    texts("UTF-16 without a mark", "c.csv", UMLAUTS.encode("utf-16-le"), "order mark, set data.encoding: utf-16-le"),
    texts("UTF-16 without a mark", "b.csv", CSV.encode("utf-16-le"), "9 lines = 8 rows", 8, encoding="utf-16-le"),
    texts("byte order mark", "a.csv", CSV.encode("utf-8-sig"), "9 lines = 8 rows", 8),
    texts("byte order mark", "a.tsv", TSV.encode("utf-8-sig"), "9 lines = 8 rows", 8),
    texts("byte order mark", "a.json", JSON.encode("utf-8-sig"), "8 items = 8 rows", 8),
    words("byte order mark", "a.conll", CONLL.encode("utf-8-sig"), "32 lines = 24 words + 8 blank lines, 8 rows", 8),
    texts("several encodings", "a.csv", CSV.encode() + "schöner Käse,a\n".encode("utf-16"), "a.csv:10"),
    texts("several encodings", "b.csv", f"{HAN}grün,".encode() + "grün,b\n".encode("latin-1"),
          "several encodings in one file: this line is not UTF-8, but line 1 is\n  at: b.csv:10"),
    texts("several encodings", "e.csv", UMLAUTS.encode("latin-1") + "这盏灯很好用,a\n".encode(),
          "but line 10 is\n  at: e.csv:2"),
    texts("several encodings", "c.csv", UMLAUTS.encode("latin-1") + "äöüß,a\n".encode(),
          "lines that are UTF-8 in a file that is not (read as cp1252): 1", 9),
    texts("several encodings", "d.csv", UMLAUTS.encode("latin-1"), "d.csv:2", None, encoding="utf-8"),
    texts("unknown encoding", "a.csv", CSV, "unknown encoding `base64`", None, encoding="base64"),
    # line ends
    texts("CR", "a.csv", CSV.replace("\n", "\r"), "lines end with a carriage return", 8),
    texts("CR", "a.txt", TEXT.replace("\n", "\r"), "8 lines = 8 rows", 8),
    texts("CR", "a.jsonl", JSONL.replace("\n", "\r"), "8 lines = 8 rows", 8),
    words("CR", "a.conll", CONLL.replace("\n", "\r"), "32 lines = 24 words + 8 blank lines, 8 rows", 8),
    texts("CR inside a row", "a.csv", CSV + "one\rtwo,a\n", "a carriage return inside a row\n  at: a.csv:10"),
    texts("CR inside a row", "a.tsv", TSV + "one\rtwo\ta\n", "texts with control characters: 1 of 9", 9),
    texts("CRLF", "a.csv", CSV.replace("\n", "\r\n"), "9 lines = 8 rows", 8),
    texts("CRLF", "a.txt", TEXT.replace("\n", "\r\n"), "8 lines = 8 rows", 8),
    words("CRLF", "a.conll", CONLL.replace("\n", "\r\n"), "32 lines = 24 words + 8 blank lines, 8 rows", 8),
    *(texts("separator U+2028 and others", name, text.replace("is a", "is\u2028\x85\x0b\x0c\x1ca"), told, 8)
      for name, text, told in [("a.csv", CSV, "9 lines"), ("a.tsv", TSV, "9 lines"), ("a.txt", TEXT, "8 lines"),
                               ("a.jsonl", JSONL.replace("is a", "is\\u2028a"), "8 lines")]),
    words("separator U+2028", "a.conll", CONLL.replace("is", "i\u2028s"), "8 rows", 8),
    # NUL and control characters
    *(texts("NUL", name, text.replace("lamp 3", "lamp\0 3"), f"a NUL character in the text\n  at: {name}:{line}")
      for name, text, line in [("a.csv", CSV, 5), ("a.tsv", TSV, 5), ("a.txt", TEXT, 4), ("a.jsonl", JSONL, 4)]),
    words("NUL", "a.conll", CONLL.replace("is", "i\0s", 1), "a.conll:2"),
    texts("NUL written as an escape", "b.jsonl", JSONL.replace("lamp 3", "lamp\\u0000 3"), "b.jsonl:4"),
    texts("half a surrogate pair", "a.jsonl", JSONL.replace('"b"', '"b\\ud800"', 1),
          "of a label or column\n  at: a.jsonl:2"),
    texts("control characters", "a.csv", CSV.replace("lamp 3", "lamp\x07 3"), "control characters: 1 of 8", 8),
    # ragged rows, commas, quotes
    texts("ragged rows", "a.csv", CSV + "alone\n", "1 columns where the first row has 2\n  at: a.csv:10"),
    texts("ragged rows", "a.tsv", TSV + "a\tb\tc\n", "3 columns where the first row has 2\n  at: a.tsv:10"),
    texts("ragged rows", "a.jsonl", JSONL + '{"text": "x"}\n', "no label\n  at: a.jsonl:9"),
    words("ragged rows", "a.conll", CONLL + "one two O\n", "3 columns where the lines before have 2\n  at: a.conll:33"),
    texts("ragged rows", "a.xlsx", sheet(*CELLS, ["a", "b", "c"]),
          "3 columns where the first row has 2\n  at: a.xlsx:10"),
    texts("unquoted commas", "a.csv", CSV + "well, it is bad,a\n", "a.csv:10\nhint: is the delimiter in a text"),
    texts("quotes never closed", "a.csv", CSV + '"it is bad,a\n' + ROWS, "is not closed before the end of the file"),
    texts("quotes never closed", "b.csv", CSV + '"it is bad,a\n' + ROWS, "18 lines = 17 rows", 17, quoting="none"),
    texts("quotes never closed", "a.tsv", TSV + '"it is bad\ta\n', "10 lines = 9 rows", 9),
    texts("text after a quote", "a.csv", CSV + '"it" is bad,a\n', "a.csv:10\nhint: double the quotes inside"),
    texts("quoted newlines", "a.csv", CSV + '"one\ntwo",a\n', "11 lines = 9 rows + 1 header line + 1 line ends inside",
          9),
    # headers, emptiness
    texts("no header", "a.csv", "".join(f"it is a lamp {i},{'ab'[i % 2]}\n" for i in range(20)), "no header", 20),
    texts("header only", "a.csv", "text,label\n", "the train split has no example\n  at: a.csv"),
    texts("header only", "a.tsv", "text\tlabel\n", "the train split has no example"),
    texts("header only", "a.xlsx", sheet(["text", "label"]), "the train split has no example"),
    texts("header only", "a.parquet", parquet(text=[], label=[]), "the train split has no example"),
    texts("a list of nothing", "a.json", "[]", "the train split has no example"),
    *(texts("empty", f"a.{end}", "", "is empty") for end in ("csv", "tsv", "txt", "json", "jsonl", "xlsx", "parquet")),
    words("empty", "a.conll", "", "is empty"),
    *(texts("blank only", f"a.{end}", " \n\n \n", "the train split has no example") for end in ("tsv", "txt", "jsonl")),
    texts("blank only", "a.csv", "\n\n\n", "the train split has no example"),
    texts("blank only", "a.json", " \n\n", "no JSON"),
    texts("blank only", "a.xlsx", sheet(), "the train split has no example"),
    words("blank only", "a.conll", " \n\n", "the train split has no example"),
    texts("blank lines", "a.csv", CSV.replace("\n", "\n\n"), "18 lines = 9 blank lines + 8 rows + 1 header line", 8),
    texts("blank rows", "a.xlsx", sheet(*CELLS[:3], [], *CELLS[3:]),
          "10 rows of the sheet = 8 rows + 1 blank rows + 1 header line", 8),
    texts("every text blank", "a.csv", "text,label\n,a\n,b\n", "every text is empty"),
    texts("damaged", "a.csv.gz", gzip.compress(CSV.encode())[:-20], "cannot be read to its end"),
    texts("damaged", "a.xlsx", sheet(*CELLS)[:900], "is no Excel workbook"),
    texts("damaged", "a.parquet", parquet(text=["a"], label=["b"])[:-30], "no Parquet file, or a damaged one"),
    # tags and labels that lack or look like something else
    words("missing tags", "a.conll", CONLL + "Anna\nis O\n",
          "1 columns where the lines before have 2\n  at: a.conll:33"),
    words("missing tags", "b.conll", "Anna\tB-PER\nis\tO\n\nAnna\t\n", "column 1 is empty\n  at: b.conll:4"),
    words("missing tags", "a.jsonl", '{"tokens": ["a", "b"], "tags": ["O"]}\n', "2 words but 1 tags\n  at: a.jsonl:1"),
    texts("missing labels", "a.csv", CSV + "x,\ny,\n", "no label\n  at: a.csv:11"),
    texts("missing labels", "a.txt", TEXT + "alone\n", "there is no ' ' in the line\n  at: a.txt:9"),
    texts("missing labels", "a.json", JSON[:-1] + ',{"text": "x", "label": null}]', "no label\n  at: a.json:9"),
    texts("missing labels", "a.parquet", parquet(text=["x", "y"], label=["a", None]), "no label\n  at: a.parquet:2"),
    texts("missing labels", "a.xlsx", sheet(*CELLS, ["x", None]), "no label\n  at: a.xlsx:10"),
    *(texts(f"text and label {odd}", "a.csv", f"{CSV}{odd},{odd}\n" * 1, f"{odd} 1", 9) for odd in ("NA", "None", "nan",
          "true")),
    *(texts(f"text and label {odd}", "a.xlsx", sheet(*CELLS, [odd, odd]), f"{odd} 1", 9) for odd in ("NA", "nan")),
    texts("text and label NA", "a.jsonl", JSONL + '{"text": "NA", "label": "NA"}\n', "NA 1", 9),
    texts("text that is no text", "a.jsonl", JSONL + '{"text": true, "label": "a"}\n',
          "`text` is true or false, not a text"),
    texts("0 beside 0.0", "a.csv", CSV.replace(",a", ",0").replace(",b", ",1") + "x,0.0\n",
          "`0` (train 4) and `0.0` (train 1)", 9),
    texts("0 beside 0.0", "a.jsonl", JSONL.replace('"a"', "0").replace('"b"', "1") + '{"text": "x", "label": 0.0}\n',
          "`0` (train 4) and `0.0` (train 1)", 9),
    texts("0 beside 0.0", "a.parquet", parquet(text=["x", "y", "z"], label=["0", "1", "0.0"]),
          "`0` (train 1) and `0.0` (train 1)", 3),
    texts("label variants", "a.csv", CSV + "x, A\ny,Ａ\nz,a\u200b\n",
          "`A` (train 1) and `a` (train 4) and `a\u200b` (train 1) and `Ａ` (train 1)", 11),
    texts("a superscript as label", "a.csv", CSV + "x,²\ny,--5\n", "10 rows", 10),
    texts("one class", "a.csv", CSV.replace(",b", ",a"), "every training row has the label `a`"),
    words("one tag", "a.conll", CONLL.replace("B-PER", "O"), "has the tag `O`"),
    texts("numbers that are none", "a.csv", "text,label\nx,1.5\ny,many\nz,nan\nw,inf\n", "found `many`\n  at: a.csv:3"),
    texts("one example of a class", "a.csv", CSV + "new,c\n",
          "too few texts for every part stay in train (number of texts): c (1)",
          9, validation=SPLIT),
    texts("one example of a class", "b.csv", CSV + "new,c\n", "1 label is with one training example: c", 9),
    # JSON of several kinds
    texts("mixed JSON lines", "a.jsonl", JSONL + '[1]\n3\n"x"\nnull\n',
          "no JSON object (and 1 more like these)\n  at: a.jsonl:11"),
    texts("mixed labels", "a.jsonl", JSONL + '{"text": "x", "label": ["a", "b"]}\n',
          "multi-label data, but this row's label"),
    texts("mixed labels", "b.jsonl", JSONL + '{"text": "x", "label": {"a": 1}}\n',
          "a label is an object\n  at: b.jsonl:9"),
    texts("a key twice", "a.jsonl", JSONL + '{"text": "x", "label": "a", "label": "b"}\n',
          "the key `label` comes twice"),
    texts("a key twice", "a.json", JSON[:-1] + ',{"text": "x", "text": "y", "label": "b"}]',
          "the key `text` comes twice"),
    texts("no JSON", "a.jsonl", JSONL + "{'text': 1}\n", "a.jsonl:9"),
    texts("NaN in JSON", "a.jsonl", JSONL + '{"text": "x", "label": NaN}\n', "NaN is not a number"),
    texts("mixed JSON items", "a.json", JSON[:-1] + ",1]", "no row\n  at: a.json:9"),
    texts("a list that ends early", "a.json", JSON[:-1], "expected `]`"),
    texts("a line of a megabyte", "a.csv", f"{CSV}{MEGABYTE},a\n", "rows longer than max_length, which are cut: 1", 9,
          overflow="truncate"),
    texts("a line of a megabyte", "a.jsonl", f'{JSONL}{{"text": "{MEGABYTE}", "label": "a"}}\n',
          "a.jsonl: 9 lines = 9 rows", 9),
    texts("a line of a megabyte", "a.txt", f"{TEXT}a {MEGABYTE}\n", "a.txt: 9 lines = 9 rows", 9),
    words("a word of a megabyte", "a.conll", f"{CONLL}{'x' * 1_050_000} O\n", "9 rows", 9),
    # tags
    words("I after O", "a.conll", CONLL + "is O\nAnna I-PER\n", "tags break the rules of IOB2", 9),
    words("unknown prefix", "a.conll", CONLL + "is Q-PER\n",
          "some tags have prefixes such as B- and I-, but not: Q-PER"),
    words("unknown prefix", "b.conll", CONLL + "is Q-PER\n\nis X\n",
          "`X` is no tag of the scheme IOB2\n  at: b.conll:35",
          None, scheme="IOB2"),
    # characters nobody sees
    texts("zero-width characters", "a.csv", CSV.replace("lamp 3", "la\u200bmp 3"), "characters that nobody sees", 8),
    words("zero-width characters", "a.conll", CONLL.replace("is", "i\u200bs", 1), "characters that nobody sees", 8),
    words("a word nobody sees", "b.conll", CONLL + "\u200b O\n", "words or texts that become no token at all: 1", 9),
    # offsets
    words("offsets of another text", "a.jsonl",
          SPANS + '{"text": "Anna", "entities": [{"start": 0, "end": 2, "label": "PER", "text": "Bo"}]}\n',
          "says `Bo` but its offsets 0 to 2 cover `An`\n  at: a.jsonl:9"),
    words("offsets outside", "b.jsonl", SPANS + '{"text": "Anna", "entities": [[0, 9, "PER"]]}\n',
          "does not lie in the text of 4"),
    words("offsets outside, dropped", "c.jsonl", SPANS + '{"text": "Anna", "entities": [[0, 9, "PER"]]}\n',
          "entities left out, for they do not lie in the text: 1", 9, unfit_spans="drop"),
    words("entities without offsets", "d.jsonl", SPANS + '{"text": "Anna", "entities": ["Anna"]}\n', "d.jsonl:9"),
    words("choices that are letters", "e.json",
          '[{"data": {"text": "Anna"}, "annotations": [{"result": [{"type": "labels", '
          '"from_name": "l", "value": {"start": 0, "end": 4, "labels": "PER"}}]}]}]',
          "not laid out as an export of Label Studio"),
    # spreadsheets and parquet
    texts("a formula without its value", "a.xlsx", sheet(*CELLS, ['="x"&"y"', "a"]),
          "a formula without its value\n  at: a.xlsx:10"),
    texts("merged labels", "b.xlsx", sheet(*CELLS, ["x", "a"], ["y", None], merge="B10:B11"),
          "no label\n  at: b.xlsx:11"),
    texts("huge numbers", "c.xlsx", sheet(*CELLS, [1e300, "a"]), "9 rows", 9),
    texts("null column", "a.parquet", parquet(text=["x", "y"], label=[None, None]), "no label\n  at: a.parquet:2"),
    texts("nested columns", "b.parquet", parquet(text=[{"a": "x"}], label=["a"]), "`text` is an object, not a text"),
]  # fmt: skip


Check = Callable[[Bad], tuple[int, str, str]]


@pytest.fixture
def check(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any) -> Check:
    monkeypatch.chdir(tmp_path)

    def run(bad: Bad) -> tuple[int, str, str]:
        content = bad.content if isinstance(bad.content, bytes) else bad.content.encode()
        Path(bad.name).write_bytes(content)
        settings = {"problem": "regression"} if bad.kind.startswith("numbers") else {}
        config = {
            "task": {"name": bad.task, **settings},
            "model": {"name": str(tiny("bert")), "on_unknown": "allow"},
            "data": {"train": bad.name, **bad.data},
        }
        Path("c.yaml").write_text(yaml.safe_dump(config))
        return command("check", "c.yaml", "--json")

    return run


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_bad_file_is_read_or_refused(bad: Bad, check: Check) -> None:
    code, out, err = check(bad)
    assert (code, "Traceback" in err) == (0 if bad.rows is not None else 2, False), err
    if bad.rows is None:
        assert bad.told in err
        return
    told = json.loads(out)
    (account,) = told["accounts"]
    assert account["total"] == sum(account["parts"].values())
    assert account["rows"] == bad.rows == sum(split["rows"] for split in told["splits"].values())
    sentences = [*told["sums"], *told["notices"], *told["warnings"], *(f["what"] for f in told["findings"])]
    labels = [f"{label} {number}" for label, number in told["splits"]["train"]["labels"].items()]
    assert bad.told in "\n".join([*sentences, *labels])


def test_labels_that_training_never_saw_are_told_with_their_rows(check: Check) -> None:
    Path("seen.csv").write_text("text,label\nx,a\ny,c\n")
    code, out, _ = check(texts("unseen", "a.csv", CSV, "", 8, test="seen.csv"))
    told = json.loads(out)
    assert code == 0
    assert [sum(account["parts"].values()) for account in told["accounts"]] == [9, 3]
    assert "1 label is not in the training data" in "\n".join(told["warnings"])
