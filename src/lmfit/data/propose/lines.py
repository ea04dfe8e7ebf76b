"""How files without columns are built: one word a line with its tag, or a label before or after the text of a line."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from lmfit.data.files import chomp

SAMPLE_LINES = 5000
MOST_LINES = 500_000
MOST_LABELS = 200
_DELIMITERS_BEFORE = ("\t", " ", ",", ";", "|", ":")
_DELIMITERS_AFTER = ("\t", "@", "|", ";", ",", " ")
_LONGEST_LABEL = 40
_LEAST_SHARE = 0.98
_MOST_COLUMNS = 20


class LineLayout(NamedTuple):
    """A label, its delimiter, and whether it stands before the text."""

    delimiter: str
    label_first: bool


def has_tagged_words(head: Sequence[str]) -> bool:
    """Whether the lines are words with tags: blank lines between runs of lines with the same few columns."""
    lines = [chomp(line) for line in head]
    rows = [line.split() for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if not rows or not any(not line.strip() for line in lines[1:-1]):
        return False
    width, number = Counter(map(len, rows)).most_common(1)[0]
    return 2 <= width <= _MOST_COLUMNS and number >= _LEAST_SHARE * len(rows)


def judge_lines(all_lines: Iterable[str]) -> LineLayout | None:
    """The layout with the fewest labels, each of which comes again and again; None where there is none.

    Judged on 500,000 lines: many files are sorted by label.
    """
    lines = [chomp(line) for line in islice(all_lines, MOST_LINES) if line.strip()]
    layouts = [LineLayout(delimiter, True) for delimiter in _DELIMITERS_BEFORE]
    layouts += [LineLayout(delimiter, False) for delimiter in _DELIMITERS_AFTER]
    counted = [(labels, layout) for layout in layouts if (labels := _number_of_labels(lines, layout)) is not None]
    return min(counted, key=lambda pair: pair[0])[1] if counted else None


def _number_of_labels(lines: Sequence[str], layout: LineLayout) -> int | None:
    counts: Counter[str] = Counter()
    empty = 0
    for line in lines:
        before, found, after = (
            line.partition(layout.delimiter) if layout.label_first else line.rpartition(layout.delimiter)
        )
        label, text = (before, after) if layout.label_first else (after, before)
        label = label.strip()
        if not found or not label or len(label) > _LONGEST_LABEL or not _begins_well(label):
            return None
        counts[label] += 1
        empty += not text.strip()
    again = 5 * len(counts) <= len(lines) and empty <= (1 - _LEAST_SHARE) * len(lines)
    return len(counts) if again and 2 <= len(counts) <= MOST_LABELS else None


def _begins_well(label: str) -> bool:
    return label[0].isalnum() or label[0] in "_-+"
