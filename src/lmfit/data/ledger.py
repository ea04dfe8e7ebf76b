"""The ledger: what is in the data and what becomes of it, said before training."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lmfit import console
from lmfit.data.accounts import Account
from lmfit.data.audit.scan import Profile
from lmfit.data.findings import SHOWN_PLACES, Finding
from lmfit.errors import DataError

UNKNOWN_SHARE = 0.10
FEW_STEPS = 200
SHOWN_LABELS = 12


@dataclass
class SplitLedger:
    """One split: its files, its profile, and what encoding did (rows of the model, windows, cuts, unknown words)."""

    files: list[str]
    profile: Profile
    encoding: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return self.profile.rows

    def count(self, what: str) -> int:
        """A count of the encoding."""
        return int(self.encoding["counts"].get(what, 0))

    def places(self, what: str) -> tuple[str, ...]:
        """The first places of what encoding met."""
        return tuple(self.encoding["places"].get(what, ())[:SHOWN_PLACES])

    def words(self, what: str) -> str:
        """The first words of what encoding met."""
        return ", ".join(self.encoding["first"].get(what, ()))

    @property
    def unknown_share(self) -> float:
        """Share of the words that hold an unknown token."""
        return self.count("unknown") / max(1, self.count("words"))

    def as_dict(self, *, texts: bool) -> dict[str, Any]:
        """JSON-able form; without `texts` no word of the data is in it."""
        first = self.encoding["first"] if texts else {}
        told = {"rows": self.rows, "labels": self.profile.labels, "files": self.files}
        return told | {"encoding": self.encoding | {"first": first}, "profile": asdict(self.profile)}


@dataclass
class Ledger:
    """All splits together, where the lines of the files went, and what was found (notices, findings)."""

    splits: dict[str, SplitLedger]
    planned_steps: int
    notices: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    sums: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """What should be looked at, as sentences."""
        return [found.sentence for found in self.findings if found.severity == "warning"]

    @property
    def all_sums(self) -> list[str]:
        """Where lines and rows of the files went, in words."""
        return [*dict.fromkeys(map(str, self.accounts)), *self.sums]

    def as_dict(self, *, texts: bool = True) -> dict[str, Any]:
        """JSON-able form, with the totals that the report shows; without `texts` no word of the data is in it."""
        total = Counter[str]()
        for split in self.splits.values():
            total.update(split.encoding["counts"])
        return {
            "splits": {name: split.as_dict(texts=texts) for name, split in self.splits.items()},
            "windows": {
                name: total[name] for name in ("examples", "windowed", "truncated", "words_cut", "entities_cut")
            },
            "unknown_share": total["unknown"] / max(1, total["words"]),
            "planned_steps": self.planned_steps,
            "accounts": [asdict(account) for account in self.accounts],
            "sums": self.all_sums,
            "notices": self.notices,
            "findings": [found.as_dict() for found in self.findings],
            "warnings": self.warnings,
        }

    def lines(self) -> list[str]:
        """The ledger in a few lines; what was found is told apart."""
        told = [*self.notices, *self.all_sums]
        for name, split in self.splits.items():
            told.append(f"{name}: {split.rows:,} rows{_scripts(split.profile)}{_labels(split.profile.labels)}")
        for name, split in self.splits.items():
            told += [f"{name}: {line}" for line in _encoding_lines(split)]
        told.append(f"planned: {self.planned_steps or 'as many as the budget allows'} optimizer steps")
        return told


def count_labels(label_lists: Iterable[Iterable[str]]) -> tuple[int, dict[str, int]]:
    """(rows, label -> how often), most frequent first."""
    rows = 0
    counts: Counter[str] = Counter()
    for labels in label_lists:
        rows += 1
        counts.update(labels)
    return rows, dict(counts.most_common())


def find_in_encoding(splits: Mapping[str, SplitLedger], *, unknown_allowed: bool, model: str) -> list[Finding]:
    """Findings about what the tokenizer and max_length do to the texts. Raises DataError as `check_unknown` does."""
    found = check_unknown(splits["train"], allowed=unknown_allowed, model=model)
    for name, split in splits.items():
        if cut := split.count("truncated"):
            lost = f", and with them {split.count('entities_cut'):,} entities" if split.count("entities_cut") else ""
            what = f"rows longer than max_length, which are cut: {cut:,}{lost}"
            fix = "set data.overflow=window, or raise data.max_length"
            found.append(Finding("cut-texts", "warning", what, name, cut, split.places("truncated"), fix))
        if gone := split.count("vanished"):
            what = f"words or texts that become no token at all: {gone:,}"
            fix = "invisible characters? Such words are never answered, such texts always alike"
            found.append(Finding("vanished-words", "warning", what, name, gone, split.places("vanished"), fix))
    return found


def check_unknown(split: SplitLedger, *, allowed: bool, model: str) -> list[Finding]:
    """A warning where over 10 % of the words become unknown tokens, or none at all; an error unless `allowed`."""
    if split.count("vanished") > UNKNOWN_SHARE * max(split.rows, split.count("words")):
        cases = split.words("vanished") or ", ".join(split.places("vanished"))
        what = f"{split.count('vanished'):,} training words or texts become no token at all for `{model}`: {cases}"
        where = ", ".join(split.files[:3])
        raise DataError(what, where=where, fix="check model.name: its tokenizer knows none of them")
    share = split.unknown_share
    if share <= UNKNOWN_SHARE:
        return []
    what = f"{share:.0%} of the training words become unknown tokens for `{model}`"
    if not allowed:
        fix = "take a model for this language (model.name), or go on all the same with model.on_unknown=allow"
        raise DataError(f"{what}: {split.words('unknown')}", where=", ".join(split.files[:3]), fix=fix)
    fix = "take a model for this language (model.name)"
    return [Finding("unknown-words", "warning", what, "", split.count("unknown"), split.places("unknown"), fix)]


def find_few_steps(steps: int, steps_per_epoch: int, *, by_epochs: bool) -> list[Finding]:
    """A warning, with the override that mends it, where fewer than 200 optimizer steps are planned."""
    if steps >= FEW_STEPS:
        return []
    more = f"training.epochs={-(-FEW_STEPS // steps_per_epoch)}" if by_epochs else f"training.max_steps={FEW_STEPS}"
    planned = f"{console.counted(steps, 'optimizer step')} {'is' if steps == 1 else 'are'} planned"
    what = f"only {planned}, which is often too few; more: {more}"
    return [Finding("few-steps", "warning", what, fix=f"set {more}")]


def _labels(labels: Mapping[str, int]) -> str:
    if not labels:
        return ""
    shown = ", ".join(f"{label} {count:,}" for label, count in list(labels.items())[:SHOWN_LABELS])
    more = f", and {len(labels) - SHOWN_LABELS} labels more" if len(labels) > SHOWN_LABELS else ""
    return f"; {shown}{more}"


def _scripts(profile: Profile) -> str:
    """The scripts of the texts, most frequent first, where at least one row in a hundred is in it."""
    shares = sorted(((n / max(1, profile.rows), name) for name, n in profile.scripts.items()), reverse=True)
    told = [f"{name} {share:.0%}" if share < 1 else name for share, name in shares if share >= 0.01 and name != "none"]
    lengths = profile.characters
    return f"; {', '.join(told) or 'no letters'}; {lengths['median']:,} characters (95 %: {lengths['p95']:,})"


def _encoding_lines(split: SplitLedger) -> list[str]:
    told = []
    if split.count("windowed"):
        where = ", ".join(split.places("windowed"))
        told.append(f"{split.count('windowed'):,} of {split.rows:,} rows are longer than max_length ({where})")
    if split.count("unknown"):
        cases = ", ".join(split.encoding["first"].get("unknown", ())[:3])
        told.append(f"{split.count('unknown'):,} words ({split.unknown_share:.2%}) become unknown tokens: {cases}")
    return told
