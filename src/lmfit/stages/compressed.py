"""What a compressed run's files tell: scores beside those of its parent, run.json."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmfit import console
from lmfit.compression.certificate import size_of
from lmfit.compression.steps import Work
from lmfit.config.compression import CompressConfig
from lmfit.data.sources import Source, Splits
from lmfit.device import peak_memory_of_process
from lmfit.evaluation.names import metric
from lmfit.evaluation.scores import Scores
from lmfit.inference.certified import weights_hash
from lmfit.inference.predictor import Predictor
from lmfit.machine import cpu_threads, processor_name
from lmfit.runs import Run, write_json
from lmfit.stages.details import Details
from lmfit.stages.judge import Judge, shown
from lmfit.stages.looks import look
from lmfit.stages.scoring import write_slices
from lmfit.stages.seen import Seen
from lmfit.stages.versions import versions

_OF_PARENT = ("task", "kind", "language", "pipeline_options", "seed", "seeds", "model", "warnings")
ALIKE = 0.9
"""Share of equal decisions below which a compressed model is warned of."""
_SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Judged:
    """The scores by split, looks at the test rows, and what the evaluation took."""

    scores: Mapping[str, Scores]
    looks: Mapping[str, Any]
    seconds: float
    tokens_per_second: float

    @property
    def split(self) -> str:
        """The split that stands for the run; train where nothing is held out."""
        return next((name for name in reversed(_SPLITS) if name in self.scores), "train")


def record_begun(made: Run, parent: Run, stage: str, work: Work, **remarks: Any) -> None:
    """What is known before anything is done."""
    manifest, home = parent.manifest, parent.path.resolve()
    made.record(
        status="running",
        error=None,
        stage=stage,
        parent=str(parent.path),
        parent_paths=[os.path.relpath(home, made.path.resolve()), str(home)],
        parent_sha256=weights_hash(parent.model),
        quantization=work.config.compression.quantize,
        **{name: manifest[name] for name in _OF_PARENT if name in manifest},
        data=manifest.get("data", {}) | work.splits.fingerprints,
        exactness=manifest.get("exactness"),
        versions=versions(),
        **remarks,
    )


def judged_on(parent: Run, split: str, rows: Source) -> bool:
    """Whether the parent's scores of a split are about these rows."""
    return bool(parent.manifest.get("data", {}).get(split, {}).get("sha256") == rows.fingerprint)


def score_compressed(
    made: Run, parent: Run, predictor: Predictor, splits: Splits, config: CompressConfig, calibration: Mapping[str, Any]
) -> Judged:
    """Score what is held out as the parent was, whose baselines are kept; metrics, tables, slices, predictions."""
    held: dict[str, Source] = {name: split for name in _SPLITS if (split := getattr(splits, name)) is not None}
    settings, task = config.evaluation, predictor.task
    judge = Judge(settings.resamples, config.seed, settings.texts)
    seen = {name: Seen(task, settings.slices) for name in held}
    scores = {
        name: judge.score(predictor, split, total=len(split), out=made.predictions(name), seen=seen[name])
        for name, split in held.items()
    }
    validation = seen["validation"].outcomes() if "validation" in seen else None
    details = Details(settings, judge.seed, calibration["temperature"], validation)
    scores = {name: details.added(one, seen[name], {}) for name, one in scores.items()}
    alike = [name for name, split in held.items() if judged_on(parent, name, split)]
    rivals = parent.metrics.get("baseline", {})
    baseline = {name: {split: told[split] for split in alike if split in told} for name, told in rivals.items()}
    write_json(made.path / "metrics.json", {name: one.metrics for name, one in scores.items()} | {"baseline": baseline})
    write_json(made.path / "tables.json", {name: one.tables for name, one in scores.items()})
    write_slices(made.path, {name: details.slices(seen[name]) for name in held})
    looks = {"test": look(made, seen["test"].fingerprint)} if "test" in seen else {}
    return Judged(scores, looks, predictor.seconds, predictor.tokens_per_second)


