"""The ONNX file of a compressed run: exported, quantized, kept in fp32 where that is needed, calibrated anew."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lmfit import console
from lmfit.compression.blocks import BLOCK, quantize_int4
from lmfit.compression.export import Exported, export
from lmfit.compression.quantize import (
    divide_logits,
    quantize_int8,
    quantize_int8_static,
    store_half,
    store_whole,
)
from lmfit.compression.quiet import quiet
from lmfit.compression.sensitivity import worst_first
from lmfit.compression.steps import Work
from lmfit.config.compression import CompressionConfig, Quantization
from lmfit.data.batching import draw_rows, keyed_generator
from lmfit.data.collate import Batch
from lmfit.data.framing import Framer
from lmfit.device import pick_device
from lmfit.errors import ConfigError
from lmfit.evaluation.names import metric as metric_of
from lmfit.inference.backends import TorchBackend
from lmfit.inference.certified import weights_hash
from lmfit.inference.load import load_predictor
from lmfit.inference.onnx import OnnxBackend
from lmfit.inference.predictor import Predictor
from lmfit.models.own_head import HEAD_KEY, Facts
from lmfit.models.plain import LMFIT_KEY
from lmfit.models.save import save_onnx
from lmfit.runs import Run
from lmfit.stages.judge import Judge
from lmfit.stages.temperature import changed, temperature_for, unchanged
from lmfit.tasks.base import Stats, model_inputs

CALIBRATION_ROWS, CALIBRATION_BATCH = 256, 16
SPLIT_ATTENTION = ("int8-static", "int4")
"""What is defined for plain matrix products only, so that attention must not become one node."""
REPAIRABLE = ("int8", "int8-static")


def quantize(made: Run, work: Work) -> tuple[Predictor, dict[str, Any]]:
    """Make model/ of `made`; the predictor that answers from it, and facts for run.json."""
    how = work.config.compression.quantize
    assert how is not None
    started = time.perf_counter()
    with TemporaryDirectory(prefix="lmfit-") as folder:
        exported = source_graph(work.model.cpu(), work.framer, Path(folder), work.config.compression)
        export_seconds = time.perf_counter() - started
        _tell(exported, how)
        target = Path(folder) / "quantized.onnx"
        kept = _made_and_repaired(exported.path, target, how, work)
        quantize_seconds = time.perf_counter() - started - export_seconds
        calibration = _calibrated(target, work)
        told = (work.framer, work.task.name, work.task.state(), calibration, head_of(work.original))
        save_onnx(made.model, work.model, target, *told)
    made.record(model=made.manifest["model"] | {"sha256": weights_hash(made.model)})
    facts = {
        "export": exported.as_dict(),
        "kept_in_fp32": kept,
        "calibration": calibration,
        "seconds": {"export_seconds": round(export_seconds, 3), "quantize_seconds": round(quantize_seconds, 3)},
    }
    return load_predictor(made, unfinished=True), facts


def source_graph(model: Any, framer: Framer, folder: Path, settings: CompressionConfig) -> Exported:
    """The exported graph that is quantized: embeddings of 4 bits are so already.

    Raises ConfigError where they do not divide into blocks.
    """
    few_bits = settings.embedding_bits == 4
    if few_bits:
        check_width(model)
    attention = settings.quantize not in SPLIT_ATTENTION
    exported = export(model, framer, folder, attention=attention, embeddings=not few_bits)
    if not few_bits:
        return exported
    path = folder / "embeddings.onnx"
    quantize_int4(exported.path, path, products=False)
    return replace(exported, path=path)


def check_width(model: Any) -> None:
    """Raises ConfigError where embeddings cannot be cut into whole blocks of 4-bit numbers."""
    width = model.get_input_embeddings().weight.shape[1]
    if width % BLOCK:
        what = f"embeddings of {width} numbers do not divide into blocks of {BLOCK}, as 4 bits need"
        raise ConfigError(what, where="compression.embedding_bits", fix="compression.embedding_bits=8")


def head_of(original: Predictor) -> Facts | None:
    """What the run's model folder tells of a head that transformers has no class for."""
    config = original.backend.model.config  # type: ignore[attr-defined]
    found: Facts | None = (getattr(config, LMFIT_KEY, None) or {}).get(HEAD_KEY)
    return found


def _tell(exported: Exported, how: Quantization) -> None:
    if exported.fused:
        console.say(f"export: attention fused, all of {console.counted(exported.layers, 'layer')}")
    elif how in SPLIT_ATTENTION and not exported.why:
        console.say(f"export: layer norm and GELU fused; attention stays in parts, which {how} can take")
    else:
        console.warn(f"export: {exported.why}; it will be slower than it could be")


