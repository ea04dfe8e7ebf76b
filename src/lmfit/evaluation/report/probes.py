"""What a pretraining is worth downstream, as its probes told."""

from dataclasses import dataclass

from lmfit.evaluation.report.files import RunFiles, number, records
from lmfit.evaluation.report.words import Words, score


@dataclass(frozen=True)
class Probe:
    """One row of the table."""

    name: str
    metric: str
    pretrained: str
    other: str
    against: str
    difference: str


def probes(run: RunFiles, words: Words) -> list[Probe]:
    """The probes of a pretraining run."""
    return [
        Probe(
            name=str(probe.get("name", "")),
            metric=words.name("metric", str(probe.get("metric", ""))),
            pretrained=score(number(probe.get("pretrained"))),
            other=score(number(probe.get("other"))),
            against=str(probe.get("against", "")),
            difference=_signed(*(number(probe.get(end)) for end in ("difference", "low", "high"))),
        )
        for probe in records(run.manifest.get("probes"))
    ]


def _signed(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return score(value)
    return f"{score(value)} [{score(low)}, {score(high)}]"
