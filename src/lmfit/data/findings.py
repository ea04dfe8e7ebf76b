"""A finding: something in the data that should be known, counted, with the first places and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

SHOWN_PLACES = 3

Severity = Literal["error", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")


@dataclass(frozen=True)
class Finding:
    """One kind of thing found in one split.

    An error stops before training, a warning is a doubt, a notice a fact. `what` is a sentence that holds no text of
    the data but label names; `places` are the first ones as file:line.
    """

    kind: str
    severity: Severity
    what: str
    split: str = ""
    count: int = 0
    places: tuple[str, ...] = ()
    fix: str = ""

    @property
    def sentence(self) -> str:
        """The finding in a line, without the fix."""
        dots = "; ..." if self.count > len(self.places) else ""
        where = f" ({'; '.join(self.places)}{dots})" if self.places else ""
        return f"{self.split}: {self.what}{where}" if self.split else f"{self.what}{where}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self) | {"places": list(self.places)}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The finding that `as_dict` told."""
        return cls(**dict(told) | {"places": tuple(told["places"])})


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings, then notices; else in their order."""
    return sorted(findings, key=lambda found: SEVERITIES.index(found.severity))
