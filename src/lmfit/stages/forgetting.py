"""What a target's training made a model forget of its sources: their heads on the encoder as it is afterwards."""

from collections.abc import Iterator
from typing import Any

from lmfit import console
from lmfit.config.load import load_config
from lmfit.config.model import ModelConfig
from lmfit.data.sources import Source
from lmfit.device import Device
from lmfit.errors import InputError
from lmfit.evaluation.pairs import difference
from lmfit.inference.backends import TorchBackend
from lmfit.inference.load import load_predictor
from lmfit.models.freeze import encoder_of
from lmfit.models.load import find_model, load_encoder
from lmfit.runs import Run
from lmfit.stages.judge import Judge
from lmfit.stages.prepare import prepare
from lmfit.stages.recall import recalled


def forgotten(source: Run, rows: dict[str, Source] | None, target: Run, judge: Judge, device: Device) -> dict[str, Any]:
    """{"split", "metric", "before", "after", "gain"} of a source's own test (else validation) rows; {} without any.

    rows: the source's splits where they are read already. after: its head on the encoder of `target`; the two are
    paired row by row. Of a model that no run folder tells about nothing is known.
    """
    try:
        headline = source.manifest.get("headline") or {}
        split, name = headline["split"], headline["metric"]
        held = (_rows_of(source) if rows is None else rows)[split]
    except (InputError, KeyError) as error:
        console.say(f"what is forgotten of `{source.path}` cannot be measured: {error}")
        return {}
    predictor = load_predictor(source, device=str(device.torch_device))
    before = judge.scores_of(predictor.task, recalled(predictor.task, held, source.predictions(split)))
    assert isinstance(predictor.backend, TorchBackend)
    encoder = encoder_of(predictor.backend.model)
    encoder.load_state_dict(dict(_encoder_of(target)), strict=False)
    after = judge.score(predictor, held, total=len(held), out=None)
    found = difference(name, [after.units], [before.units], judge.resamples, judge.seed)
    told = {"split": split, "metric": name, "before": before.metrics[name], "after": after.metrics[name]}
    return told | {"difference": {"value": found.value, "low": found.low, "high": found.high}}


def _rows_of(run: Run) -> dict[str, Source]:
    """The held-out rows of a finished run, read again."""
    return prepare(load_config(run.stage, run.config).config).held_out


def _encoder_of(run: Run) -> Iterator[tuple[str, Any]]:
    encoder, missing = load_encoder(find_model(ModelConfig(name=str(run.path))))
    return ((name, tensor) for name, tensor in encoder.state_dict().items() if name not in missing)
