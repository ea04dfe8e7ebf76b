"""Documents of Wikipedia dumps and of Common Crawl archives."""

import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError, iterparse

from lmfit.data.example import Origin
from lmfit.data.files import open_bytes
from lmfit.data.notices import Notices
from lmfit.errors import DataError, MissingExtra
from lmfit.pretraining.readers import Document, Part

_ARTICLES = "0"
_BLOCK = 65_536
_HEADINGS = {f"h{level}" for level in range(1, 7)}
_BLOCKS = _HEADINGS | {"p", "div", "br", "li", "tr", "td", "th", "section", "article", "header", "footer", "pre"}
_UNSEEN = frozenset(["script", "style", "noscript", "template", "head"])
_LEFTOVERS = ("Category:", "File:", "Image:", "thumb|", "{|", "|}", "|-", "!", "|")


def read_wikipedia(part: Part, notices: Notices) -> Iterator[Document]:
    """The articles of a pages-articles dump (XML, as a rule packed by bzip2), as plain text.

    Redirects and pages that are no articles are passed over and counted. The line of an origin is the page's number.
    """
    try:
        import mwparserfromhell
    except ImportError as error:
        raise MissingExtra("reading Wikipedia dumps", "corpus") from error
    for number, page in enumerate(_pages(part.path), start=1):
        origin = Origin(part.path, number)
        if page.get("ns", _ARTICLES) != _ARTICLES or "redirect" in page:
            notices.count("pages that are redirects or no articles, passed over", origin)
            continue
        plain = mwparserfromhell.parse(page.get("text") or "").strip_code(normalize=True, collapse=True)
        lines = (line.strip() for line in plain.split("\n"))
        kept = [line for line in lines if not line.startswith(_LEFTOVERS)]
        yield Document("\n".join([page.get("title") or "", *kept]).strip(), origin)


def _pages(path: str) -> Iterator[dict[str, str | None]]:
    """What each page holds, by tag; elements are let go as soon as they were seen."""
    page: dict[str, str | None] = {}
    try:
        with open_bytes(path) as stream:
            events = iterparse(stream, ("start", "end"))
            _, root = next(events)
            for event, element in events:
                name = element.tag.rpartition("}")[2]
                if event == "end" and name in ("title", "ns", "text", "redirect"):
                    page[name] = element.text
                elif event == "end" and name == "page":
                    yield page
                    page = {}
                    root.clear()
    except (ParseError, StopIteration, OSError, EOFError) as error:
        fix = "get the file again, or say another format (data.format)"
        raise DataError(f"no Wikipedia dump, or a damaged one: {error}", where=path, fix=fix) from error


def read_warc(part: Part, notices: Notices) -> Iterator[Document]:
    """The texts of a WET archive, or of the HTML pages of a WARC archive; the line of an origin is the record's number.

    Other records are passed over; those whose bytes are no text in their encoding are counted and left out.
    """
    try:
        from warcio.archiveiterator import ArchiveIterator
        from warcio.exceptions import ArchiveLoadFailed
    except ImportError as error:
        raise MissingExtra("reading WARC archives", "corpus") from error
    number = 0
    try:
        with open_bytes(part.path) as stream:
            for number, record in enumerate(ArchiveIterator(_Whole(stream)), start=1):
                origin = Origin(part.path, number)
                text = _text_of(record)
                _refuse_cut(record, origin)
                if text is None:
                    notices.count("records without text, passed over", origin)
                else:
                    yield Document(text, origin)
    except (ArchiveLoadFailed, OSError, zlib.error) as error:
        what = f"no WARC archive, or a damaged one: {' '.join(str(error).split()).partition('. ')[0]}"
        fix = "get the file again, or say another format (data.format)"
        raise DataError(what, where=f"{part.path}:{number}", fix=fix) from error


class _Whole:
    """A stream whose early end is an error: warcio takes an EOFError for the end of the archive."""

    def __init__(self, stream: BinaryIO) -> None:
        self.tell, self._stream = stream.tell, stream

    def read(self, size: int) -> bytes:
        """The next bytes. Raises OSError where compressed ones end too early."""
        try:
            return self._stream.read(size)
        except EOFError as error:
            raise OSError(str(error)) from error


def _refuse_cut(record: Any, origin: Origin) -> None:
    """Raises DataError for a record that is shorter than its header says: the file ends in the middle of it."""
    while record.raw_stream.read(_BLOCK):
        pass
    length = record.rec_headers.get_header("Content-Length", str(record.length)).strip()
    if not length.isdigit() or record.raw_stream.tell() < int(length):
        what = "the record is not whole: the file ends before it does"
        raise DataError(what, where=str(origin), fix="get the file again")


def _text_of(record: Any) -> str | None:
    try:
        if record.rec_type == "conversion":
            return str(record.content_stream().read().decode("utf-8"))
        if record.rec_type != "response" or record.http_headers is None:
            return None
        kind = record.http_headers.get_header("Content-Type") or ""
        if "html" not in kind:
            return None
        _, _, charset = kind.partition("charset=")
        return _plain(record.content_stream().read().decode(charset.split(";")[0].strip("\"' ") or "utf-8"))
    except (UnicodeDecodeError, LookupError):
        return None


def _plain(page: str) -> str:
    """The text of an HTML page: a line per block, without scripts and styles."""
    parser = _Text()
    parser.feed(page)
    lines = (" ".join(line.split()) for line in "".join(parser.found).split("\n"))
    return "\n".join(line for line in lines if line)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in _UNSEEN
        if tag in _BLOCKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _UNSEEN))
        if tag in _BLOCKS:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)
