"""Strategies for small files of every format: sound ones, and sound ones that something happened to."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fuzz_rows import (
    odd,
    prodigy_row,
    sound_span_row,
    sound_text_row,
    sound_token_row,
    span_row,
    study_row,
    text_row,
    texts,
    token_row,
)
from hypothesis import strategies as st

Row = dict[str, Any]

NOISE = [
    b"\0", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b"\xe2\x80\xa8", b"\xc2\x85", b'"', b"'", b"\t", b",", b";", b"|",
    b" ",
    b"\\", b"\\ud800", b"\\u0000", b"\xff", b"\xed\xa0\x80", b"\x80", b"\xe4", b"\xe4\xf6\xfc", b"\xc4\xe3\xba\xc3",
    b"[",
    b"]", b"{", b"}", b":", b"NaN", b"1e999", b"-1", b"999999999999999999999", b"#", b"-DOCSTART-", b"\x0b", b"\x1f",
    b"\xe2\x80\x8b", b"null", b"true", b"x" * 3000, b"\n\n\n", b'""', b'","', b"\x1a", b"T9\tX 0 1\ta",
    b"\xf0\x9f\x99\x82",
]  # fmt: skip
ENCODINGS = [
    "latin-1",
    "cp1252",
    "gb18030",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "utf-8-sig",
    "shift_jis",
    "big5",
    "koi8-r",
]


@dataclass(frozen=True)
class Case:
    """Files (name -> bytes) of which the first is the training data (or the folder it lies in), and how to read it."""

    kind: str
    files: dict[str, bytes]
    options: dict[str, Any] = field(default_factory=dict)
    folder: bool = False


def written_json(rows: list[Any]) -> bytes:
    return json.dumps(rows, ensure_ascii=len(rows) % 2 == 0).encode("utf-8", "surrogatepass")


def written_jsonl(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n" for row in rows)


def written_parts(rows: list[Any]) -> bytes:
    return json.dumps({"train": rows, "rest": rows[:1], "note": "x"}).encode()


def written_csv(delimiter: str, **options: Any) -> Callable[[list[Row]], bytes]:
    def write(rows: list[Row]) -> bytes:
        out = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.writer(out, delimiter=delimiter, **options)
        writer.writerow(names)
        writer.writerows([[row.get(name, "") for name in names] for row in rows])
        return out.getvalue().encode("utf-8", "surrogatepass")

    return write


def written_plain(delimiter: str) -> Callable[[list[Row]], bytes]:
    def write(rows: list[Row]) -> bytes:
        lines = [f"{row.get('label')}{delimiter}{row.get('text')}" for row in rows]
        return "\n".join(lines).encode("utf-8", "surrogatepass")

    return write


def written_conll(delimiter: str) -> Callable[[list[Row]], bytes]:
    def write(rows: list[Row]) -> bytes:
        blocks = [
            "".join(f"{w}{delimiter}{t}\n" for w, t in zip(row["tokens"], row["tags"], strict=True)) for row in rows
        ]
        return "\n".join(blocks).encode("utf-8", "surrogatepass")

    return write


def written_parquet(rows: list[Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    try:
        table = pa.Table.from_pylist([row for row in rows if isinstance(row, dict)] or [{"text": "a"}])
        pq.write_table(table, out)
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError):
        pq.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"]}), out)
    return out.getvalue()


def written_xlsx(rows: list[Row]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    def cell(value: Any) -> str | int | float | None:
        kept = value if isinstance(value, str | int | float | None) else str(value)
        return ILLEGAL_CHARACTERS_RE.sub("?", kept) if isinstance(kept, str) else kept

    book = Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for values in [names, *([row.get(name) for name in names] for row in rows)]:
        sheet.append(list(map(cell, values)))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHAPES: dict[tuple[str, str], tuple[st.SearchStrategy[Any], Callable[[Any], bytes]]] = {
    ("text", "a.csv"): (text_row, written_csv(",")),
    ("text", "b.csv"): (text_row, written_csv(";", quoting=csv.QUOTE_ALL)),
    ("text", "a.tsv"): (text_row, written_csv("\t")),
    ("text", "a.txt"): (text_row, written_plain(" ")),
    ("text", "b.txt"): (text_row, written_plain("\t")),
    ("text", "a"): (text_row, written_plain("\t")),
    ("text", "a.jsonl"): (text_row, written_jsonl),
    ("text", "a.json"): (text_row, written_json),
    ("text", "b.json"): (text_row, written_parts),
    ("text", "d.json"): (text_row | odd, written_json),
    ("text", "d.jsonl"): (text_row | odd, written_jsonl),
    ("text", "c.json"): (study_row, written_json),
    ("text", "b.jsonl"): (prodigy_row, written_jsonl),
    ("text", "a.parquet"): (text_row, written_parquet),
    ("text", "a.xlsx"): (text_row, written_xlsx),
    ("words", "a.conll"): (token_row, written_conll(" ")),
    ("words", "b.conll"): (token_row, written_conll("\t")),
    ("words", "a.conllu"): (token_row, written_conll("\t")),
    ("words", "a"): (token_row, written_conll(" ")),
    ("words", "a.jsonl"): (span_row, written_jsonl),
    ("words", "d.jsonl"): (token_row, written_jsonl),
    ("words", "a.json"): (span_row | token_row | odd, written_json),
    ("words", "c.json"): (study_row, written_json),
    ("words", "b.jsonl"): (prodigy_row, written_jsonl),
    ("words", "a.csv"): (token_row, written_csv(",")),
    ("words", "a.parquet"): (token_row, written_parquet),
    ("words", "b.parquet"): (span_row, written_parquet),
}
SOUND = {text_row: sound_text_row, span_row: sound_span_row, token_row: sound_token_row}
OPTIONS = {
    "header": ["auto", True, False],
    "quoting": ["auto", "standard", "none"],
    "delimiter": ["auto", "tab", ",", ";", '"', "ab"],
    "label_first": [True, False],
    "label_separator": [";", " ", ","],
    "encoding": ["auto", "utf-8", "latin-1", "gb18030", "utf-16", "base64", "punycode", "idna", "utf-7", "x", "a\0b"],
    "format": [
        "conll",
        "spans",
        "csv",
        "tsv",
        "xlsx",
        "json",
        "jsonl",
        "parquet",
        "text",
        "brat",
        "folders",
        "prodigy",
        "label-studio",
        "spacy",
    ],
    "columns": [
        {"text": 0, "label": 1},
        {"text": "text"},
        {"label": -1},
        {"tokens": 0},
        {"label": []},
        {"text": [0, 1]},
    ],
    "unfit_spans": ["stop", "drop"],
    "words": ["whitespace", "unicode", "characters"],
    "scheme": ["IOB1", "IOB2", "IOE1", "BIOES", "plain"],
    "limit": [1, 3],
    "limit_per_class": [1, 2],
    "sheet": [0, -1, 7, "rows", "x"],
    "validation": [
        {"split": 0.3},
        {"split": 0.3, "by": "stratified"},
        {"split": 0.3, "by": "group", "key": "id"},
        {"split": 0.3, "by": "date", "key": "date"},
        {"split": 0.3, "by": "date", "key": "date", "date_format": "%d/%m/%Y"},
        {"folds": 2},
        {"folds": 2, "by": "stratified"},
    ],
}
options = st.lists(st.sampled_from(sorted(OPTIONS)), max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(OPTIONS[name]) for name in names})
)


def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes after up to three accidents. Places are shares of the length, which in .xlsx hangs on the clock."""
    kinds = ["cut", "insert", "insert", "double", "drop", "encode", "swap", "ends"]
    for accident in draw(st.just([]) | st.lists(st.sampled_from(kinds), min_size=1, max_size=3)):
        at = draw(st.integers(0, 1000)) * len(content) // 1000
        until = at + draw(st.integers(0, 20))
        if accident == "cut":
            content = content[:at]
        elif accident == "insert":
            content = content[:at] + draw(st.sampled_from(NOISE)) + content[at:]
        elif accident == "double":
            content = content[:until] + content[at:]
        elif accident == "drop":
            content = content[:at] + content[until:]
        elif accident == "encode":
            content = content.decode("utf-8", "replace").encode(draw(st.sampled_from(ENCODINGS)), "replace")
        elif accident == "swap":
            old, new = draw(
                st.tuples(*[st.sampled_from([b",", b"\t", b";", b" ", b'"', b"\n", b"\r\n", b"[", b":"])] * 2)
            )
            content = content.replace(old, new)
        else:
            content = content.replace(b"\n", draw(st.sampled_from([b"\r", b"\r\n", b"\n\n", b"\xe2\x80\xa8"])))
    return content


