"""lmfit check: the ledger and the audit of a config's data, beside those of a run where asked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit.config.load import LoadedConfig
from lmfit.data.audit.against import compare_with_run
from lmfit.data.findings import SEVERITIES, Finding
from lmfit.errors import InputError
from lmfit.runs import Run, find_run, read_json
from lmfit.stages.prepare import Prepared, prepare


@dataclass(frozen=True)
class Checked:
    """What `check` found."""

    prepared: Prepared
    run: Run | None
    beside_run: list[Finding]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        told = self.prepared.ledger.as_dict()
        if self.run is not None:
            told["against"] = {"run": str(self.run.path), "findings": [found.as_dict() for found in self.beside_run]}
        return told

    def lines(self, command: str) -> list[str]:
        """In words, warnings last but for the next command."""
        ledger = self.prepared.ledger
        told = [f"model: {self.prepared.source}", *ledger.lines(), *_told(ledger.findings)]
        if self.run is not None:
            told.append(f"beside {self.run.path}:")
            told += [*_told(self.beside_run)] or ["nothing new: labels, scripts, lengths as the run learnt them"]
        number = len(ledger.warnings)
        counted = "no warnings" if not number else f"{number} warning{'s' if number > 1 else ''}"
        return [*told, f"checked: {counted}, nothing that stops training; next: {command}"]


def run(loaded: LoadedConfig, *, against: str | None, label_errors: bool, output: Path | None) -> Checked:
    """Check a config and its data. `against`: a run whose training data is compared with this data."""
    compared = None if against is None else _trained(against)
    with loaded.located():
        prepared = prepare(loaded.config)
    if compared is None:
        return Checked(prepared, None, [])
    unknown = {name: split.unknown_share for name, split in prepared.ledger.splits.items()}
    ledger = read_json(compared.path / "ledger.json", "run with a ledger")
    return Checked(prepared, compared, compare_with_run(compared.path, ledger, prepared.audit, unknown))


def _trained(name: str) -> Run:
    """The run called `name`. Raises InputError where it keeps no profile of its data."""
    chosen = find_run(name)
    ledger = read_json(chosen.path / "ledger.json", "run with a ledger")
    if "profile" not in ledger.get("splits", {}).get("train", {}):
        what = f"`{chosen.path}` keeps no profile of its training data"
        raise InputError(what, where="--against", fix="train again with this version of lmfit")
    return chosen


def _told(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings, each with what to do about it; what is only worth knowing comes first."""
    for found in sorted(findings, key=lambda found: -SEVERITIES.index(found.severity)):
        yield f"{'noted' if found.severity == 'notice' else 'warning'}: {found.sentence}"
        if found.fix:
            yield f"   hint: {found.fix}"
