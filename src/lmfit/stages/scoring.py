"""Score a trained model on all its splits, beside the baselines; write metrics.json, tables.json, predictions/."""

from collections.abc import Mapping
from typing import Any

from lmfit import console
from lmfit.config.schema import FinetuneConfig
from lmfit.data.sources import Source
from lmfit.evaluation.baseline import fit_baselines
from lmfit.evaluation.scores import Scores
from lmfit.inference.predictor import Predictor
from lmfit.runs import Run, write_json
from lmfit.stages.judge import Judge, verdict
from lmfit.stages.prepare import Prepared
from lmfit.tasks.base import Task


def judge_of(config: FinetuneConfig) -> Judge:
    """The judge that the config asks for."""
    return Judge(config.evaluation.resamples, config.seed, config.evaluation.texts)


def score_run(run: Run, prepared: Prepared, predictor: Predictor, judge: Judge) -> dict[str, Any]:
    """Tune on validation, score validation and test, compare with the baselines. Returns facts for run.json."""
    held = prepared.held_out
    if prepared.splits.validation is not None:
        predictor.task.tune(predictor.stream(prepared.splits.validation))
    scores = {
        name: judge.score(predictor, split, total=len(split), out=run.predictions(name)) for name, split in held.items()
    }
    baselines = score_baselines(prepared.task, prepared.splits.train, held, judge)
    return write_scores(run, scores, baselines, judge)


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
    shown = "test" if "test" in scores else "validation"
    beside = {name: by_split[shown] for name, by_split in baselines.items() if shown in by_split}
    return {
        "headline": {"split": shown, "metric": scores[shown].headline},
        "verdict": verdict(scores[shown], beside, shown, resamples=judge.resamples, seed=judge.seed),
    }


def score_baselines(
    task: Task, train: Source, held: Mapping[str, Source], judge: Judge
) -> dict[str, dict[str, Scores]]:
    """Each trivial predictor, fitted on the training data, scored on every split."""
    if not held:
        return {}
    found: dict[str, dict[str, Scores]] = {}
    for name, baseline in fit_baselines(task.kind, train).items():
        found[name] = {}
        for split_name, split in held.items():
            answers = baseline.predict(split)
            pairs = ((e, task.from_baseline(e, a)) for e, a in zip(split, answers, strict=True))
            found[name][split_name] = judge.scores_of(task, pairs)
    return found
