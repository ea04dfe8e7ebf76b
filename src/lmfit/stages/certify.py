"""The certificate of a compressed run: made beside its parent, and repeated on another machine without it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.compression.certificate import compared, judged, parity, size_of, stamp
from lmfit.compression.footprint import footprint
from lmfit.compression.reference import FILE, choose, drawn, make_reference, read_reference
from lmfit.compression.speed import measure
from lmfit.config.compression import CompressConfig
from lmfit.config.load import load_run_config
from lmfit.data.example import Example
from lmfit.data.rows import Row
from lmfit.data.sources import Source, load_splits
from lmfit.durable import write_text
from lmfit.errors import InputError
from lmfit.evaluation.report import write_report
from lmfit.evaluation.scores import Scores
from lmfit.inference.certified import CERTIFICATE, companions_hash, weights_hash
from lmfit.inference.load import load_predictor
from lmfit.inference.predictor import Predictor
from lmfit.runs import Run, read_json, write_json
from lmfit.stages.compressed import judged_on
from lmfit.stages.judge import Judge, without_texts
from lmfit.stages.recall import read_rows, recalled
from lmfit.stages.targets import reached, retained, with_targets
from lmfit.tasks.base import Stats

SCHEMA = 1
BUSY = 2.0
"""How far apart the quartiles of the ratio of two latencies may lie, which differs with the rows' lengths too."""
DRAWN = "parity_of_drawn_rows"
"""Parity on rows of random tokens, which stand in for the texts where no text is kept (evaluation.texts: false)."""


@dataclass(frozen=True)
class Parent:
    """The run that is compressed, and its model in fp32 on the CPU."""

    run: Run
    predictor: Predictor


@dataclass(frozen=True)
class Child:
    """The compressed run and its model. split: the name of the rows that it is judged on, with its scores there.

    temperature: what its logits were divided by, beyond what was done to the parent's.
    """

    run: Run
    predictor: Predictor
    split: str
    rows: Source
    scores: Scores | None
    temperature: float | None


def uncertify(run: Run) -> None:
    """Remove what an interrupted part has certified, since the model is made anew."""
    for name in (CERTIFICATE, FILE):
        (run.path / name).unlink(missing_ok=True)


def certify(parent: Parent, child: Child, config: CompressConfig) -> dict[str, Any]:
    """Measure, write certificate.json and what it rests on; returns it."""
    console.say("certificate: comparing answers and speed with the parent")
    examples = choose(list(child.rows), config.seed)
    same = _parity(parent.predictor, child, examples, config)
    parent_scores = None if child.scores is None else _parent_scores(parent, child, config)
    metric = _metric(child.scores, parent_scores, config)
    speed = _speed(parent.predictor, child.predictor, examples)
    limits, targets = config.compression.certificate, config.compression.targets
    sizes = {name: size_of(run.model) for name, run in (("parent", parent.run), ("child", child.run))}
    ratio = _ratio(*sizes.values())
    aims = reached(targets, {**speed, "size_ratio": ratio, **retained(targets, child.scores, parent_scores)})
    certificate = {
        "schema": SCHEMA,
        "parent": {"run": parent.run.path.resolve().name, "sha256": weights_hash(parent.run.model)},
        "child": {"sha256": weights_hash(child.run.model), "companions_sha256": companions_hash(child.run.model)},
        "limits": limits.model_dump(),
        "split": child.split,
        **same,
        "metric": metric,
        "size": {"parent_bytes": sizes["parent"], "child_bytes": sizes["child"], "ratio": ratio},
        "memory": {"parent": footprint(parent.run.path), "child": footprint(child.run.path)},
        "speed": speed,
        "targets": aims,
        "verdict": with_targets(judged(limits, metric, child.split), aims),
        **stamp(),
    }
    write_json(child.run.path / CERTIFICATE, certificate)
    return certificate


def _parity(parent: Predictor, child: Child, examples: Sequence[Example], config: CompressConfig) -> dict[str, Any]:
    """Parity with the parent, for certificate.json; writes the rows and answers that it can be measured with again."""
    real = make_reference(parent, child.predictor, examples)
    if not len(real):
        console.warn("no row is cut into as many windows as before: answers to rows of random tokens are compared")
    kept = real
    if not (len(real) and config.evaluation.texts):
        rows = real.rows or [[row] for row in _rows(child.predictor, examples)]
        kept = drawn(rows, parent, child.predictor, config.seed)
    kept.save(child.run.path / FILE)
    found = parity(child.predictor, real if len(real) else kept, child.temperature)
    told = {"parity": found | {"left_out": len(examples) - len(real)}}
    return told if kept is real else told | {DRAWN: parity(child.predictor, kept, child.temperature)}


def _rows(predictor: Predictor, examples: Sequence[Example]) -> list[Row]:
    return [row for one in predictor.task.encode(examples, predictor.framer, Stats()) for row in one.rows]


def _metric(child: Scores | None, parent: Scores | None, config: CompressConfig) -> dict[str, Any] | None:
    """None where there are no labelled rows besides those of training."""
    if child is None or parent is None:
        return None
    return compared(child, parent, config.evaluation.resamples, config.seed)


