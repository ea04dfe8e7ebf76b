"""More about a finished run on its own rows: slices and robustness that its config did not ask for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lmfit import console
from lmfit.config.evaluation import EvaluationConfig
from lmfit.config.load import load_run_config
from lmfit.config.schema import FinetuneConfig
from lmfit.data.sources import Source, Splits, load_splits
from lmfit.errors import InputError
from lmfit.evaluation.report import write_report
from lmfit.inference.load import load_predictor
from lmfit.inference.predictor import Predictor
from lmfit.runs import Run, read_json, write_json
from lmfit.stages.details import Details, check_details
from lmfit.stages.judge import Judge
from lmfit.stages.looks import look, looks_told
from lmfit.stages.recall import recalled
from lmfit.stages.robustness import Subject, with_robustness
from lmfit.stages.scoring import SLICES, write_slices
from lmfit.stages.seen import Seen


def judge_own_rows(
    chosen: Run, slices: Sequence[str], robustness: Sequence[str], *, device: str, seed: int | None
) -> list[dict[str, Any]]:
    """Slices and robustness on the run's test rows (without any: validation), from the answers that it kept.

    They are put into the run's slices.json, tables.json and report; its scores stay what they are. Returns the rows of
    the table "robustness". Raises InputError where the run has no such rows, or its data has changed.
    """
    split = _split_of(chosen)
    config = _config(chosen, slices, robustness)
    predictor = load_predictor(chosen, device=device)
    splits = load_splits(config.data, predictor.task.example_kind, keep_columns=bool(slices))
    source: Source = getattr(splits, split)
    check_details(_only_asked(config.evaluation), predictor.task, next(iter(source)), validation=True)
    with chosen.locked():
        return _judged(chosen, split, predictor, splits, config, config.seed if seed is None else seed)


def _judged(
    chosen: Run, split: str, predictor: Predictor, splits: Splits, config: FinetuneConfig, seed: int
) -> list[dict[str, Any]]:
    settings, task, answers = config.evaluation, predictor.task, chosen.predictions(split)
    source: Source = getattr(splits, split)
    judge, seen = Judge(settings.resamples, seed, settings.texts), Seen(task, settings.slices)
    pairs = seen.watch(recalled(task, source, answers))
    clean = replace(judge, resamples=0).scores_of(task, console.progress(pairs, total=len(source), what="reading back"))
    measured = with_robustness(Subject(predictor, source, clean, answers, lambda: splits), settings.robustness, judge)
    if settings.slices:
        held = _held(chosen, SLICES) | {split: Details(settings, seed).slices(seen)}
        write_slices(chosen.path, held)
    rows: list[dict[str, Any]] = measured.tables.get("robustness", [])
    if rows:
        tables = _held(chosen, "tables.json")
        own = tables.get(split, {})
        before = [row for row in own.get("robustness", []) if row["name"] not in {row["name"] for row in rows}]
        write_json(chosen.path / "tables.json", tables | {split: own | {"robustness": [*before, *rows]}})
    looks = chosen.manifest.get("looks", {}) | {split: look(chosen, seen.fingerprint)}
    chosen.record(looks=looks)
    if sentence := looks_told(looks[split], split):
        console.say(sentence)
    console.say(f"report: {write_report(chosen.path)}")
    return rows


def _split_of(chosen: Run) -> str:
    """The split that stands for the run. Raises InputError where the model in model/ has not answered any."""
    fix = "give it labelled rows: --data FILE"
    if not (chosen.path / "run.json").is_file():
        raise InputError(f"`{chosen.path}` is a model folder without rows of its own", fix=fix)
    manifest = chosen.manifest
    split = str((manifest.get("headline") or {}).get("split"))
    pooled = (manifest.get("several") or {}).get("by") == "folds" and split == "validation"
    if pooled or not chosen.predictions(split).is_file():
        raise InputError(f"`{chosen.path}` has no test rows that its model has answered", fix=fix)
    return split


def _config(chosen: Run, slices: Sequence[str], robustness: Sequence[str]) -> FinetuneConfig:
    """The run's config with what is asked for now; slices of before are computed again, as they share a correction."""
    config = load_run_config(chosen, [f"evaluation.robustness={list(robustness)}"]).config
    every = list(dict.fromkeys([*config.evaluation.slices, *slices])) if slices else []
    return config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"slices": every})})


def _only_asked(settings: EvaluationConfig) -> EvaluationConfig:
    """Without what was checked when the run was made."""
    return settings.model_copy(update={"costs": {}, "operating_points": []})


def _held(chosen: Run, file: str) -> dict[str, Any]:
    path = chosen.path / file
    return read_json(path, "run") if path.is_file() else {}
