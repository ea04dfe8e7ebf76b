"""What reading chose or met, gathered as sentences and findings; the caller decides where they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lmfit.data.accounts import Account
from lmfit.data.findings import SHOWN_PLACES, Finding
from lmfit.data.mistakes import Mistakes

_MOST_FILES = 3


@dataclass
class _Counted:
    number: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, where: object) -> None:
        self.number += 1
        if len(self.places) < SHOWN_PLACES:
            self.places.append(str(where))


class Notices:
    """Sentences in the order they came, each once with the files it is about; counted events; accounts of files.

    mistakes: wrap what may raise a DataError for one row in `with notices.mistakes`; with `gather`, reading goes on
    after it and all are raised together.
    """

    def __init__(self, *, gather: bool = False) -> None:
        self.mistakes = Mistakes(gather=gather)
        self._said: dict[str, dict[str, None]] = {}
        self._counts: dict[str, _Counted] = {}
        self._doubts: dict[tuple[str, str, str], _Counted] = {}
        self.accounts: list[Account] = []

    def say(self, sentence: str, file: str = "") -> None:
        """Add a sentence; about a file where one is named. Files with the same sentence share it."""
        about = self._said.setdefault(sentence, {})
        if file:
            about[file] = None

    def count(self, what: str, where: object) -> None:
        """One more of `what` (such as "blank lines passed over"), met at `where`: a fact that needs no action."""
        self._counts.setdefault(what, _Counted()).add(where)

    def doubt(self, kind: str, what: str, where: object, fix: str) -> None:
        """One more of `what`, met at `where`, that may be a mistake in the data; becomes a finding called `kind`."""
        self._doubts.setdefault((kind, what, fix), _Counted()).add(where)

    def account(
        self, file: str, total: int | None, rows: int, parts: Mapping[str, int], *, unit: str = "lines"
    ) -> None:
        """What became of a file's lines (or items, files): `rows` rows; `parts` sums to `total` where that is known."""
        if total is not None:
            self.accounts.append(Account(file, total, rows, {**parts}, unit))

    @property
    def facts(self) -> list[str]:
        """Sentences, and counted events such as "blank lines passed over: 12, first at train.csv:17"."""
        said = [f"{_listed(list(about))}: {sentence}" if about else sentence for sentence, about in self._said.items()]
        return said + [_told(what, counted) for what, counted in self._counts.items()]

    @property
    def doubts(self) -> list[Finding]:
        """The doubts as warnings."""
        return [
            Finding(kind, "warning", f"{what}: {c.number:,}", count=c.number, places=tuple(c.places), fix=fix)
            for (kind, what, fix), c in self._doubts.items()
        ]

    @property
    def counted(self) -> list[str]:
        """The counted events and doubts only."""
        doubts = {what: counted for (_, what, _), counted in self._doubts.items()}
        return [_told(what, counted) for what, counted in (self._counts | doubts).items()]

    @property
    def sentences(self) -> list[str]:
        """Facts and doubts, all as sentences."""
        return self.facts + [_told(what, counted) for (_, what, _), counted in self._doubts.items()]


def _told(what: str, counted: _Counted) -> str:
    return f"{what}: {counted.number:,}, first at {counted.places[0]}"


def _listed(files: list[str]) -> str:
    more = len(files) - _MOST_FILES
    return ", ".join(files[:_MOST_FILES]) + (f" and {more} more" if more > 0 else "")
