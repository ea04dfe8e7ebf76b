"""Score a model on a split, beside trivial baselines, and say in one sentence what the numbers mean."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.data.example import Example
from lmfit.evaluation.names import metric
from lmfit.evaluation.pairs import difference
from lmfit.evaluation.scores import Scores
from lmfit.inference.predictor import Predictor
from lmfit.stages.seen import Seen
from lmfit.tasks.base import Task


@dataclass(frozen=True)
class Judge:
    """How scores are computed: resamples and seed of the bootstrap, and whether texts may be written."""

    resamples: int
    seed: int
    texts: bool

    def score(
        self,
        predictor: Predictor,
        examples: Iterable[Example],
        *,
        total: int | None,
        out: Path | None,
        seen: Seen | None = None,
    ) -> Scores:
        """Predict a split, write its predictions as JSON lines to `out`, and score them; `seen` watches them."""
        pairs: Iterable[tuple[Example, Any]] = console.progress(
            predictor.stream(examples), total=total, what="evaluating"
        )
        if out is not None:
            pairs = self._written(pairs, predictor.task, out)
        if seen is not None:
            pairs = seen.watch(pairs)
        return self.scores_of(predictor.task, pairs)

    def scores_of(self, task: Task, pairs: Iterable[tuple[Example, Any]]) -> Scores:
        """Score predictions that are already there."""
        scores: Scores = task.score(pairs, resamples=self.resamples, seed=self.seed)
        return scores

    def _written(self, pairs: Iterable[tuple[Example, Any]], task: Task, out: Path) -> Iterator[tuple[Example, Any]]:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f".{out.name}")
        with open(temporary, "w", encoding="utf-8") as file:
            for example, prediction in pairs:
                name = example.id or str(example.origin.line)
                facts = {"gold": task.gold(example), "origin": str(example.origin)}
                if example.document is not None:
                    facts["document"] = example.document
                row = {"id": name, **prediction.row(), **facts}
                file.write(json.dumps(row if self.texts else without_texts(row), ensure_ascii=False) + "\n")
                yield example, prediction
        temporary.replace(out)


def without_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """A prediction row without what users wrote; documents keep apart, but not their names."""
    kept = {name: value for name, value in row.items() if name not in ("text", "text_pair")}
    if "entities" in kept:
        kept["entities"] = [{k: v for k, v in entity.items() if k != "text"} for entity in kept["entities"]]
    if "document" in kept:
        kept["document"] = blake2b(kept["document"].encode(), digest_size=8).hexdigest()
    return kept


def verdict(model: Scores, baselines: Mapping[str, Scores], split: str, *, resamples: int, seed: int) -> dict[str, Any]:
    """{"beats_baseline": true | false | null, "sentence", ...}: the model against the strongest trivial baseline.

    True where the 95 % interval of the paired difference lies above 0, False where the value itself is not
    better, None where it is better without being shown to be, or where nothing can be compared.
    """
    name = model.headline
    sign = 1 if metric(name).better == "higher" else -1
    value = model.metrics[name]["value"]
    told = f"{split} {name} {shown(model.metrics[name])}{_over(model.metrics[name])}"
    known = {k: s for k, s in baselines.items() if s.metrics[name]["value"] is not None}
    if value is None or not known:
        return {"beats_baseline": None, "sentence": f"The model reaches {told}."}
    best = max(known, key=lambda k: sign * known[k].metrics[name]["value"])
    found = difference(name, model.repeats or [model.units], [known[best].units], resamples, seed)
    margin = f"{known[best].metrics[name]['value']:.3f}"
    ends = [sign * end for end in (found.low, found.high) if end is not None]
    facts = {"baseline": best, "difference": found.value, "low": found.low, "high": found.high}
    if ends and min(ends) > 0:
        sentence = f"The model reaches {told} and beats the strongest baseline ({best}, {margin})."
        return {"beats_baseline": True, "sentence": sentence, **facts}
    against = f"a trivial baseline: {told} against {margin} of {best}"
    if sign * (value - known[best].metrics[name]["value"]) <= 0:
        return {"beats_baseline": False, "sentence": f"The model does not beat {against}.", **facts}
    why = "the difference may be chance" if ends else "there is too little data for an interval of the difference"
    return {"beats_baseline": None, "sentence": f"The model is not shown to beat {against}; {why}.", **facts}


def _over(entry: Mapping[str, Any]) -> str:
    """What a value stands for where it is not that of one model."""
    spread = entry.get("spread")
    if not spread:
        return ""
    if spread["over"] == "folds":
        return f" ({spread['n_folds']} folds)"
    return f" (mean of {spread['n_seeds']} seeds)" if spread["n_seeds"] > 1 else " (one seed)"


def shown(entry: Mapping[str, Any]) -> str:
    """`0.858 [0.842, 0.873]`."""
    if entry["value"] is None:
        return "not defined"
    interval = "" if entry["low"] is None else f" [{entry['low']:.3f}, {entry['high']:.3f}]"
    return f"{entry['value']:.3f}{interval}"
