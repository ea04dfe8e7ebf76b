"""`validation: {folds: 5}`: a child per fold, every row scored by a model that never saw it, a model on all rows."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from lmfit.config.data import FoldsConfig
from lmfit.config.load import LoadedConfig
from lmfit.data.example import Example
from lmfit.data.folds import fold_number, sides
from lmfit.data.sources import Source
from lmfit.evaluation.baseline import fit_baselines
from lmfit.evaluation.scores import Scores
from lmfit.runs import Run, read_json
from lmfit.stages.details import Details
from lmfit.stages.looks import look
from lmfit.stages.prepare import Prepared
from lmfit.stages.recall import read_rows, recall, recalled
from lmfit.stages.scoring import SLICES, judge_of, score_baselines, write_scores, write_slices
from lmfit.stages.seen import Seen, fingerprint_of
from lmfit.stages.several import Child, Several, adopt, tables_of, told

ALL = "all"


class Folds(Several):
    """The folds of a config."""

    def __init__(self, loaded: LoadedConfig, prepared: Prepared) -> None:
        folds = loaded.config.data.validation
        assert isinstance(folds, FoldsConfig)
        self.loaded, self.prepared, self.folds = loaded, prepared, folds
        self.judge = judge_of(prepared.config)

    def plan(self, run: Run, finished: Sequence[Run]) -> Iterator[Child]:
        """fold-1, fold-2, ..., and at last `all`, trained as long as was best in the folds."""
        count = self.folds.folds
        for fold in range(1, count + 1):
            yield Child(f"fold-{fold}", f"fold {fold} of {count}", self._loaded(fold))
        epochs = mean_best_epoch(finished)
        changed = {"epochs": epochs, "max_steps": None, "budget": None, "early_stopping": None, "best_metric": None}
        loaded = self._loaded(0)
        loaded = loaded.having(training=loaded.config.training.model_copy(update=changed))
        task = copy.deepcopy(self.prepared.task)
        task.tune(pair for pair, _ in self._out_of_fold(finished))
        title = f"all rows, for {epochs:.2f} epochs (the mean of the folds' best)"
        yield Child(ALL, title, loaded, replace(self.prepared, config=loaded.config, task=task))

    def _loaded(self, fold: int) -> LoadedConfig:
        validation = self.folds.model_copy(update={"fold": fold})
        data = self.loaded.config.data.model_copy(update={"validation": validation})
        made = self.loaded.having(data=data, model=self.prepared.config.model)
        evaluation = made.config.evaluation.model_copy(update={"robustness": []})
        return made.having(evaluation=evaluation) if fold else made

    def summarise(self, run: Run, children: Sequence[Run]) -> dict[str, Any]:
        """Validation: the predictions of all folds together; test, model and log: those of the model on all rows."""
        *folds, whole = children
        adopt(run, whole)
        task, held = self.prepared.task, self.prepared.held_out
        scores = {"validation": self._pooled(run, folds)}
        for split, source in held.items():
            again = self.judge.scores_of(task, recalled(task, source, whole.predictions(split)))
            scores[split] = replace(again, metrics=whole.metrics[split], tables=tables_of(whole, split))
        facts = write_scores(run, scores, self._baselines(held), self.judge)
        name, epochs = facts["headline"]["metric"], mean_best_epoch(folds)
        listed = [told(fold, name, fold=number) for number, fold in enumerate(folds, 1)]
        looks = {"test": look(run, fingerprint_of(held["test"]))} if "test" in held else {}
        return facts | {
            "looks": looks,
            "calibration": whole.manifest.get("calibration"),
            "several": {
                "by": "folds",
                "chosen": whole.path.name,
                "rows": len(self.prepared.splits.train),
                "epochs": epochs,
                "children": [*listed, told(whole, name)],
            },
        }

    def _pooled(self, run: Run, folds: Sequence[Run]) -> Scores:
        """Scores of all rows, each by the model that did not see it; predictions/validation.jsonl in file order."""
        path = run.predictions("validation")
        path.parent.mkdir(exist_ok=True)

        def written() -> Iterator[tuple[Example, Any]]:
            with open(path, "w", encoding="utf-8") as file:
                for pair, row in self._out_of_fold(folds):
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    yield pair

        seen = Seen(self.prepared.task, self.prepared.config.evaluation.slices)
        scores = self.judge.scores_of(self.prepared.task, seen.watch(written()))
        self._add_slices(run, seen)
        values = {
            name: [fold.metrics["validation"].get(name, {}).get("value") for fold in folds] for name in scores.metrics
        }
        metrics = {name: entry | {"spread": _spread(values[name])} for name, entry in scores.metrics.items()}
        return replace(scores, metrics=metrics)

    def _add_slices(self, run: Run, seen: Seen) -> None:
        """slices.json holds those of the model on all rows; beside them those of the validation rows of all folds."""
        found = Details(self.prepared.config.evaluation, self.judge.seed).slices(seen)
        if found is not None:
            path = run.path / SLICES
            held = read_json(path, "run") if path.is_file() else {}
            write_slices(run.path, {**held, "validation": found})

    def _out_of_fold(self, folds: Sequence[Run]) -> Iterator[tuple[tuple[Example, Any], dict[str, Any]]]:
        """((example, prediction), row) of every training row in file order; the row tells the fold."""
        rows = [read_rows(fold.predictions("validation")) for fold in folds]
        for example, number in self._numbered():
            row = next(rows[number - 1], {}) | {"fold": number}
            yield (example, recall(self.prepared.task, example, row, folds[number - 1].predictions("validation"))), row

    def _numbered(self) -> Iterator[tuple[Example, int]]:
        train = self.prepared.splits.train
        number = fold_number(train, self.folds, self.prepared.config.data.split_seed)
        return ((example, number(example)) for example in train)

    def _baselines(self, held: Mapping[str, Source]) -> dict[str, dict[str, Scores]]:
        """Baselines on the same footing: of each fold those that were fitted without it."""
        task, train = self.prepared.task, self.prepared.splits.train
        number = fold_number(train, self.folds, self.prepared.config.data.split_seed)
        answers: dict[str, list[Iterator[Any]]] = {}
        for fold in range(1, self.folds.folds + 1):
            rest, part = sides(train, self.folds.model_copy(update={"fold": fold}), number)
            for name, baseline in fit_baselines(task.kind, rest).items():
                answers.setdefault(name, []).append(iter(baseline.predict(part)))
        found, _ = score_baselines(task, train, held, self.judge)
        for name, of_fold in answers.items():
            if len(of_fold) == self.folds.folds:
                pairs = ((e, task.from_baseline(e, next(of_fold[n - 1]))) for e, n in self._numbered())
                found.setdefault(name, {})["validation"] = self.judge.scores_of(task, pairs)
        return found


def mean_best_epoch(folds: Sequence[Run]) -> float:
    """The mean over the folds of the epoch that each kept the weights of."""
    return round(fmean(map(best_epoch, folds)), 2)


def best_epoch(run: Run) -> float:
    """The epoch (a fraction where evaluation came within one) at which a run's kept weights were reached."""
    best = run.manifest["best_step"]
    lines = map(json.loads, (run.path / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return float(next(line["epoch"] for line in lines if line["step"] == best))


def _spread(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    sd = stdev(known) if len(known) > 1 else None
    ends = {"min": min(known, default=None), "max": max(known, default=None)}
    return {"over": "folds", "sd": sd, **ends, "n_folds": len(known)}
