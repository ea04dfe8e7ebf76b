"""The report's own sentences, in English and Chinese (words.yaml), and how it writes numbers."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup, escape

MISSING = "–"
_JOINT = re.compile(r"([_/])(?=\w)")
_CODE = re.compile(r"`([^`]+)`")


class Words:
    """Sentences of one language: `words("key", count=3)` is safe HTML, with every value escaped."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._sentences = _sentences()

    def __call__(self, key: str, **values: Any) -> Markup:
        """The sentence of `key`. Raises KeyError for an unknown key or a missing value."""
        sentence = str(escape(self._sentences[key][self.language]))
        return Markup(_CODE.sub(r"<code>\1</code>", sentence)).format(**values)

    def plain(self, key: str, **values: Any) -> str:
        """The sentence of `key` as plain text, for places that cannot hold markup; escape it there."""
        return self._sentences[key][self.language].replace("`", "").format(**values)

    def name(self, kind: str, name: str) -> str:
        """The reader's name for a metric, baseline and the like; names that are not known stay as they are."""
        entry = self._sentences.get(f"{kind}.{name}")
        return entry[self.language] if entry else name

    def heading(self, kind: str, name: str) -> str:
        """`name` as it stands at the start of a line: its first letter is a capital one."""
        return capital(self.name(kind, name)) if f"{kind}.{name}" in self._sentences else name

    def duration(self, seconds: float | None) -> str:
        """Seconds as `42 s`, `7 min 32 s` or `2 h 05 min`."""
        if seconds is None:
            return MISSING
        if seconds < 9.95:
            return self.plain("duration.seconds", seconds=f"{seconds:.1f}")
        minutes, rest = divmod(round(seconds), 60)
        if not minutes:
            return self.plain("duration.seconds", seconds=rest)
        if minutes < 60:
            return self.plain("duration.minutes", minutes=minutes, seconds=f"{rest:02d}")
        return self.plain("duration.hours", hours=minutes // 60, minutes=f"{minutes % 60:02d}")


LANGUAGES = ("en", "zh")


@cache
def _sentences() -> Mapping[str, Mapping[str, str]]:
    loaded: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text("utf-8"))
    return loaded


def capital(text: str) -> str:
    """`text` with a capital first letter."""
    return text[:1].upper() + text[1:]


def breakable(text: str) -> Markup:
    """`text` that a line may break after `_` or `/`: labels, file names."""
    return Markup(_JOINT.sub(r"\1<wbr>", str(escape(text))))


def score(value: float | None) -> str:
    """A metric's value: three decimals, fewer where it is large (a perplexity)."""
    if value is None:
        return MISSING
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return text.replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    return MISSING if value is None else f"{round(value):,}"


def percent(share: float | None) -> str:
    """A share of 1 as a percentage, with one decimal below 10 %."""
    if share is None:
        return MISSING
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"


def size(number_of_bytes: float | None) -> str:
    """Bytes in decimal units."""
    if number_of_bytes is None:
        return MISSING
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number_of_bytes >= scale:
            return f"{number_of_bytes / scale:,.1f} {unit}"
    return f"{number_of_bytes:,.0f} B"


def amount(value: float | None) -> str:
    """A large count in short: 22.6 M, 1.1 B."""
    if value is None:
        return MISSING
    for unit, scale in (("B", 1e9), ("M", 1e6)):
        if value >= scale:
            return f"{value / scale:,.1f} {unit}"
    return count(value)