def _made_and_repaired(source: Path, target: Path, how: Quantization, work: Work) -> list[str]:
    """Quantize; where validation loses more than allowed, the worst products stay in fp32: 1, 2, 4, ... of them.

    The names of those that did. Nothing stays where that does not bring the metric back.
    """
    batches = _calibration(work) if how in REPAIRABLE else []
    make = maker(source, target, how, batches)
    make([])
    limit = work.config.compression.certificate.max_drop
    if limit is None or work.splits.validation is None or how not in REPAIRABLE:
        return []
    wanted, quantized = _headline(work.original, work), _headline(_predictor(target, work), work)
    if wanted - quantized <= limit:
        return []
    before = _headline(_unquantized(work), work) if work.facts else wanted
    if wanted - before > limit:
        steps = ", ".join(work.facts)
        console.say(f"{steps}: validation has lost {wanted - before:.4f} before int8, more than {limit} already")
        return []
    console.say(f"int8 loses {before - quantized:.4f} on validation{_of(wanted - quantized, work)}, more than {limit}")
    return _repaired(make, source, batches, lambda: wanted - _headline(_predictor(target, work), work), limit)


def _of(drop: float, work: Work) -> str:
    """What is lost in all, where steps before int8 had a part in it."""
    return f", {drop:.4f} with {', '.join(work.facts)}" if work.facts else ""


def _repaired(
    make: Callable[[Sequence[str]], None],
    source: Path,
    batches: Sequence[Batch],
    measured: Callable[[], float],
    limit: float,
) -> list[str]:
    """Keep the worst products in fp32 until the measured drop is within the limit; their names, none if it never is."""
    ranked = [name for name, _ in worst_first(source, batches[:4])]
    console.say("the worst products stay in fp32:")
    count = 1
    while count <= len(ranked) // 2:
        make(ranked[:count])
        drop = measured()
        console.say(
            f"  {count} in fp32 ({', '.join(ranked[: min(count, 3)])}{', ...' if count > 3 else ''}): {drop:+.4f}"
        )
        if drop <= limit:
            return ranked[:count]
        count *= 2
    make([])
    return []


def maker(source: Path, target: Path, how: Quantization, batches: Sequence[Batch]) -> Callable[[Sequence[str]], None]:
    """Writes `target` anew, with some nodes left as they are. batches: what static ranges are taken from."""

    def make(keep: Sequence[str]) -> None:
        with quiet():
            if how == "int8":
                quantize_int8(source, target, keep=keep)
            elif how == "int8-static":
                quantize_int8_static(source, target, batches, keep=keep)
            elif how == "int4":
                quantize_int4(source, target)
            elif how == "fp32":
                store_whole(source, target)
            else:
                store_half(source, target, how)

    return make


def _unquantized(work: Work) -> Predictor:
    return Predictor(TorchBackend(work.model, pick_device("cpu", "fp32")), work.task, work.framer)


def _predictor(path: Path, work: Work) -> Predictor:
    return Predictor(OnnxBackend(path), work.task, work.framer)


def _headline(predictor: Predictor, work: Work) -> float:
    """The headline metric on validation, larger being better."""
    judge = Judge(resamples=0, seed=work.config.seed, texts=False)
    scores = judge.score(predictor, work.splits.validation or (), total=None, out=None)
    sign = 1 if metric_of(scores.headline).better == "higher" else -1
    return sign * float(scores.metrics[scores.headline]["value"] or 0.0)


def _calibration(work: Work) -> list[Batch]:
    """Batches of at most 256 training rows, of like length."""
    examples = list(work.splits.train)
    chosen = draw_rows(keyed_generator(work.config.seed, "calibration rows"), len(examples), CALIBRATION_ROWS)
    encoded = work.task.encode([examples[int(i)] for i in np.sort(chosen)], work.framer, Stats())
    rows = sorted((row for one in encoded for row in one.rows), key=len)
    pieces: Iterator[int] = iter(range(0, len(rows), CALIBRATION_BATCH))
    return [model_inputs(work.task.collate(rows[i : i + CALIBRATION_BATCH], work.framer)) for i in pieces]


def _calibrated(path: Path, work: Work) -> dict[str, Any]:
    """Temperature and thresholds fitted anew on validation: the first goes into the file, the others to the task."""
    validation = work.splits.validation
    if validation is None:
        return unchanged("there is no validation data")
    if hasattr(work.model, "crf"):
        return unchanged("a CRF weighs scores against those of its transitions")
    told = unchanged("evaluation.calibration is none")
    if work.config.evaluation.calibration != "none":
        fitted = temperature_for(_predictor(path, work), validation)
        told = unchanged(fitted) if isinstance(fitted, str) else changed(fitted)
        if told["temperature"] is not None:
            divide_logits(path, told["temperature"])
    work.task.tune(_predictor(path, work).stream(validation))
    return told
