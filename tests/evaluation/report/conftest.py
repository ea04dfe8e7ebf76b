"""The parsed report, and the makers of run folders on the import path."""

import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lmfit.evaluation.report import write_report

sys.path.insert(0, str(Path(__file__).parent))


class Page(HTMLParser):
    """The parsed report: its text, its tags with attributes, and the tags that were left open."""

    VOID = {"meta", "link", "wbr", "br", "img"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.words, self.tags, self.open = html, [], [], []
        self.feed(html)
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}> at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture
def report():
    """Write the report of a run folder and parse it."""
    return lambda folder: Page(write_report(Path(folder)).read_text(encoding="utf-8"))
