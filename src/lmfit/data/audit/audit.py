"""The audit: what is doubtful in the data, found before training, with file and line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from lmfit import console
from lmfit.data.audit.labels import find_label_doubts
from lmfit.data.audit.overlap import find_duplicates, find_near, find_overlaps
from lmfit.data.audit.scan import LabelsOf, Profile, Scan, scan
from lmfit.data.audit.shift import SHIFT_WORDS, shifts
from lmfit.data.audit.sketch import Hashes
from lmfit.data.cache import Entry
from lmfit.data.column import Column, parts
from lmfit.data.findings import Finding, by_severity
from lmfit.data.source import Source
from lmfit.errors import DataError, Problem
from lmfit.version import __version__

VERSION = 2
ODDITIES = {
    "unseen": ("texts with characters that nobody sees (zero-width, soft hyphen)", "take them out"),
    "control": ("texts with control characters", "is data.encoding right? Take them out"),
    "lost": ("texts with U+FFFD, the mark of characters lost in an earlier conversion", "get the text from its source"),
}


@dataclass(frozen=True)
class Audit:
    """What was found, what each split looks like, and the hashes of its texts, sorted (a memory-mapped file)."""

    profiles: dict[str, Profile]
    findings: list[Finding]
    hashes: dict[str, Hashes]


def audited(splits: Mapping[str, Source], labels_of: LabelsOf, kind: object) -> Audit:
    """The audit of all splits; kept by the fingerprint of the data, so that it is made once.

    labels_of: the labels of an example; kind: what else decides on them (JSON-able).
    """
    named = [(name, split.fingerprint, split.files) for name, split in splits.items()]
    key = sha256(json.dumps([VERSION, __version__, named, kind], sort_keys=True, default=str).encode()).hexdigest()[:32]
    entry = Entry(f"audit-{key}", lambda folder: _read(folder) is not None)
    kept = entry.read(_read)
    if kept is None:
        kept = entry.write(partial(_write, _made(splits, labels_of)), _read)
    if kept is None:
        raise OSError(f"the audit in {entry.folder} cannot be read back")
    return kept


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raises DataError with every finding that is an error."""
    problems = [
        Problem(f"{found.split}: {found.what}" if found.split else found.what, ", ".join(found.places), found.fix)
        for found in findings
        if found.severity == "error"
    ]
    if problems:
        raise DataError(problems[0].what, problems=problems)


def _made(splits: Mapping[str, Source], labels_of: LabelsOf) -> Audit:
    scans: dict[str, Scan] = {}
    for name, split in splits.items():
        width = scans["train"].width if scans else None
        rows = console.progress(split, total=len(split), what=f"auditing {name}")
        scans[name] = scan(rows, labels_of, sketched=len(splits) > 1, width=width)
    profiles = {name: one.profile for name, one in scans.items()}
    places = {name: one.label_places for name, one in scans.items()}
    overlaps, in_train = find_overlaps(scans)
    found = find_label_doubts(profiles, places)
    for name, one in scans.items():
        found += [*find_duplicates(name, one), *_find_oddities(name, one)]
    found += overlaps
    for name, exact in in_train.items():
        found += [*find_near(name, scans, splits, exact), *_find_shifts(name, profiles)]
    return Audit(profiles, by_severity(found), {name: one.hashes for name, one in scans.items()})


def _find_oddities(name: str, one: Scan) -> Iterator[Finding]:
    """Characters that hide or are lost; blank texts are counted as they are read: only none but them is told here."""
    for kind, (count, places) in one.oddities.items():
        if kind == "blank" and count == one.profile.rows:
            fix = "does data.columns name the right column?"
            yield Finding("blank-texts", "error", "every text is empty", name, count, tuple(places), fix)
        elif kind != "blank":
            what, fix = ODDITIES[kind]
            told = f"{what}: {count:,} of {one.profile.rows:,}"
            yield Finding(f"{kind}-texts", "warning", told, name, count, tuple(places), fix)


def _find_shifts(name: str, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """A split unlike the training data; another script is a doubt, other labels and lengths are facts."""
    for part, apart in shifts(profiles["train"], profiles[name]).items():
        what = f"{SHIFT_WORDS[part]} differ from the training data by {apart.distance:.0%}: {apart.told}"
        severity = "warning" if part == "scripts" else "notice"
        fix = "scores on it say little about texts like those of training" if part == "scripts" else ""
        yield Finding(f"shifted-{part}", severity, what, name, profiles[name].rows, (), fix)  # type: ignore[arg-type]


def _write(audit: Audit, folder: Path) -> None:
    """Keep an audit in a folder of the cache."""
    told = {
        "profiles": {name: asdict(profile) for name, profile in audit.profiles.items()},
        "findings": [finding.as_dict() for finding in audit.findings],
    }
    (folder / "audit.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    for name, hashes in audit.hashes.items():
        _write_sorted(folder / f"{name}.npy", hashes)


def _write_sorted(path: Path, hashes: Hashes) -> None:
    """The distinct hashes in ascending order, part by part."""
    column = Column(np.uint64)
    for (rows,) in parts(hashes):
        column.append(np.unique(hashes[rows]))
    np.save(path, column.array())


def _read(folder: Path) -> Audit | None:
    """A kept audit, or None where there is none that can be read."""
    try:
        told = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
        profiles = {name: Profile.of(profile) for name, profile in told["profiles"].items()}
        hashes = {name: np.load(folder / f"{name}.npy", "r", allow_pickle=False) for name in profiles}
        return Audit(profiles, [Finding.of(finding) for finding in told["findings"]], hashes)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
