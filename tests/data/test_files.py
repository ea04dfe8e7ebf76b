import bz2
import gzip
import lzma
import os

import pytest

from lmfit.data.encoding import inspect
from lmfit.data.files import TextStream, expand, split_suffix
from lmfit.data.notices import Notices
from lmfit.errors import ConfigError, DataError, MissingExtra


def lines_of(path, encoding="auto", said=None):
    notices = Notices()
    lines = list(inspect(path, encoding=encoding, notices=notices).lines())
    if said is not None:
        said += notices.sentences
    return lines


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
)
def test_compressed_files(write, suffix, compress):
    assert lines_of(write(f"a.txt{suffix}", compress("é\nb".encode()))) == ["é\n", "b"]


def test_zstd_names_its_extra(write):
    try:
        import zstandard
    except ImportError:
        with pytest.raises(MissingExtra, match="zstd"):
            lines_of(write("a.zst", b"x"))
    else:
        assert lines_of(write("a.zst", zstandard.compress(b"x\n"))) == ["x\n"]


def test_a_damaged_archive_is_named(write):
    with pytest.raises(DataError, match=r"a\.gz.* cannot be read to its end"):
        lines_of(write("a.gz", gzip.compress(b"x" * 1000)[:-10]))


def test_suffix_before_the_compression():
    assert split_suffix("data/a.CSV.gz") == (".csv", ".gz")
    assert split_suffix("data/a.tsv") == (".tsv", "")


def test_globs_lists_and_parts(write):
    names = [write(name, "x") for name in ("b.csv", "a.csv", "c.json")]
    assert expand("*.csv") == [("a.csv", ""), ("b.csv", "")]
    assert expand(f"{names[2]}#train") == [("c.json", "train")]


def test_a_hash_in_a_name_is_no_part(write):
    assert expand(write("a#b.csv", "x")) == [("a#b.csv", "")]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("trian.csv", "did you mean `train.csv`"),
        ("no/such.csv", "no folder `no`"),
        ("*.tsv", "no file matches"),
    ],
)
def test_what_is_not_there(write, asked, told):
    write("train.csv", "x")
    with pytest.raises(DataError, match=told):
        expand(asked)


def test_a_folder_is_no_file(write):
    with pytest.raises(DataError, match="is a folder"):
        lines_of(os.path.dirname(os.path.abspath(write("train.csv", "x"))))


def test_latin_1_is_found_and_said(write):
    said = []
    text = "le café est très agréable, l'été à Genève\n" * 20
    assert lines_of(write("a", text.encode("latin-1")), said=said)[0] == text.splitlines(keepends=True)[0]
    assert said == ["a: not UTF-8, read as cp1252; set data.encoding if that is wrong"]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8_r", "cp866", "iso8859_5"])
@pytest.mark.parametrize("shape", [str, str.upper, str.capitalize])
def test_russian_code_pages_are_told_apart(write, encoding, shape):
    text = "".join(f"{shape('это текст номер')} {i} {shape('про лампы и посылку')},{'аб'[i % 2]}\n" for i in range(60))
    assert "".join(lines_of(write("a", text.encode(encoding)))) == text


def test_gb18030_is_found(write):
    text = "上课时学生手机响个不停，老师一怒之下把手机摔了，大家怎么看待这种事？\n" * 20
    assert "".join(lines_of(write("a", text.encode("gb18030")))) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(write, encoding):
    assert lines_of(write("a", "é\u2028x\ny".encode(encoding))) == ["é\u2028x\n", "y"]


def test_undecodable_bytes_name_the_line(write):
    with pytest.raises(DataError, match=r"bytes ff are not utf-8 text\s+at: a:3"):
        lines_of(write("a", b"x\ny\nz\xff\n"), encoding="utf-8")


def test_a_character_cut_off_at_the_end_is_an_error(write):
    with pytest.raises(DataError, match="a:2"):
        lines_of(write("a", b"x\n\xe4\xbd"), encoding="utf-8")


def test_line_of_bad_bytes_far_into_the_file(write):
    content = "é\n".encode() * 600_000 + b"\xff\n"
    with pytest.raises(DataError, match="a:600001"):
        lines_of(write("a", content), encoding="utf-8")


def test_nul_names_the_line(write):
    with pytest.raises(DataError, match=r"NUL(.|\n)*a:2"):
        lines_of(write("a", b"x\ny\0z\n"))


def test_unknown_encoding(write):
    with pytest.raises(ConfigError, match="unknown encoding `utf8x`"):
        lines_of(write("a", b"x"), encoding="utf8x")


def test_head_of_a_stream_is_not_lost():
    stream = TextStream("stdin", [b"\xef\xbb\xbfa\n", b"b\n", b"c"])
    assert stream.head(2) == ["a\n", "b\n"]
    assert list(stream.lines()) == ["a\n", "b\n", "c"]


def test_a_stream_must_be_utf_8():
    with pytest.raises(DataError, match="stdin:2"):
        list(TextStream("stdin", [b"a\n", b"\xe9\n"]).lines())


def test_a_device_is_no_file():
    with pytest.raises(DataError, match="no regular file"):
        expand("/dev/null")


def test_lines_that_a_carriage_return_ends(write):
    notices = Notices()
    file = inspect(write("a.txt", "one\rtwo\r\rthree"), notices=notices)
    assert list(file.lines()) == ["one\n", "two\n", "\n", "three"]
    assert file.line_count == 4
    assert "carriage return" in notices.facts[0]


def test_a_name_that_is_not_utf_8(tmp_path, monkeypatch):
    import os

    monkeypatch.chdir(tmp_path)
    with open(os.fsencode("x") + b"\xe4.csv", "wb") as file:
        file.write(b"text,label\na,b\n")
    with pytest.raises(DataError, match=r"the name of the file 'x\\udce4.csv' is not UTF-8"):
        expand("*.csv") and inspect(expand("*.csv")[0][0], notices=Notices())
