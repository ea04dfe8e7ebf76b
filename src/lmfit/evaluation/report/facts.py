"""What the report says of model, data and circumstances, as terms and values."""

from dataclasses import dataclass
from pathlib import PurePath

from lmfit.evaluation.report.files import Json, RunFiles, dig, items, mapping, number, records
from lmfit.evaluation.report.words import MISSING, Words, amount, count, percent, size

Facts = list[tuple[str, str]]
_WINDOWS = ("examples", "windowed", "truncated", "words_cut", "entities_cut")


@dataclass(frozen=True)
class LabelCounts:
    """How often a label stands in each split, and its share of the most frequent label's count in training."""

    label: str
    counts: list[int]
    share: float


@dataclass(frozen=True)
class Ledger:
    """What was read: `splits` are (name, rows, files), `labels` the counts per split in the order of `splits`."""

    splits: list[tuple[str, float | None, list[str]]]
    labels: list[LabelCounts]
    facts: Facts
    notices: list[str]
    sums: list[str]


def ledger(run: RunFiles, words: Words) -> Ledger | None:
    """The data section, or None where the run kept no ledger."""
    if not run.ledger:
        return None
    splits = {str(name): mapping(entry) for name, entry in mapping(run.ledger.get("splits")).items()}
    facts = _known(
        *((words.plain(f"ledger.{name}"), count(number(dig(run.ledger, "windows", name)))) for name in _WINDOWS),
        (words.plain("ledger.unknown_share"), percent(number(run.ledger.get("unknown_share")))),
        (words.plain("ledger.planned_steps"), count(number(run.ledger.get("planned_steps")))),
    )
    rows = [
        (words.heading("split", name), number(entry.get("rows")), [str(file) for file in items(entry.get("files"))])
        for name, entry in splits.items()
    ]
    notices, sums = ([str(text) for text in items(run.ledger.get(name))] for name in ("notices", "sums"))
    return Ledger(rows, _labels(list(splits.values())), facts, notices, sums)


@dataclass(frozen=True)
class FindingRow:
    """What the audit found: its name in the reader's language, where, how often, the first places, what to do."""

    severity: str
    name: str
    split: str
    count: float | None
    places: list[str]
    sentence: str
    fix: str


def findings(run: RunFiles, words: Words) -> list[FindingRow]:
    """What the audit of the data found, as the ledger keeps it."""
    return [
        FindingRow(
            severity=str(found.get("severity", "notice")),
            name=words.heading("finding", str(found.get("kind", ""))),
            split=words.heading("split", str(found.get("split", ""))),
            count=number(found.get("count")) or None,
            places=[str(place) for place in items(found.get("places"))],
            sentence=str(found.get("what", "")),
            fix=str(found.get("fix", "")),
        )
        for found in records(run.ledger.get("findings"))
    ]


def warnings(run: RunFiles, words: Words) -> list[str]:
    """Each warning of the run and of its data once, and the files that could not be read."""
    said = [*items(run.manifest.get("warnings")), *items(run.ledger.get("warnings"))]
    unread = [words.plain("warnings.broken", file=name) for name in run.broken]
    return list(dict.fromkeys([*map(str, said), *unread]))


def model_facts(run: RunFiles, words: Words) -> Facts:
    """The model on the first page."""
    return _known(
        (words.plain("fact.model"), model_name(run)),
        (words.plain("fact.task"), run.manifest.get("task")),
        (words.plain("fact.parameters"), amount(number(dig(run.manifest, "model", "parameters")))),
        (words.plain("fact.language_model_head"), dig(run.manifest, "model", "language_model_head")),
    )


def data_facts(run: RunFiles, words: Words) -> Facts:
    """The data on the first page: rows and files of each split."""
    facts: Facts = []
    unit = "unit.documents" if run.manifest.get("kind") == "language" else "unit.rows"
    for split in ("train", "validation", "test"):
        rows = number(dig(run.ledger, "splits", split, "rows")) or number(dig(run.manifest, "data", split, "rows"))
        files = items(dig(run.manifest, "data", split, "files")) or items(dig(run.ledger, "splits", split, "files"))
        if rows is None and not files:
            continue
        parts = [] if rows is None else [words.plain(unit, rows=count(rows))]
        parts += (
            [words.plain("unit.files", files=len(files))]
            if len(files) > 3
            else [PurePath(str(file)).name for file in files]
        )
        facts.append((words.heading("split", split), " · ".join(parts)))
    return facts


def model_name(run: RunFiles) -> str:
    """What was fine-tuned, as the manifest or the config names it."""
    model = run.config.get("model")
    configured = model if isinstance(model, str) else dig(model, "name")
    return str(dig(run.manifest, "model", "name") or configured or MISSING)


def environment(run: RunFiles, words: Words) -> Facts:
    """Where, how and with what the run was made."""
    manifest = run.manifest
    names = ("stage", "task", "backend", "exactness", "seed", "precision", "parent")
    device, timing, versions = (mapping(manifest.get(part)) for part in ("device", "timing", "versions"))
    return _known(
        *((words.plain(f"fact.{name}"), manifest.get(name)) for name in names),
        (words.plain("fact.device"), " · ".join(str(device[key]) for key in ("name", "kind") if key in device)),
        (words.plain("fact.threads"), device.get("threads")),
        (words.plain("fact.processes"), device.get("processes")),
        *((words.heading("timing", part), words.duration(number(seconds))) for part, seconds in timing.items()),
        (words.plain("fact.memory"), size(number(manifest.get("peak_memory_bytes")))),
        (words.plain("fact.commit"), dig(manifest, "model", "commit")),
        *((str(package), version) for package, version in versions.items()),
        *(
            (words.plain("fact.sha256", split=words.name("split", split)), dig(entry, "sha256"))
            for split, entry in mapping(manifest.get("data")).items()
        ),
    )


def _labels(splits: list[Json]) -> list[LabelCounts]:
    counted = [mapping(entry.get("labels")) for entry in splits]
    names = dict.fromkeys(str(label) for labels in counted for label in labels)
    rows = [(name, [round(number(labels.get(name)) or 0) for labels in counted]) for name in names]
    rows.sort(key=lambda row: [-one for one in row[1]])
    most = max((counts[0] for _, counts in rows), default=0) or 1
    return [LabelCounts(name, counts, counts[0] / most) for name, counts in rows]


def _known(*facts: tuple[str, object]) -> Facts:
    return [(term, str(value)) for term, value in facts if value not in (None, "", MISSING)]
