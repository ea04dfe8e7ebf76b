"""run.json as it fills: device, versions, data, timing, results."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmfit.data.audit.against import write_hashes
from lmfit.data.propose.language import CODES, Letters
from lmfit.device import Device, peak_memory_bytes
from lmfit.models.origin import origin
from lmfit.runs import Run, inside, write_json
from lmfit.stages.assignment import assignment
from lmfit.stages.prepare import Prepared
from lmfit.stages.versions import versions
from lmfit.training.checkpoint import EXACT, ROUNDING, TrainState


def record_start(run: Run, stage: str, prepared: Prepared, device: Device, exactness: str, **remarks: Any) -> None:
    """What is known before training, and the user's remarks; ledger.json, splits.json, hashes of training texts."""
    config = prepared.config
    write_json(run.path / "ledger.json", prepared.ledger.as_dict(texts=config.evaluation.texts))
    write_hashes(run.path, prepared.audit)
    write_json(run.path / "splits.json", assignment(prepared))
    run.record(
        status="running",
        error=None,
        memory=None,
        stage=stage,
        task=prepared.task.name,
        kind=prepared.task.kind,
        language=_language(prepared),
        pipeline_options=prepared.task.pipeline_options,
        backend="pytorch",
        exactness=exactness,
        seed=config.seed if config.seeds is None else None,
        seeds=config.seeds,
        device=device.describe(),
        precision=device.precision,
        versions=versions(),
        data=prepared.fingerprints,
        model={"name": inside(config.model.name), "kind": prepared.source.kind, "commit": prepared.commit}
        | origin(prepared.source),
        parent=inside(config.model.name) if prepared.source.kind == "run" else None,
        warnings=prepared.ledger.warnings,
        timing={"prepare_seconds": round(prepared.seconds, 3)},
        **remarks,
    )


def _language(prepared: Prepared) -> str | None:
    """The code of the language of the training texts, judged by their first 200,000 characters; None if not known."""
    letters = Letters()
    for example in prepared.splits.train:
        letters.add(example.text)
        if letters.left <= 0:
            break
    return CODES.get(letters.language)


def record_result(
    run: Run, model: Any, state: TrainState, device: Device, evaluate_seconds: float, predict_rate: float, **facts: Any
) -> None:
    """What is known after evaluation."""
    manifest = run.manifest
    parameters = sum(p.numel() for p in model.parameters())
    timing = manifest["timing"] | {
        "train_seconds": round(state.train_seconds, 3),
        "evaluate_seconds": round(evaluate_seconds, 3),
    }
    skipped = f"{len(state.skipped)} of {state.step} steps taught nothing: their loss was not a number (offending/)"
    run.record(
        timing=timing,
        warnings=[*manifest["warnings"], *([skipped] if state.skipped else []), *_halved(manifest)],
        model=manifest["model"] | {"parameters": parameters, "bytes": _bytes_of(run.model)},
        steps=state.step,
        best_step=state.best_step if state.best_value is not None else state.step,
        stopped=state.stopped,
        throughput={
            "tokens_per_second": round(state.tokens / max(state.train_seconds, 1e-9), 1),
            "predict_tokens_per_second": round(predict_rate, 1),
        },
        peak_memory_bytes=peak_memory_bytes(device),
        **facts,
    )


def _halved(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Which setting would have needed no halving."""
    if memory := manifest.get("memory"):
        told = f"forward passes were brought down to {memory['micro_batch_tokens']:,} tokens"
        yield f"memory ran out and {told}; training.micro_batch_size={memory['micro_batch_size']} fits from the start"


def record_size(run: Run) -> None:
    """The size of model/ when all of it is written."""
    run.record(model=run.manifest["model"] | {"bytes": _bytes_of(run.model)})


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def record_children(run: Run, children: Sequence[Run], **facts: Any) -> None:
    """What is known of a run made of several: times added up, the rest that of the chosen child."""
    manifests = {child.path.name: child.manifest for child in children}
    kept = manifests[facts["several"]["chosen"]]
    timing = run.manifest["timing"] | {
        name: round(sum(manifest["timing"][name] for manifest in manifests.values()), 3)
        for name in ("train_seconds", "evaluate_seconds")
    }
    memory = max((manifest["peak_memory_bytes"] or 0 for manifest in manifests.values()), default=0)
    same = {"model": run.manifest["model"] | {name: kept["model"][name] for name in ("parameters", "bytes")}}
    same |= {name: kept[name] for name in ("steps", "best_step", "stopped", "throughput")}
    exactness = ROUNDING if any(manifest["exactness"] == ROUNDING for manifest in manifests.values()) else EXACT
    run.record(timing=timing, peak_memory_bytes=memory, exactness=exactness, **same, **facts)