@st.composite
def tables_and_lines(draw: st.DrawFn) -> Case:
    """A file of one of the formats."""
    kind, name = draw(st.sampled_from(sorted(SHAPES)))
    rows, write = SHAPES[kind, name]
    content = write(draw(st.lists(SOUND.get(rows, rows), min_size=2, max_size=9) | st.lists(rows, max_size=6)))
    return Case(kind, {name: mutated(draw, content)}, draw(options))


ANNOTATIONS = st.lists(
    st.sampled_from(
        [
            "T1\tX 0 2\tfi", "T2\tX 0 4\tfine", "T3\tY 0 1;3 4\tf e", "T4\tX 2 1\t", "T5\tX 90 99\tx", "T", "T6 X 0 1",
            "R1\tRel Arg1:T1 Arg2:T2", "#1\tAnnotatorNotes T1\tnote", "A1\tNeg T1", "", "E1\tX:T1", "T7\tX 0 ²\tf",
        ]
    ),
    max_size=4,
).map("\n".join)  # fmt: skip


@st.composite
def folders(draw: st.DrawFn) -> Case:
    """A folder of brat files, or one with a folder per label."""
    files: dict[str, bytes] = {}
    if draw(st.booleans()):
        for name in draw(st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True)):
            text = "\n".join(["fine day", *draw(st.lists(texts, max_size=3))]).encode("utf-8", "surrogatepass")
            files[f"in/{name}.txt"] = mutated(draw, text)
            files[f"in/{name}.ann"] = mutated(draw, draw(ANNOTATIONS).encode())
        kind = "words"
    else:
        for name in draw(
            st.lists(st.sampled_from(["a/1.txt", "a/2.txt", "b/1.txt", " b/1.txt", "x.txt", "b/1.md"]), max_size=4)
        ):
            files[f"in/{name}"] = mutated(draw, draw(texts).encode("utf-8", "surrogatepass"))
        kind = "text"
    files = files or {"in/a/1.txt": b"x"}
    for name in draw(st.lists(st.sampled_from(sorted(files)), max_size=1)):
        del files[name]
    return Case(kind, files or {"in/x": b""}, draw(options), folder=True)


noise = st.binary(max_size=60) | st.lists(st.sampled_from([*NOISE, b"text,label\n", b"a O\n", b"{"]), max_size=12).map(
    b"".join
)
random_bytes = st.builds(
    lambda kind, name, content, asked: Case(kind, {name: content}, asked),
    st.sampled_from(["text", "words"]),
    st.sampled_from(
        ["a", "a.csv", "a.tsv", "a.txt", "a.json", "a.jsonl", "a.conll", "a.xlsx", "a.parquet", "a.gz", "a.csv.xz"]
    ),
    noise,
    options,
)
cases = st.one_of(tables_and_lines(), tables_and_lines(), tables_and_lines(), folders(), random_bytes)