def record_done(
    made: Run, certificate: Mapping[str, Any], judged: Judged, facts: Mapping[str, Any], *, backend: str
) -> None:
    """What is known in the end."""
    split = judged.split
    scores = judged.scores.get(split)
    remarks = far_apart(certificate["parity"]["label_agreement"])
    for remark in remarks:
        console.warn(remark)
    _record(
        made,
        facts,
        backend=backend,
        precision=made.manifest.get("quantization") or "fp32",
        headline=None if scores is None else {"split": split, "metric": scores.headline},
        verdict=_verdict(certificate, scores, split, made.metrics.get("baseline", {})),
        looks=dict(judged.looks),
        evaluate_seconds=judged.seconds,
        tokens_per_second=judged.tokens_per_second,
        certificate=certificate["verdict"],
        warnings=list(dict.fromkeys([*made.manifest.get("warnings", []), *remarks])),
    )


def record_kept(made: Run, parent: Run, facts: Mapping[str, Any]) -> None:
    """Of a model that is kept beside the result, neither scored nor certified."""
    sentence = "This PyTorch model was kept beside the quantized one and not judged (compression.certify_pytorch)."
    write_json(made.path / "metrics.json", {"baseline": parent.metrics.get("baseline", {})})
    _record(
        made,
        facts,
        backend="pytorch",
        precision="fp32",
        headline=None,
        verdict={"beats_baseline": None, "sentence": sentence},
        looks={},
    )


def _record(
    made: Run, facts: Mapping[str, Any], *, evaluate_seconds: float = 0.0, tokens_per_second: float = 0.0, **more: Any
) -> None:
    """What all compressed runs tell of themselves in run.json."""
    timing = {"prepare_seconds": 0.0, "evaluate_seconds": round(evaluate_seconds, 3)}
    for name, told in (("train_seconds", "train_seconds"), ("cut_seconds", "seconds")):
        timing[name] = round(sum(step.get(told, 0.0) for step in facts.get("compression", {}).values()), 3)
    made.record(
        device={"kind": "cpu", "index": None, "name": processor_name(), "threads": cpu_threads()},
        timing=timing | facts.get("seconds", {}),
        throughput={"tokens_per_second": 0.0, "predict_tokens_per_second": round(tokens_per_second, 1)},
        peak_memory_bytes=peak_memory_of_process(),
        model=made.manifest["model"] | {"parameters": facts["parameters"], "bytes": size_of(made.model)},
        **more,
        **{name: value for name, value in facts.items() if name not in ("seconds", "parameters")},
    )


def far_apart(agreement: float | None) -> list[str]:
    """What is said where the parent decides otherwise so often that another model was made."""
    if agreement is None or agreement >= ALIKE:
        return []
    told = f"{1 - agreement:.1%} of decisions are others than the parent's"
    return [f"{told}: look at its scores before it is shipped (compression.certificate.max_drop limits that)"]


def _verdict(
    certificate: Mapping[str, Any], scores: Scores | None, split: str, baselines: Mapping[str, Any]
) -> dict[str, Any]:
    """A sentence on what was gained and lost against its parent, and whether a trivial baseline is as good."""
    size, speed = certificate["size"]["ratio"], certificate["speed"]
    gained = (
        f"It is {size:.1f} times smaller than its parent and answers single rows {speed['latency_ratio']:.1f} times, "
        f"batches {speed['throughput_ratio']:.1f} times as fast."
    )
    if scores is None:
        return {"beats_baseline": None, "sentence": f"There is neither test nor validation data. {gained}"}
    value, found = scores.metrics[scores.headline], certificate["metric"]["difference"]
    within = "" if found["low"] is None else f" [{found['low']:+.3f}, {found['high']:+.3f}]"
    change = "" if found["value"] is None else f", {found['value']:+.3f}{within} against its parent"
    sentence = f"The compressed model reaches {split} {scores.headline} {shown(value)}{change}. {gained}"
    facts: dict[str, Any] = {"beats_baseline": None}
    if (best := _as_good(scores, split, baselines)) is not None:
        facts = {"beats_baseline": False, "baseline": best}
        rival = shown(baselines[best][split][scores.headline])
        sentence += f" It does not beat a trivial baseline ({best}, {rival})."
    return {**facts, "sentence": sentence}


def _as_good(scores: Scores, split: str, baselines: Mapping[str, Any]) -> str | None:
    """The best of the baselines that score at least as well, by value alone."""
    name = scores.headline
    sign, value = 1 if metric(name).better == "higher" else -1, scores.metrics[name]["value"]
    known = {one: told[split][name]["value"] for one, told in baselines.items() if name in told.get(split, {})}
    known = {one: sign * rival for one, rival in known.items() if rival is not None}
    best = max(known, key=known.__getitem__, default=None)
    return best if best is not None and value is not None and known[best] >= sign * value else None
