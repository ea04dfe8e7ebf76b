"""lmfit check: the ledger and the audit of a config's data, beside those of a run where asked."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.config.schema import SEARCH
from lmfit.config.transfer import TransferConfig
from lmfit.data.audit.against import compare_with_run
from lmfit.data.findings import SEVERITIES, Finding
from lmfit.device import pick_device
from lmfit.errors import InputError
from lmfit.evaluation.label_errors import Suspect, Suspects, find_label_errors
from lmfit.runs import Run, find_run, read_json, runs_folder
from lmfit.stages.cost import Cost, estimate
from lmfit.stages.heritage import heritage
from lmfit.stages.prepare import Prepared, prepare
from lmfit.stages.sources import TrainedSource

SHOWN_SUSPECTS = 50
_TEXT = 80


@dataclass(frozen=True)
class Checked:
    """What `check` found."""

    prepared: Prepared
    run: Run | None
    beside_run: list[Finding]
    suspects: Suspects | None
    cost: Cost | None = None
    sources: Sequence[TrainedSource] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        told = self.prepared.ledger.as_dict()
        if self.run is not None:
            told["against"] = {"run": str(self.run.path), "findings": [found.as_dict() for found in self.beside_run]}
        if self.suspects is not None:
            told["label_errors"] = asdict(self.suspects)
        if self.cost is not None:
            told["cost"] = self.cost.as_dict()
        if self.sources:
            told["sources"] = {source.name: source.prepared.ledger.as_dict() for source in self.sources}
        return told

    def lines(self, command: str) -> list[str]:
        """In words, warnings last but for the next command."""
        ledger = self.prepared.ledger
        told = [f"model: {self.prepared.source}", *ledger.lines(), *_told(ledger.findings)]
        if self.run is not None:
            told.append(f"beside {self.run.path}:")
            told += [*_told(self.beside_run)] or ["nothing new: labels, scripts, lengths as the run learnt them"]
        if self.suspects is not None:
            told += _suspect_lines(self.suspects)
        if self.cost is not None:
            told += self.cost.lines()
        for source in self.sources:
            told += [f"{source.name}:", *source.prepared.ledger.lines(), *_told(source.prepared.ledger.findings)]
        number = len(ledger.warnings)
        counted = "no warnings" if not number else console.counted(number, "warning")
        return [*told, f"checked: {counted}, nothing that stops training; next: {command}"]


def run(
    loaded: LoadedConfig, *, against: str | None, label_errors: bool, output: Path | None, cost_on: str | None = None
) -> Checked:
    """Check a config and its data; `cost_on`: a device to trace a few steps on, which gives the cost of training.

    against: a run whose training data is compared with this data; label_errors: whether to look for wrong labels, which
    go to the CSV file `output` where one is given.
    """
    compared = None if against is None else _trained(against)
    if output is not None and output.exists():
        raise InputError(f"`{output}` exists already", where="--output", fix="give another name")
    with loaded.located():
        device = None if cost_on is None else pick_device(cost_on, loaded.config.training.precision)
        prepared = prepare(loaded.config)
        sources = heritage(loaded, prepared).trained if isinstance(loaded.config, TransferConfig) else ()
        _refuse_choices(loaded)
    beside = [] if compared is None else _beside(compared, prepared)
    suspects = find_label_errors(prepared.task.kind, prepared.splits.train) if label_errors else None
    if suspects is not None and not loaded.config.evaluation.texts:
        suspects = replace(suspects, found=[replace(one, word="", text="") for one in suspects.found])
    if suspects is not None and output is not None:
        _write(output, suspects)
        console.say(f"{len(suspects.found):,} suspected label errors -> {output}")
    cost = None if device is None else estimate(prepared, device, Path(loaded.config.output or runs_folder()))
    return Checked(prepared, compared, beside, suspects, cost, sources)


def _refuse_choices(loaded: LoadedConfig) -> None:
    """Raises ConfigError for a search over a value that cannot be tried."""
    if loaded.stage == SEARCH:
        from lmfit.stages.search import prepared

        prepared(loaded, pick_device("cpu")).refuse_choices()


def _beside(compared: Run, prepared: Prepared) -> list[Finding]:
    unknown = {name: split.unknown_share for name, split in prepared.ledger.splits.items()}
    ledger = read_json(compared.path / "ledger.json", "run with a ledger")
    return compare_with_run(compared.path, ledger, prepared.audit, unknown)


def _suspect_lines(suspects: Suspects) -> Iterator[str]:
    """The 50 labels that are most likely wrong."""
    shown = suspects.found[:SHOWN_SUSPECTS]
    judged = f"{suspects.judged:,} of {suspects.rows:,} labels judged"
    if not shown:
        yield f"suspected label errors: none ({judged})"
        return
    yield f"suspected label errors: {len(suspects.found):,} ({judged}); the {len(shown)} most likely:"
    for one in shown:
        text = " ".join(f"{one.word!r} in {one.text}".split() if one.word else one.text.split())
        told = f"`{one.given}`, likely `{one.likely}` ({one.margin:.2f})"
        yield f"  {one.file}:{one.line}  {told}  {_shorten(text)}".rstrip()
    yield "   hint: look at them by eye, from the top; not all are wrong. -o FILE.csv holds all of them"


def _shorten(text: str) -> str:
    """The first 80 characters."""
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _write(output: Path, suspects: Suspects) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Suspect)])
        writer.writerows(astuple(one) for one in suspects.found)


def _trained(name: str) -> Run:
    """The run called `name`. Raises InputError where it keeps no profile of its data."""
    chosen = find_run(name, where="--against")
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
