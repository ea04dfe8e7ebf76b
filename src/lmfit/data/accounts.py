"""Where the lines (items, files, rows) of an input went: all there are = those used + those named as left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Account:
    """One input. total: how many `unit` it has, counted apart from `parts`, what its reader made of how many."""

    file: str
    total: int
    rows: int
    parts: dict[str, int] = field(default_factory=dict)
    unit: str = "lines"

    @property
    def missing(self) -> int:
        """What nobody accounts for; 0 unless a reader has an error."""
        return self.total - sum(self.parts.values())

    def __str__(self) -> str:
        parts = self.parts | {f"{self.unit} that nobody accounts for": self.missing}
        told = " + ".join(f"{count:,} {name}" for name, count in sorted(parts.items(), key=lambda p: -p[1]) if count)
        rows = f", {self.rows:,} rows" if self.rows and "rows" not in self.parts else ""
        return f"{self.file}: {self.total:,} {self.unit} = {told}{rows}"


def row_sums(accounts: Sequence[Account], splits: Mapping[str, tuple[Sequence[str], int]], limited: str) -> list[str]:
    """What became of the rows of files that were not used whole by one split.

    Splits that name a file themselves have each read all of it: their rows do not add up.

    splits: name -> (files, rows used); limited: the key that leaves rows out, or nothing.
    """
    read = {account.file: account.rows for account in accounts}
    readings = Counter(account.file for account in accounts)
    users: dict[tuple[str, ...], dict[str, int]] = {}
    for name, (files, rows) in splits.items():
        users.setdefault(tuple(files), {})[name] = rows
    told = []
    for files, used in users.items():
        if not all(file in read for file in files):
            continue
        total = sum(read[file] for file in files)
        named = f"{', '.join(files[:3])}{' ...' if len(files) > 3 else ''}"
        if len(used) > 1 and any(readings[file] > files.count(file) for file in files):
            each = ", ".join(f"{rows:,} in {name}" for name, rows in used.items())
            told.append(f"{named}: {total:,} rows, read anew for several splits: {each}")
            continue
        parts = [f"{rows:,} in {name}" for name, rows in used.items()]
        if left := total - sum(used.values()):
            parts.append(f"{left:,} left out{f' by {limited}' if limited else ''}")
        if len(parts) > 1:
            told.append(f"{named}: {total:,} rows = {' + '.join(parts)}")
    return told
