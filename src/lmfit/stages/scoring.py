"""Score a trained model on all its splits, beside the baselines; write metrics.json, tables.json, predictions/."""

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


def judge_of(config: FinetuneConfig) -> Judge:
    """The judge that the config asks for."""
    return Judge(config.evaluation.resamples, config.seed, config.evaluation.texts)


def score_run(run: Run, prepared: Prepared, predictor: Predictor, judge: Judge) -> dict[str, Any]:
    """Tune on validation, score validation and test, compare with the baselines. Returns facts for run.json."""
    splits = {"validation": prepared.splits.validation, "test": prepared.splits.test}
    held = {name: split for name, split in splits.items() if split is not None}
    if prepared.splits.validation is not None:
        predictor.task.tune(predictor.stream(prepared.splits.validation))
    scores = {
        name: judge.score(predictor, split, total=len(split), out=run.path / "predictions" / f"{name}.jsonl")
        for name, split in held.items()
    }
    baselines = _score_baselines(prepared, held, judge)
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
    beside = {name: by_split[shown] for name, by_split in baselines.items()}
    return {
        "headline": {"split": shown, "metric": scores[shown].headline},
        "verdict": verdict(scores[shown], beside, shown, resamples=judge.resamples, seed=judge.seed),
    }


def _score_baselines(prepared: Prepared, held: dict[str, Source], judge: Judge) -> dict[str, dict[str, Scores]]:
    """Each trivial predictor, fitted on the training data, scored on every split."""
    task = prepared.task
    if not held:
        return {}
    found: dict[str, dict[str, Scores]] = {}
    for name, baseline in fit_baselines(task.kind, prepared.splits.train).items():
        found[name] = {}
        for split_name, split in held.items():
            answers = baseline.predict(split)
            pairs = ((e, task.from_baseline(e, a)) for e, a in zip(split, answers, strict=True))
            found[name][split_name] = judge.scores_of(task, pairs)
    return found
