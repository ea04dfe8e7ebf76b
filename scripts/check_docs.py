"""Check the documents: relative links lead somewhere, and generated pages are up to date."""

import re
import sys
from pathlib import Path

from lmfit.config.document import reference_markdown

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def broken_links() -> list[str]:
    """Every relative link of a tracked Markdown file whose target is missing."""
    found = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            for target in LINK.findall(line):
                if "://" not in target and not (page.parent / target).exists():
                    found.append(f"{page.relative_to(ROOT)}:{number}: `{target}` leads nowhere")
    return found


def stale_pages() -> list[str]:
    """Generated pages that differ from what the code says."""
    page = ROOT / "docs" / "configuration.md"
    fresh = page.is_file() and page.read_text(encoding="utf-8") == reference_markdown()
    return [] if fresh else ["docs/configuration.md is out of date: make docs"]


if __name__ == "__main__":
    problems = broken_links() + stale_pages()
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
