"""New data beside what a run was trained on: labels, overlap, drift, unknown words."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmfit.data.audit.audit import Audit
from lmfit.data.audit.scan import Profile
from lmfit.data.audit.shift import SHIFT_WORDS, shifts
from lmfit.data.audit.sketch import Hashes
from lmfit.data.column import blocks
from lmfit.data.example import Example
from lmfit.data.findings import Finding, by_severity
from lmfit.data.normal import digest, normal_text
from lmfit.errors import InputError

HASHES = "hashes.npy"
_SHOWN = 5
_CHUNK = 4096
_UNKNOWN_RISE = 0.02


def write_hashes(folder: Path, audit: Audit) -> None:
    """Keep the hashes of the training texts in a run folder, 8 bytes a distinct text; no text can be read from them."""
    beside = folder / f".{HASHES}"
    with open(beside, "wb") as file:
        np.save(file, audit.hashes["train"])
    beside.replace(folder / HASHES)


def read_hashes(folder: Path) -> Hashes:
    """The hashes that `write_hashes` kept, memory-mapped. Raises InputError where there are none."""
    try:
        hashes: Hashes = np.load(folder / HASHES, "r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        what = f"`{folder}` keeps no hashes of its training texts, so overlap with them cannot be found"
        raise InputError(what, where="--against", fix="train again with this version of lmfit") from None
    return hashes


def trained_on(folder: Path, examples: Iterable[Example]) -> str | None:
    """A warning where the run in `folder` was trained on texts of `examples`; None where not, or no hashes are kept.

    Texts count as the same as in the audit: alike but for case, blanks and characters nobody sees.
    """
    if not (folder / HASHES).is_file():
        return None
    known = read_hashes(folder)
    rows = shared = 0
    stream = iter(examples)
    while chunk := list(islice(stream, _CHUNK)):
        rows += len(chunk)
        digests = np.frombuffer(b"".join(digest(normal_text(example)) for example in chunk), "<u8")
        shared += int(_known(digests, known).sum())
    if not shared:
        return None
    share = f"{shared:,} of {rows:,} rows"
    return f"{share} are texts that the run was trained on: a score on them says nothing about new texts"


def _known(asked: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which of the hashes are among the known ones, which ascend."""
    if not len(known):
        return np.zeros(len(asked), bool)
    found: NDArray[np.bool_] = known[np.searchsorted(known, asked).clip(max=len(known) - 1)] == asked
    return found


def compare_with_run(
    folder: Path, ledger: Mapping[str, Any], audit: Audit, unknown: Mapping[str, float]
) -> list[Finding]:
    """Findings about the splits of `audit` beside the training data of the run in `folder`.

    ledger: the run's ledger.json; unknown: share of unknown words of each split now.
    """
    trained = ledger["splits"]["train"]
    before, hashes = Profile.of(trained["profile"]), read_hashes(folder)
    counts = trained["encoding"]["counts"]
    share = counts.get("unknown", 0) / max(1, counts.get("words", 0))
    found: list[Finding] = []
    for name, after in audit.profiles.items():
        found += _labels(name, before, after)
        found += _overlap(name, hashes, audit.hashes[name])
        for part, apart in shifts(before, after).items():
            what = f"{SHIFT_WORDS[part]} differ from what the run learnt by {apart.distance:.0%}: {apart.told}"
            found.append(
                Finding(f"drifted-{part}", "warning", what, name, after.rows, (), "train again with such rows")
            )
        if unknown[name] - share > _UNKNOWN_RISE:
            what = f"words unknown to the tokenizer: {unknown[name]:.1%}, when the run was trained {share:.1%}"
            found.append(Finding("drifted-unknown", "warning", what, name, 0, (), "see which words they are"))
    return by_severity(found)


def _labels(name: str, before: Profile, after: Profile) -> list[Finding]:
    new = [label for label in after.labels if label not in before.labels]
    gone = [label for label in before.labels if label not in after.labels]
    found = []
    if new:
        fix = "the run cannot give them; train again with them"
        what = f"labels that the run does not know: {len(new):,} ({_listed(new, after)})"
        found.append(Finding("new-labels", "warning", what, name, len(new), (), fix))
    if gone and after.labels:
        what = f"labels of the run that are gone: {len(gone):,} ({_listed(gone, before)})"
        found.append(Finding("labels-gone", "warning" if name == "train" else "notice", what, name, len(gone)))
    return found


def _overlap(name: str, known: Hashes, asked: Hashes) -> list[Finding]:
    """Distinct texts that the run was trained on: a leak in validation and test, a fact in train."""
    shared = sum(int(_known(block, known).sum()) for _, block in blocks(asked))
    if not shared:
        return []
    what = f"distinct texts that the run was trained on: {shared:,} of {len(asked):,}"
    if name == "train":
        return [Finding("trained-on", "notice", what, name, shared)]
    fix = "a score of this run on them says nothing about new texts; take them out"
    return [Finding("trained-on", "warning", what, name, shared, (), fix)]


def _listed(labels: list[str], profile: Profile) -> str:
    shown = ", ".join(f"{label} {profile.labels[label]:,}" for label in labels[:_SHOWN])
    return shown + (", ..." if len(labels) > _SHOWN else "")
