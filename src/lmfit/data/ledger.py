"""The ledger: what is in the data and what becomes of it, said before training."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lmfit.errors import DataError

UNKNOWN_SHARE = 0.10
FEW_STEPS = 200
SHOWN_LABELS = 12
_WORDS = ("unknown", "vanished")


@dataclass
class SplitLedger:
    """One split: rows, labels, and what encoding did (rows of the model, windows, cuts, unknown words)."""

    rows: int
    labels: dict[str, int]
    files: list[str]
    encoding: dict[str, Any] = field(default_factory=dict)

    def count(self, what: str) -> int:
        """A count of the encoding."""
        return int(self.encoding["counts"].get(what, 0))

    @property
    def unknown_share(self) -> float:
        """Share of the words that hold an unknown token."""
        return self.count("unknown") / max(1, self.count("words"))


@dataclass
class Ledger:
    """All splits together, with notices (what was found out) and warnings (what should be looked at)."""

    splits: dict[str, SplitLedger]
    planned_steps: int
    notices: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self, *, texts: bool = True) -> dict[str, Any]:
        """JSON-able form, with the totals that the report shows; without `texts` no word of the data is in it."""
        total = Counter[str]()
        for split in self.splits.values():
            total.update(split.encoding["counts"])
        windows = {name: total[name] for name in ("examples", "windowed", "truncated", "words_cut", "entities_cut")}
        share = total["unknown"] / max(1, total["words"])
        told = asdict(self) | {"windows": windows, "unknown_share": share}
        for split in told["splits"].values() if not texts else ():
            split["encoding"]["first"] = {k: v for k, v in split["encoding"]["first"].items() if k not in _WORDS}
        return told

    def lines(self) -> list[str]:
        """The ledger in a few lines."""
        told = list(self.notices)
        for name, split in self.splits.items():
            told.append(f"{name}: {split.rows:,} rows{_labels(split.labels)}")
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


def check_unknown(split: SplitLedger, *, allowed: bool, model: str) -> str | None:
    """A warning where over 10 % of the words become unknown tokens, or none at all; an error unless `allowed`."""
    if split.count("vanished") > UNKNOWN_SHARE * max(split.rows, split.count("words")):
        cases = ", ".join(split.encoding["first"]["vanished"])
        what = f"{split.count('vanished'):,} training words or texts become no token at all for `{model}`: {cases}"
        raise DataError(
            what, where=", ".join(split.files[:3]), fix="check model.name: its tokenizer knows none of them"
        )
    share = split.unknown_share
    if share <= UNKNOWN_SHARE:
        return None
    what = f"{share:.0%} of the training words become unknown tokens for `{model}`"
    if not allowed:
        raise DataError(
            f"{what}: {', '.join(split.encoding['first']['unknown'])}",
            where=", ".join(split.files[:3]),
            fix="take a model for this language (model.name), or go on all the same with model.on_unknown=allow",
        )
    return what


def steps_warning(steps: int, steps_per_epoch: int, *, by_epochs: bool) -> str | None:
    """A warning, with the override that mends it, where fewer than 200 optimizer steps are planned."""
    if steps >= FEW_STEPS:
        return None
    more = f"training.epochs={-(-FEW_STEPS // steps_per_epoch)}" if by_epochs else f"training.max_steps={FEW_STEPS}"
    return f"only {steps} optimizer steps are planned, which is often too few; more: {more}"


def alike_labels(train: SplitLedger) -> list[str]:
    """Warnings for labels that differ in nothing but case and blanks."""
    groups: dict[str, list[str]] = {}
    for label in train.labels:
        groups.setdefault(" ".join(label.casefold().split()), []).append(label)
    alike = [
        " and ".join(f"`{name}` ({train.labels[name]:,})" for name in group)
        for group in groups.values()
        if len(group) > 1
    ]
    return [f"train: labels differ only by case or blanks: {'; '.join(alike[:5])}"] if alike else []


def unseen_labels(splits: Mapping[str, SplitLedger]) -> list[str]:
    """Warnings for labels of other splits that the training data does not have."""
    known = splits["train"].labels
    told = []
    for name, split in splits.items():
        unseen = [label for label in split.labels if label not in known]
        if unseen and name != "train":
            shown = ", ".join(f"{label} ({split.labels[label]:,})" for label in unseen[:5])
            told.append(f"{name}: {len(unseen)} labels are not in the training data and can never be right: {shown}")
    return told


def _labels(labels: Mapping[str, int]) -> str:
    if not labels:
        return ""
    shown = ", ".join(f"{label} {count:,}" for label, count in list(labels.items())[:SHOWN_LABELS])
    more = f", and {len(labels) - SHOWN_LABELS} labels more" if len(labels) > SHOWN_LABELS else ""
    return f"; {shown}{more}"


def _encoding_lines(split: SplitLedger) -> list[str]:
    told = []
    if split.count("windowed"):
        where = ", ".join(split.encoding["first"]["windowed"][:3])
        told.append(f"{split.count('windowed'):,} of {split.rows:,} rows are longer than max_length ({where})")
    if split.count("truncated"):
        cut = f", with them {split.count('entities_cut'):,} entities" if split.count("entities_cut") else ""
        told.append(f"{split.count('truncated'):,} rows are cut{cut}")
    if split.count("unknown"):
        cases = ", ".join(split.encoding["first"]["unknown"][:3])
        told.append(f"{split.count('unknown'):,} words ({split.unknown_share:.2%}) become unknown tokens: {cases}")
    if split.count("vanished"):
        cases = ", ".join(split.encoding["first"]["vanished"][:3])
        told.append(f"{split.count('vanished'):,} words or texts become no token at all: {cases}")
    return told
