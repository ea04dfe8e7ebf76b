"""lmfit check of a pretraining: the corpus, its tokenizer, what is left out, and the probes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig
from lmfit.config.pretraining import PretrainConfig
from lmfit.errors import InputError
from lmfit.stages.corpus import Ready, prepare_corpus
from lmfit.stages.prepare import prepare
from lmfit.stages.probes import load_probes


@dataclass(frozen=True)
class CheckedText:
    """What `check` found."""

    ready: Ready
    probes: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return self.ready.ledger() | {"probes": self.probes}

    def lines(self, command: str) -> list[str]:
        """In words, warnings last but for the next command."""
        told = [f"probe {name}: {rows:,} training rows" for name, rows in self.probes.items()]
        warnings = self.ready.warnings
        counted = "no warnings" if not warnings else console.counted(len(warnings), "warning")
        told += [f"warning: {warning}" for warning in warnings]
        return [*self.ready.lines(), *told, f"checked: {counted}, nothing that stops training; next: {command}"]


def run(
    loaded: LoadedConfig[PretrainConfig],
    *,
    against: str | None,
    label_errors: bool,
    output: Path | None,
    cost_on: str | None = None,
) -> CheckedText:
    """Read, divide and tokenise the corpus, and read the probes' data; nothing is kept but the cache.

    Raises InputError for what is asked of labelled data.
    """
    asked = {"--against": against is not None, "--label-errors": label_errors, "--cost": cost_on is not None}
    for option, given in asked.items():
        if given:
            raise InputError(f"{option} is for labelled data, not for raw text", where=option, fix="leave it out")
    with loaded.located():
        probes = {name: len(prepare(one.config).splits.train) for name, one in load_probes(loaded.config).items()}
        return CheckedText(prepare_corpus(loaded.config), probes)
