"""Which documents are worth learning from: simple rules, each with a name under which it is counted.

After the rules of MassiveText (Rae et al. 2021, appendix A1): length, share of symbols, repeated lines; language.
"""

import re

from lmfit.config.pretraining import FiltersConfig
from lmfit.data.propose.language import CODES, Letters

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_FEWEST_LINES = 4


def count_words(text: str) -> int:
    """Words between blanks; each Han character is one."""
    return len(_HAN.sub(" x ", text).split())


def refused(text: str, filters: FiltersConfig) -> str | None:
    """The rule by which a document is left out, None where it stays."""
    words = count_words(text)
    if words < filters.min_words:
        return "too short"
    if filters.max_words is not None and words > filters.max_words:
        return "too long"
    if filters.max_symbols < 1 and _symbols(text) > filters.max_symbols:
        return "too many symbols"
    if filters.max_repeated_lines < 1 and _repeated(text) > filters.max_repeated_lines:
        return "repeated lines"
    if filters.language is not None and language_of(text) != filters.language:
        return "another language"
    return None


def language_of(text: str) -> str | None:
    """The ISO code of a text's language as far as script and commonest words tell it; None where they do not."""
    letters = Letters()
    letters.add(text)
    return CODES.get(letters.language)


def _symbols(text: str) -> float:
    letters = sum(map(str.isalpha, text))
    blanks = sum(map(str.isspace, text))
    return 1 - letters / max(1, len(text) - blanks)


def _repeated(text: str) -> float:
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    return 0.0 if len(lines) < _FEWEST_LINES else 1 - len(set(lines)) / len(lines)
