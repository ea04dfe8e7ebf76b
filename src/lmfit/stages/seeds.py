"""`seeds: [1, 2, 3]`: one child per seed on the same data; means with intervals over seeds and test rows."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lmfit.config.load import LoadedConfig
from lmfit.data.sources import Source
from lmfit.evaluation.names import metric
from lmfit.evaluation.scores import Scores
from lmfit.evaluation.seeds import mean_over_seeds
from lmfit.runs import Run
from lmfit.stages.looks import look
from lmfit.stages.prepare import Prepared
from lmfit.stages.recall import recalled
from lmfit.stages.scoring import judge_of, score_baselines, write_scores
from lmfit.stages.seen import fingerprint_of
from lmfit.stages.several import Child, Several, adopt, tables_of, told


class Seeds(Several):
    """The seeds of a config, on data that was prepared once."""

    def __init__(self, loaded: LoadedConfig, prepared: Prepared) -> None:
        self.loaded, self.prepared = loaded, prepared
        self.seeds: list[int] = loaded.config.seeds or []
        self.judge = judge_of(prepared.config)

    def plan(self, run: Run, finished: Sequence[Run]) -> Iterator[Child]:
        """seed-1, seed-2, ..."""
        for number, seed in enumerate(self.seeds, 1):
            loaded = self.loaded.having(seed=seed, seeds=None, model=self.prepared.config.model)
            prepared = replace(self.prepared, config=loaded.config, task=copy.deepcopy(self.prepared.task))
            yield Child(f"seed-{seed}", f"seed {seed} ({number} of {len(self.seeds)})", loaded, prepared)

    def summarise(self, run: Run, children: Sequence[Run]) -> dict[str, Any]:
        """Means over the seeds; model, log, predictions, slices and tables are those of the best seed.

        So are metrics that are no mean of the rows' answers (calibration, costs, operating points), which say so.
        """
        name = self.prepared.config.training.best_metric or self.prepared.task.headline
        best, chosen_by = self._best(children, name)
        adopt(run, children[best])
        held = self.prepared.held_out
        scores = {split: self._mean(split, source, children, best) for split, source in held.items()}
        baselines, _ = score_baselines(self.prepared.task, self.prepared.splits.train, held, self.judge)
        facts = write_scores(run, scores, baselines, self.judge)
        headline = facts["headline"]["metric"] if facts["headline"] else self.prepared.task.headline
        listed = [told(child, headline, seed=seed) for child, seed in zip(children, self.seeds, strict=True)]
        looks = {"test": look(run, fingerprint_of(held["test"]))} if "test" in held else {}
        return facts | {
            "looks": looks,
            "calibration": children[best].manifest.get("calibration"),
            "several": {
                "by": "seeds",
                "chosen": children[best].path.name,
                "chosen_by": chosen_by,
                "children": listed,
            },
        }

    def _best(self, children: Sequence[Run], name: str) -> tuple[int, str | None]:
        """Which child, and by which metric: the best on validation data; without any the first, by none."""
        sign = 1 if metric(name).better == "higher" else -1
        values = [child.metrics.get("validation", {}).get(name, {}).get("value") for child in children]
        known = [i for i, value in enumerate(values) if value is not None]
        return (max(known, key=lambda i: sign * values[i]), name) if known else (0, None)

    def _mean(self, split: str, source: Source, children: Sequence[Run], best: int) -> Scores:
        point = replace(self.judge, resamples=0)
        each = [
            point.scores_of(self.prepared.task, recalled(self.prepared.task, source, child.predictions(split)))
            for child in children
        ]
        mean = mean_over_seeds(each, self.judge.resamples, self.judge.seed)
        chosen = children[best]
        note = f"of {chosen.path.name} alone, whose model is kept"
        alone = {
            name: {**entry, "note": note} for name, entry in chosen.metrics[split].items() if name not in mean.metrics
        }
        return replace(mean, metrics=mean.metrics | alone, tables=tables_of(chosen, split))