def _speed(parent: Predictor, child: Predictor, examples: Sequence[Example]) -> dict[str, Any]:
    timed = measure({"parent": (parent, _rows(parent, examples)), "child": (child, _rows(child, examples))})
    found: dict[str, Any] = {name: times.told() for name, times in timed.items()}
    one, other = found["parent"], found["child"]
    found["latency_ratio"] = _ratio(one["latency_ms"]["p50"], other["latency_ms"]["p50"])
    found["latency_ratio_between"] = low, high = timed["child"].times_as_fast_as(timed["parent"])
    if high > BUSY * low:
        told = f"half of the single rows were answered {low:.1f} to {high:.1f} times as fast as by the parent"
        console.warn(f"{told}: the machine was busy, so its speed is known roughly only")
    found["throughput_ratio"] = _ratio(other["rows_per_second"], one["rows_per_second"])
    return found


def _ratio(a: float, b: float) -> float:
    return round(a / max(b, 1e-9), 3)


def _parent_scores(parent: Parent, child: Child, config: CompressConfig) -> Scores:
    """The parent's scores on the rows that the child is judged on, from the answers that it kept to the same rows."""
    judge = Judge(config.evaluation.resamples, config.seed, config.evaluation.texts)
    stored, copied = parent.run.predictions(child.split), child.run.path / _of_parent(child.split)
    kept = stored.is_file() and parent.run.manifest.get("several") is None
    if kept and judged_on(parent.run, child.split, child.rows):
        _copy(stored, copied, texts=config.evaluation.texts)
        return judge.scores_of(parent.predictor.task, recalled(parent.predictor.task, child.rows, copied))
    return judge.score(parent.predictor, child.rows, total=len(child.rows), out=copied)


def _copy(stored: Path, copied: Path, *, texts: bool) -> None:
    """The parent's predictions; without texts where they are not to be kept."""
    if texts:
        shutil.copyfile(stored, copied)
        return
    rows = (json.dumps(without_texts(row), ensure_ascii=False) for row in read_rows(stored))
    write_text(copied, "".join(f"{row}\n" for row in rows))


def _of_parent(split: str) -> str:
    return f"predictions/{split}.parent.jsonl"


def recertify(chosen: Run) -> dict[str, Any]:
    """Measure a certified run on this machine and put that beside its certificate; returns what was measured.

    Answers are compared with those of the parent that were kept (to the same rows, or to drawn ones where no text is
    kept); the metric is measured where the labelled rows can be read here. Raises InputError for a run without
    certificate.
    """
    certificate = read_json(chosen.path / CERTIFICATE, "compressed run (lmfit compress makes one)")
    config: Any = load_run_config(chosen).config
    predictor = load_predictor(chosen)
    reference = read_reference(chosen.path / FILE)
    temperature = chosen.manifest.get("calibration", {}).get("temperature")
    split, targets = certificate["split"], config.compression.targets
    child, parent = _scores_here(chosen, predictor, split, config)
    metric = _metric(child, parent, config)
    ratio = _ratio(certificate["size"]["parent_bytes"], size_of(chosen.model))
    aims = reached(targets, {"size_ratio": ratio, **retained(targets, child, parent)})
    measured = {
        "parity": parity(predictor, reference, temperature),
        "drawn": DRAWN in certificate,
        "metric": metric,
        "memory": {"child": footprint(chosen.path)},
        "speed": {"child": measure({"child": (predictor, reference.flat)})["child"].told()},
        "targets": aims,
        "verdict": with_targets(judged(config.compression.certificate, metric, split), aims),
        **stamp(),
    }
    with chosen.locked():
        repeated = [one for one in certificate.get("repeated", []) if one["machine"] != measured["machine"]]
        write_json(chosen.path / CERTIFICATE, certificate | {"repeated": [*repeated, measured]})
        write_report(chosen.path)
    return measured


def _scores_here(
    chosen: Run, predictor: Predictor, split: str, config: CompressConfig
) -> tuple[Scores | None, Scores | None]:
    """The scores of child and parent where the data and the parent's answers can be read, else None, which is said."""
    judge, missed = Judge(config.evaluation.resamples, config.seed, config.evaluation.texts), "labelled rows"
    try:
        rows = getattr(load_splits(config.data, predictor.task.example_kind), split)
        missed = "parent's answers to them"
        parent = judge.scores_of(predictor.task, recalled(predictor.task, rows, chosen.path / _of_parent(split)))
    except InputError as error:
        console.warn(f"the metric is not measured: the {missed} are not here ({str(error).splitlines()[0]})")
        return None, None
    return judge.score(predictor, rows, total=len(rows), out=None), parent


def certificate_lines(measured: Mapping[str, Any]) -> list[str]:
    """What was measured, in words."""
    same, speed = measured["parity"], measured["speed"]["child"]
    told = "" if same["label_agreement"] is None else f", {same['label_agreement']:.2%} of decisions equal"
    rows = "rows of random tokens: texts are not kept" if measured["drawn"] else "rows"
    return [
        measured["verdict"]["sentence"],
        f"answers: logits differ by {same['mean_logit_difference']:.3f} on average, "
        f"{same['largest_logit_difference']:.3f} at most{told} ({same['rows']:,} {rows})",
        f"speed: {speed['latency_ms']['p50']:.1f} ms a row (p99 {speed['latency_ms']['p99']:.1f}), "
        f"{speed['rows_per_second']:,.0f} rows/s in batches of 32, {speed['threads']} threads",
    ]
