"""Score a trained model on all its splits, beside the baselines; write metrics.json, tables.json, predictions/."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmfit import console
from lmfit.config.schema import FinetuneConfig
from lmfit.data.sources import Source
from lmfit.evaluation.baseline import fit_baselines
from lmfit.evaluation.robustness.drops import drop_line
from lmfit.evaluation.scores import Scores
from lmfit.inference.predictor import Predictor
from lmfit.runs import Run, write_json
from lmfit.stages.details import Details
from lmfit.stages.judge import Judge, verdict
from lmfit.stages.looks import look
from lmfit.stages.robustness import Subject, with_robustness
from lmfit.stages.seen import Seen
from lmfit.tasks.base import Task

if TYPE_CHECKING:
    from lmfit.stages.prepare import Prepared

SLICES = "slices.json"

Facts = Mapping[str, Any]


def judge_of(config: FinetuneConfig) -> Judge:
    """The judge that the config asks for."""
    return Judge(config.evaluation.resamples, config.seed, config.evaluation.texts)


def score_run(run: Run, prepared: "Prepared", predictor: Predictor, judge: Judge, calibration: Facts) -> dict[str, Any]:
    """Tune on validation, score validation and test, compare with the baselines. Returns facts for run.json."""
    held = prepared.held_out
    if prepared.splits.validation is not None:
        predictor.task.tune(predictor.stream(prepared.splits.validation))
    settings = prepared.config.evaluation
    seen = {name: Seen(prepared.task, settings.slices) for name in held}
    scores = {
        name: judge.score(predictor, split, total=len(split), out=run.predictions(name), seen=seen[name])
        for name, split in held.items()
    }
    baselines, beside = score_baselines(prepared.task, prepared.splits.train, held, judge)
    validation = seen["validation"].outcomes() if "validation" in seen else None
    details = Details(settings, judge.seed, calibration["temperature"], validation)
    scores = {name: details.added(one, seen[name], beside[name]) for name, one in scores.items()}
    if held:
        shown = _shown(held)
        answers = run.predictions(shown)
        subject = Subject(predictor, held[shown], scores[shown], answers, lambda: prepared.splits)
        scores[shown] = with_robustness(subject, settings.robustness, judge)
        for row in scores[shown].tables.get("robustness", ()):
            console.say(drop_line(row))
    baselines = {
        b: {name: details.added(one, beside[name][b], {}) for name, one in by_split.items()}
        for b, by_split in baselines.items()
    }
    write_slices(run.path, {name: details.slices(seen[name]) for name in held})
    looks = {"test": look(run, seen["test"].fingerprint)} if "test" in seen else {}
    return write_scores(run, scores, baselines, judge) | {"calibration": calibration, "looks": looks}


def write_scores(
    run: Run, scores: Mapping[str, Scores], baselines: Mapping[str, Mapping[str, Scores]], judge: Judge
) -> dict[str, Any]:
    """Write metrics.json and tables.json; headline and verdict for run.json. baselines: name -> split -> scores."""
    write_json(
        run.path / "metrics.json",
        {name: s.metrics for name, s in scores.items()}
        | {"baseline": {b: {name: s.metrics for name, s in by_split.items()} for b, by_split in baselines.items()}},
    )
    write_json(run.path / "tables.json", {name: s.tables for name, s in scores.items()})
    if not scores:
        sentence = "There is neither test nor validation data, so nothing is known about this model."
        console.warn(sentence)
        return {"headline": None, "verdict": {"beats_baseline": None, "sentence": sentence}}
    shown = _shown(scores)
    rivals = {name: by_split[shown] for name, by_split in baselines.items() if shown in by_split}
    return {
        "headline": {"split": shown, "metric": scores[shown].headline},
        "verdict": verdict(scores[shown], rivals, shown, resamples=judge.resamples, seed=judge.seed),
    }


def _shown(splits: Mapping[str, object]) -> str:
    """The split that stands for the run."""
    return "test" if "test" in splits else "validation"


def write_slices(folder: Path, found: Mapping[str, Mapping[str, Any] | None]) -> None:
    """slices.json, where there are slices: by split; the worst one is said."""
    told = {name: slices for name, slices in found.items() if slices is not None}
    if not told:
        return
    write_json(folder / SLICES, told)
    for name, slices in told.items():
        if slices["worst"] is not None:
            console.say(f"{name}: {slices['worst']['sentence']}")


def score_baselines(
    task: Task, train: Source, held: Mapping[str, Source], judge: Judge
) -> tuple[dict[str, dict[str, Scores]], dict[str, dict[str, Seen]]]:
    """Each trivial predictor, fitted on the training data: its scores by split, and what was seen by split and name."""
    found: dict[str, dict[str, Scores]] = {}
    beside: dict[str, dict[str, Seen]] = {name: {} for name in held}
    for name, baseline in fit_baselines(task.kind, train).items() if held else ():
        found[name] = {}
        for split_name, split in held.items():
            answers = baseline.predict(split)
            pairs = ((e, task.from_baseline(e, a)) for e, a in zip(split, answers, strict=True))
            beside[split_name][name] = Seen(task)
            found[name][split_name] = judge.scores_of(task, beside[split_name][name].watch(pairs))
    return found, beside
