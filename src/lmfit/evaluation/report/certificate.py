"""The view of a compressed model's certificate: what it kept and gained against its parent, and where."""

from dataclasses import dataclass
from typing import Any

from lmfit.evaluation.report.facts import Facts
from lmfit.evaluation.report.files import Json, RunFiles, dig, items, number, records
from lmfit.evaluation.report.scores import Estimate, estimate
from lmfit.evaluation.report.words import MISSING, Words, count, score, size

_LATENCIES = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Certificate:
    """verdict: kept, missed or open, with its sentence. rows: (what, parent, child). facts: about answers and machine.

    metric: its name, parent and child; repeated: (processor, agreement, latency, sentence) of other machines.
    """

    verdict: str
    sentence: str
    rows: list[tuple[str, str, str]]
    metric: tuple[str, Estimate | None, Estimate | None] | None
    facts: Facts
    repeated: list[tuple[str, str, str, str]]


def certificate(run: RunFiles, words: Words) -> Certificate | None:
    """The certificate, or None for a run that has none."""
    found = run.certificate
    if not found:
        return None
    holds, name = dig(found, "verdict", "holds"), dig(found, "metric", "metric")
    metric = None
    if name:
        parent, child = (estimate(dig(found, "metric", role)) for role in ("parent", "child"))
        metric = (words.heading("metric", str(name)), parent, child)
    return Certificate(
        verdict="kept" if holds is True else "missed" if holds is False else "open",
        sentence=str(dig(found, "verdict", "sentence") or ""),
        rows=_rows(found, words),
        metric=metric,
        facts=_facts(run, found, words),
        repeated=[_repeated(one, words) for one in records(found.get("repeated"))],
    )


def _rows(found: Json, words: Words) -> list[tuple[str, str, str]]:
    """Size, memory, start, latency and throughput of parent and child."""
    roles = ("parent", "child")
    rows: list[Any] = [
        (words.plain("certificate.size"), *(size(number(dig(found, "size", f"{r}_bytes"))) for r in roles))
    ]
    memory = [dig(found, "memory", role) for role in roles]
    rows.append((words.plain("certificate.memory"), *(size(number(dig(one, "peak_bytes"))) for one in memory)))
    rows.append((words.plain("certificate.start"), *(words.duration(number(dig(one, "seconds"))) for one in memory)))
    for name in _LATENCIES:
        values = (_milliseconds(number(dig(found, "speed", role, "latency_ms", name))) for role in roles)
        rows.append((words.plain("certificate.latency", percentile=name), *values))
    rates = (count(number(dig(found, "speed", role, "rows_per_second"))) for role in roles)
    return [*rows, (words.plain("certificate.throughput"), *rates)]


def _facts(run: RunFiles, found: Json, words: Words) -> Facts:
    same = dig(found, "parity") or {}
    kept = items(run.manifest.get("kept_in_fp32"))
    facts = [
        (words.plain("certificate.agreement"), score(number(same.get("label_agreement")))),
        (words.plain("certificate.alone"), score(number(same.get("agreement_alone")))),
        (words.plain("certificate.mean"), score(number(same.get("mean_logit_difference")))),
        (words.plain("certificate.largest"), score(number(same.get("largest_logit_difference")))),
        (words.plain("certificate.rows"), count(number(same.get("rows")))),
        (words.plain("certificate.fused"), _of(run, "fused_attention", "layers")),
        (words.plain("certificate.in_fp32"), ", ".join(map(str, kept))),
        (words.plain("certificate.machine"), _machine(found)),
        (words.plain("certificate.versions"), ", ".join(f"{k} {v}" for k, v in (found.get("versions") or {}).items())),
    ]
    return [(term, value) for term, value in facts if value and value != MISSING]


def _of(run: RunFiles, part: str, whole: str) -> str:
    one, other = (number(dig(run.manifest, "export", name)) for name in (part, whole))
    return "" if one is None or other is None else f"{one:.0f} / {other:.0f}"


def _machine(found: Json) -> str:
    told = dig(found, "machine") or {}
    flags = ", ".join(map(str, items(told.get("flags"))))
    return f"{told.get('cpu', MISSING)} ({flags}); {count(number(told.get('threads')))} threads"


def _milliseconds(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f} ms"


def _repeated(found: Json, words: Words) -> tuple[str, str, str, str]:
    latency = _milliseconds(number(dig(found, "speed", "child", "latency_ms", "p50")))
    agreement = score(number(dig(found, "parity", "label_agreement")))
    agreement += f" ({words.plain('certificate.drawn')})" if found.get("drawn") is True else ""
    return _machine(found), agreement, latency, str(dig(found, "verdict", "sentence") or "")
