"""The front matter of the card, as the Hub reads it: what it is, where it comes from, and how well it scored."""

from collections.abc import Iterator
from typing import Any

from lmfit.evaluation.card.about import hub_data, named_data
from lmfit.evaluation.report.files import RunFiles, dig, mapping
from lmfit.evaluation.report.scores import estimate
from lmfit.evaluation.report.words import Words, capital, score

_HUB_METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "accuracy": ("accuracy", {}),
    "macro_f1": ("f1", {"average": "macro"}),
    "weighted_f1": ("f1", {"average": "weighted"}),
    "micro_f1": ("f1", {"average": "micro"}),
    "mcc": ("matthews_correlation", {}),
    "f1": ("f1", {}),
    "precision": ("precision", {}),
    "recall": ("recall", {}),
    "token.accuracy": ("accuracy", {}),
    "pearson": ("pearsonr", {}),
    "spearman": ("spearmanr", {}),
    "mae": ("mae", {}),
}
"""Metric -> the Hub's name for it, and the arguments it is computed with."""
_TAGS = {"entities": ["named-entity-recognition"], "multi_label": ["multi-label"], "regression": ["regression"]}


def front_matter(run: RunFiles) -> str:
    """The YAML between the two rules. What is not known is left out: the licence above all."""
    from huggingface_hub import ModelCardData

    model, task = mapping(run.manifest.get("model")), str(run.manifest.get("task"))
    results = list(_results(run))
    facts: dict[str, Any] = {
        "language": run.manifest.get("language"),
        "license": model.get("license"),
        "library_name": "transformers",
        "pipeline_tag": task,
        "tags": ["lmfit", *_TAGS.get(str(run.manifest.get("kind")), [])],
        "base_model": model.get("base"),
        "datasets": [found] if (found := hub_data(run)) else None,
        "metrics": list(dict.fromkeys(result.metric_type for result in results)) or None,
    }
    named = {"model_name": run.name, "eval_results": results} if results else {}
    text: str = ModelCardData(**facts, **named).to_yaml(line_break="\n")
    return text.strip()


def _results(run: RunFiles) -> Iterator[Any]:
    """A result of each metric that the Hub has a name for, on test and validation; its interval stands in its name."""
    from huggingface_hub import EvalResult

    task, words = str(run.manifest.get("task")), Words("en")
    data = hub_data(run) or named_data(run)
    for split in ("test", "validation"):
        for name, (kind, arguments) in _HUB_METRICS.items():
            one = estimate(dig(run.metrics, split, name))
            if one is None:
                continue
            interval = f" (95% interval {score(one.low)} to {score(one.high)})" if one.interval else ""
            yield EvalResult(
                task_type=task,
                dataset_type=data or "private",
                dataset_name=data or "local files",
                dataset_config=dig(run.config, "data", "subset") if hub_data(run) else None,
                dataset_revision=dig(run.config, "data", "revision") if hub_data(run) else None,
                dataset_split=_split_name(run, split),
                metric_type=kind,
                metric_value=round(one.value, 4),
                metric_name=capital(words.name("metric", name)) + interval,
                metric_args=arguments or None,
            )


def _split_name(run: RunFiles, split: str) -> str:
    """What the split is called where it comes from: on the Hub it has a name there."""
    named = dig(run.config, "data", split)
    return named if hub_data(run) and isinstance(named, str) else split
