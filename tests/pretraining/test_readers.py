import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.pretraining import CorpusConfig, FiltersConfig
from lmfit.data.notices import Notices
from lmfit.errors import DataError
from lmfit.pretraining.filters import refused
from lmfit.pretraining.readers import parts_of


def read(path: Path | str, **settings: Any) -> list[str]:
    config = CorpusConfig(train=str(path), **settings)
    return [d.text for part in parts_of(config) for d in part.read(None, Notices())]


def test_text_by_file_line_and_blank_line(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one\ntwo\n\n\nthree\n")
    assert read(file, documents="file") == ["one\ntwo\n\n\nthree"]
    assert read(file, documents="line") == ["one", "two", "three"]
    assert read(file, documents="blank") == ["one\ntwo", "three"]
    assert read(file) == ["one\ntwo", "three"]
    packed = tmp_path / "b.txt.gz"
    packed.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert read(packed) == ["one\ntwo"]


def test_tables_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"body": t}) + "\n" for t in ("x y", "z")))
    assert read(tmp_path / "a.jsonl", text="body") == ["x y", "z"]
    (tmp_path / "a.tsv").write_text("label\tbody\n1\tx y\n0\tz\n")
    assert read(tmp_path / "a.tsv", text="body") == ["x y", "z"]
    with pytest.raises(DataError, match="no column `text`"):
        read(tmp_path / "a.tsv")
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["x y", None]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ["x y", ""]
    (tmp_path / "a.conll").write_text("Anna B-PER\nleft O\n\nOslo B-LOC\n")
    assert read(tmp_path / "a.conll", format="conll") == ["Anna left", "Oslo"]


def test_a_wikipedia_dump(tmp_path: Path) -> None:
    pages = [
        ("Oslo", "0", "", "'''Oslo''' is the [[capital city|capital]] of [[Norway]].{{citation}}\n[[Category:Cities]]"),
        ("Olso", "0", "<redirect title='Oslo' />", "#REDIRECT [[Oslo]]"),
        ("Talk:Oslo", "1", "", "hello"),
    ]
    body = "".join(
        f"<page><title>{t}</title><ns>{n}</ns>{r}<revision><text>{x}</text></revision></page>" for t, n, r, x in pages
    )
    file = tmp_path / "wiki.xml.bz2"
    file.write_bytes(bz2.compress(f"<mediawiki xmlns='http://www.mediawiki.org/xml/'>{body}</mediawiki>".encode()))
    assert read(file) == ["Oslo\nOslo is the capital of Norway."]
    file.write_bytes(bz2.compress(b"<mediawiki><page>"))
    with pytest.raises(DataError, match="no Wikipedia dump"):
        read(file)


def test_common_crawl_archives(tmp_path: Path) -> None:
    from io import BytesIO

    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    with open(tmp_path / "a.warc.gz", "wb") as file:
        writer = WARCWriter(file, gzip=True)
        page = b"<html><head><title>t</title></head><body><h1>Oslo</h1><script>x()</script><p>A city &amp; port</p>"
        headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record("http://a", "response", payload=BytesIO(page), http_headers=headers)
        )
        writer.write_record(writer.create_warc_record("http://a", "conversion", payload=BytesIO("Žižek".encode())))
    assert read(tmp_path / "a.warc.gz") == ["Oslo\nA city & port", "Žižek"]
    (tmp_path / "b.warc").write_bytes(b"nothing of the kind\n" * 50)
    with pytest.raises(DataError, match="WARC"):
        read(tmp_path / "b.warc")


@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_that_ends_too_early(packed: bool, tmp_path: Path) -> None:
    """Wherever it is cut, but between records."""
    from io import BytesIO

    from warcio.warcwriter import WARCWriter

    held = BytesIO()
    for text in (b"one two three", b"four five six"):
        writer = WARCWriter(held, gzip=packed)
        writer.write_record(writer.create_warc_record("http://a", "conversion", payload=BytesIO(text)))
    whole, file = held.getvalue(), tmp_path / ("a.wet.gz" if packed else "a.wet")
    ends = len(whole)
    for cut in (ends - 12, ends - 20, ends // 2 + 5, ends // 2 + 40):
        file.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"not whole|damaged"):
            read(file)
    file.write_bytes(whole)
    assert read(file) == ["one two three", "four five six"]


def test_an_archive_as_one_gzip_member(tmp_path: Path) -> None:
    from io import BytesIO

    from warcio.warcwriter import WARCWriter

    held = BytesIO()
    for text in (b"one two three", b"four five six"):
        writer = WARCWriter(held, gzip=False)
        writer.write_record(writer.create_warc_record("http://a", "conversion", payload=BytesIO(text)))
    (tmp_path / "a.wet.gz").write_bytes(gzip.compress(held.getvalue()))
    assert read(tmp_path / "a.wet.gz") == ["one two three", "four five six"]


@pytest.mark.parametrize(
    ("text", "rules", "reason"),
    [
        ("two words", {}, "too short"),
        ("one two three four five six", {"max_words": 5}, "too long"),
        ("a b c d e f == -- // ## ** ++ ::", {}, "too many symbols"),
        ("menu bar\n" * 6, {}, "repeated lines"),
        ("the cat and the dog are in the house of a friend", {"language": "de"}, "another language"),
        ("the cat and the dog are in the house of a friend", {"language": "en"}, None),
        ("我们今天去公园散步吧", {"language": "zh"}, None),
    ],
)
def test_filters(text: str, rules: dict[str, Any], reason: str | None) -> None:
    assert refused(text, FiltersConfig(**rules)) == reason
